import { Command } from 'commander';
import { renderTable } from '../client/table.ts';
import { StationError } from '../errors.ts';
import type { DiskView, StationView } from '../serve/wire.ts';
import { ask, type Choices, done, jobPath } from './asking.ts';
import {
  addStationOptions,
  runWithSignal,
  type StationOptions,
  stationClient,
  withStationOptions,
} from './station-options.ts';

const DEFAULT_COLUMNS = 120;

/** `drive-station drives`: what is in the bays, and the answers that a person can give. */
export function drivesCommand(): Command {
  const command = new Command('drives')
    .description('list the drives of all jobs and the disks in the bays')
    .option('--json', 'print the drives and disks as JSON')
    .action((options: Choices) =>
      runWithSignal(async (signal) => {
        const view = await stationClient(options).view(signal);
        process.stdout.write(`${options.json === true ? asJson(view) : asTable(view)}\n`);
      }),
    );
  command.addCommand(confirmCommand());
  command.addCommand(retryCommand());
  command.addCommand(endCommand());
  return addStationOptions(command);
}

function confirmCommand(): Command {
  const command = new Command('confirm')
    .description('say which drive the disk in a bay is, after reading its label')
    .argument('<bay>', 'name of the bay, or the key of the disk')
    .argument('<job>', 'name of the job')
    .argument('<drive>', 'drive id, as on the label and in the job')
    .action((bay: string, jobName: string, driveId: string, _options: object, command: Command) =>
      runWithSignal(async (signal) => {
        const client = stationClient(command.optsWithGlobals<StationOptions>());
        const disk = diskIn(bay, await client.view(signal));
        await client.confirmDisk({ disk: disk.key, jobName, driveId }, signal);
        process.stdout.write(`The disk in ${disk.bay} is drive ${driveId} of job ${jobName}.\n`);
      }),
    );
  return withStationOptions(command);
}

function retryCommand(): Command {
  const command = new Command('retry')
    .description('let a drive that needs you go on where it was')
    .argument('<job>', 'name of the job')
    .argument('<drive>', 'drive id')
    .action((jobName: string, driveId: string, _options: object, command: Command) =>
      runWithSignal(async (signal) => {
        await stationClient(command.optsWithGlobals<StationOptions>()).retryDrive(
          jobName,
          driveId,
          signal,
        );
        process.stdout.write(`Drive ${driveId} of job ${jobName} goes on.\n`);
      }),
    );
  return withStationOptions(command);
}

function endCommand(): Command {
  const command = new Command('end')
    .description(
      'end a drive that cannot be copied, or whose disk is gone in mid-copy; what the store has of it and is in no blob yet is lost',
    )
    .argument('<job>', 'name of the job')
    .argument('<drive>', 'drive id')
    .requiredOption('--reason <reason>', 'what the customer is told')
    .action(async (jobName: string, driveId: string) => {
      const choices = command.optsWithGlobals<StationOptions & { readonly reason: string }>();
      const path = jobPath(jobName, 'drives', driveId, 'end-without-copy');
      const body = { reason: choices.reason };
      await ask(choices, { method: 'POST', path, body, answer: done });
      process.stdout.write(`Drive ${driveId} of job ${jobName} ends without a copy.\n`);
    });
  return withStationOptions(command);
}

/** A bay holds one disk; two under one name means that the name is wrong, so the key is asked for. */
function diskIn(bay: string, view: StationView): DiskView {
  const found = view.disks.filter((disk) => disk.bay === bay || disk.key === bay);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const words =
    found.length === 0
      ? `There is no disk in ${bay}. Bays with a disk: ${view.disks.map((disk) => disk.bay).join(', ') || 'none'}.`
      : `${found.length} disks are in a bay called ${bay}; give the key: ${found.map((disk) => disk.key).join(' or ')}.`;
  throw new StationError('disk-not-found', words, { disk: bay });
}

function asJson({ drives, disks }: StationView): string {
  return JSON.stringify({ drives, disks }, null, 2);
}

function asTable(view: StationView): string {
  const columns = process.stdout.columns ?? DEFAULT_COLUMNS;
  return renderTable(view, { columns, now: new Date() });
}
