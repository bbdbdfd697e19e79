import { Command, Option } from 'commander';
import { z } from 'zod';
import { checkInText } from '../client/parcel-text.ts';
import { type CheckInView, diskView, driveView, stationInfo } from '../serve/wire.ts';
import { parcel as parcelShape } from '../serve/wire-parcels.ts';
import { ask, type Choices, jobPath, print } from './asking.ts';
import { EXIT } from './exit-codes.ts';

interface CheckInChoices extends Choices {
  readonly carrier?: string;
  readonly tracking?: string;
  readonly complete?: boolean;
  readonly missing?: 'come-later' | 'never-received';
}

const parcel = parcelShape.loose();

/** Opens a parcel, shows the list of the one that is open, or says that it is unpacked. */
export function checkInSub(): Command {
  return new Command('check-in')
    .description('unpack a parcel: its list is ticked off as disks are plugged in')
    .argument('[name]', 'the job whose parcel it is; without it the open one is shown')
    .option('--carrier <carrier>', 'as on its label, with --tracking')
    .option('--tracking <number>', 'as on its label, with --carrier')
    .option('--complete', 'the open parcel is unpacked')
    .addOption(
      new Option('--missing <what>', 'what becomes of listed drives that were not in it').choices([
        'come-later',
        'never-received',
      ]),
    )
    .action(async (name: string | undefined, choices: CheckInChoices, command: Command) => {
      const mistake = mistakeIn(name, choices);
      if (mistake !== undefined) command.error(`error: ${mistake}`, { exitCode: EXIT.usage });
      if (name !== undefined) await open(name, choices);
      if (choices.complete === true) await complete(choices, command);
      else await show(choices);
    });
}

function mistakeIn(name: string | undefined, choices: CheckInChoices): string | undefined {
  const { carrier, tracking, complete: isComplete = false, missing } = choices;
  if ((carrier === undefined) !== (tracking === undefined)) {
    return '--carrier and --tracking go together';
  }
  if (carrier !== undefined && name === undefined) return 'a label needs the name of the job';
  if (name !== undefined && isComplete) return 'give either the name of a job or --complete';
  return missing === undefined || isComplete ? undefined : '--missing goes with --complete';
}

async function open(name: string, choices: CheckInChoices): Promise<void> {
  const { carrier: carrierName, tracking: trackingNumber } = choices;
  const body = carrierName === undefined ? {} : { shipment: { carrierName, trackingNumber } };
  await ask(choices, { method: 'POST', path: jobPath(name, 'check-in'), body, answer: parcel });
}

async function complete(choices: CheckInChoices, command: Command): Promise<void> {
  const { parcel: unpacked } = await read(choices);
  const { missing = [], jobName = '' } = unpacked ?? {};
  if (missing.length > 0 && choices.missing === undefined) {
    const words = `not in the parcel of ${jobName}: ${missing.join(', ')}; say --missing come-later or --missing never-received`;
    command.error(`error: ${words}`, { exitCode: EXIT.usage });
  }
  const body = { missing: choices.missing ?? 'come-later' };
  const path = '/api/v1/check-in/complete';
  const ended = await ask(choices, { method: 'POST', path, body, answer: parcel });
  print(choices, ended, () => completedWords(jobName, missing, choices.missing));
}

function completedWords(
  jobName: string,
  missing: readonly string[],
  they: CheckInChoices['missing'],
): string {
  const rest = missing.length === 0 ? 'all of it is here' : `${missing.join(', ')}: ${they}`;
  return `the parcel of ${jobName} is unpacked; ${rest}`;
}

async function show(choices: CheckInChoices): Promise<void> {
  const { parcel: unpacked } = await read(choices);
  if (unpacked === null) {
    print(choices, null, () => 'no parcel is being unpacked');
    return;
  }
  const words = await listOf(unpacked, choices);
  print(choices, unpacked, () => words);
}

function read(choices: Choices) {
  return ask(choices, { method: 'GET', path: '/api/v1/station', answer: stationInfo });
}

async function listOf(unpacked: CheckInView, choices: Choices): Promise<string> {
  const drivesAnswer = z.object({ drives: z.array(driveView) });
  const disksAnswer = z.object({ disks: z.array(diskView) });
  const drives = await ask(choices, {
    method: 'GET',
    path: '/api/v1/drives',
    answer: drivesAnswer,
  });
  const disks = await ask(choices, { method: 'GET', path: '/api/v1/disks', answer: disksAnswer });
  return checkInText(unpacked, { ...drives, ...disks }, new Date());
}
