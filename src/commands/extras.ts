import { Command } from 'commander';
import { z } from 'zod';
import { shortId, table } from '../client/text.ts';
import { StationError } from '../errors.ts';
import { extraDrive } from '../serve/wire-parcels.ts';
import { anyJob, ask, type Choices, JOBS, print } from './asking.ts';
import { addStationOptions, withStationOptions } from './station-options.ts';

const EXTRAS = '/api/v1/extras';
const extra = extraDrive.loose();
type Extra = z.output<typeof extra>;

/** `drive-station extras`: disks on no list that are here, and whose parcel each came in. */
export function extrasCommand(): Command {
  const command = new Command('extras')
    .description('list the disks on no list that are here and have to go back')
    .option('--json', 'print what the station answers')
    .action(async (choices: Choices) => {
      const extras = await listed(choices);
      const words =
        extras.length === 0 ? 'there is no extra drive' : await tableOf(extras, choices);
      print(choices, extras, () => words);
    });
  command.addCommand(assignSub());
  command.addCommand(takenAwaySub());
  return addStationOptions(command);
}

function assignSub(): Command {
  const command = new Command('assign')
    .description('say whose parcel an extra drive came in; it goes back with that job')
    .argument('<id>', 'of the extra drive, or its beginning')
    .argument('<job>', 'name of the job')
    .action(async (id: string, jobName: string) => {
      const choices = command.optsWithGlobals<Choices>();
      const found = extraNamed(id, await listed(choices));
      const path = `${EXTRAS}/${found.id}/assign`;
      const request = { method: 'POST', path, body: { jobName }, answer: extra } as const;
      const assigned = await ask(choices, request);
      print(choices, assigned, () => `${nameOf(found)} goes back with ${jobName}`);
    });
  return withStationOptions(command);
}

function takenAwaySub(): Command {
  const command = new Command('taken-away')
    .description('say that an extra drive is not here any more, and went with no parcel')
    .argument('<id>', 'of the extra drive, or its beginning')
    .action(async (id: string) => {
      const choices = command.optsWithGlobals<Choices>();
      const found = extraNamed(id, await listed(choices));
      const path = `${EXTRAS}/${found.id}/taken-away`;
      const gone = await ask(choices, { method: 'POST', path, body: {}, answer: extra });
      print(choices, gone, () => `${nameOf(found)} is off the list`);
    });
  return withStationOptions(command);
}

async function listed(choices: Choices): Promise<Extra[]> {
  const answer = z.object({ extras: z.array(extra) });
  return (await ask(choices, { method: 'GET', path: EXTRAS, answer })).extras;
}

async function tableOf(extras: readonly Extra[], choices: Choices): Promise<string> {
  const answer = z.object({ jobs: z.array(anyJob) });
  const { jobs } = await ask(choices, { method: 'GET', path: JOBS, answer });
  const names = new Map(jobs.map(({ id, name }) => [id, name]));
  const head = ['ID', 'SERIAL', 'MODEL', 'BAY', 'SEEN', 'GOES BACK WITH'];
  const rows = extras.map(({ id, serial, model, bay, seenAt, jobId }) => [
    shortId(id),
    serial ?? 'no serial',
    model ?? '-',
    bay,
    seenAt,
    jobId === null ? '? (extras assign)' : (names.get(jobId) ?? jobId),
  ]);
  return table([head, ...rows]);
}

function extraNamed(id: string, extras: readonly Extra[]): Extra {
  const found = extras.filter((candidate) => candidate.id.startsWith(id));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const words =
    found.length === 0
      ? `there is no extra drive ${id}; look at drive-station extras`
      : `${found.length} extra drives begin with ${id}; give more of the id`;
  throw new StationError('extra-not-found', words, { extra: id });
}

function nameOf({ serial, bay }: Extra): string {
  return serial ?? `the disk without a serial in ${bay}`;
}
