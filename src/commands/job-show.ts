import { Command } from 'commander';
import { z } from 'zod';
import { table } from '../client/text.ts';
import { printable } from '../console/format.ts';
import { type DriveView, driveView, type JobView } from '../serve/wire.ts';
import { parcel } from '../serve/wire-parcels.ts';
import { anyJob, ask, type Choices, jobPath, print } from './asking.ts';
import { driveCount, percentOf, stateOf } from './job-words.ts';

const drivesAnswer = z.object({ drives: z.array(driveView.loose()) });
const parcelsAnswer = z.object({ parcels: z.array(parcel.loose()) });
type Parcel = z.output<typeof parcelsAnswer>['parcels'][number];

/** What the carrier was given, as the public contract keeps it. */
const returned = z.object({
  details: z.object({
    returnPackage: z.record(z.string(), z.union([z.string(), z.number()])).exactOptional(),
  }),
});
const jobAnswer = anyJob.extend(returned.shape);
type ShownJob = z.output<typeof jobAnswer>;

export function showSub(): Command {
  return new Command('show')
    .description('show a job, its drives and its parcels')
    .argument('<name>')
    .action(async (name: string, choices: Choices) => {
      const read = <A>(path: string, answer: z.ZodType<A>) =>
        ask(choices, { method: 'GET', path, answer });
      const job = await read(jobPath(name), jobAnswer);
      const { drives } = await read(jobPath(name, 'drives'), drivesAnswer);
      const { parcels } = await read(jobPath(name, 'parcels'), parcelsAnswer);
      print(choices, { ...job, drives, parcels }, () =>
        [
          summary(job),
          ...faultOf(job),
          driveTable(drives),
          ...parcelTable(parcels),
          ...returnOf(job),
        ].join('\n\n'),
      );
    });
}

function summary(job: JobView): string {
  const done = job.percentComplete === null ? '' : `, ${percentOf(job)} done`;
  return `${job.name}: ${stateOf(job)}${done}, ${driveCount(job)}, to storage account ${job.storageAccount}`;
}

function faultOf({ fault }: JobView): string[] {
  return fault === null ? [] : [`! ${printable(fault.reason)}\n  ${printable(fault.nextStep)}`];
}

function driveTable(shown: readonly DriveView[]): string {
  const head = ['DRIVE', 'STATE', 'NOW', 'BAY', 'SAFE TO REMOVE'];
  const rows = shown.map((drive) => [
    drive.driveId,
    drive.state,
    drive.activity.kind,
    drive.bay ?? '-',
    drive.verdict?.safeToRemove === true ? 'yes' : 'no',
  ]);
  return table([head, ...rows]);
}

function parcelTable(parcels: readonly Parcel[]): string[] {
  if (parcels.length === 0) return [];
  const head = ['PARCEL', 'WHEN', 'BY', 'CARRIER', 'TRACKING', ''];
  const rows = parcels.map(({ direction, openedAt, openedBy, shipment, completedAt }) => [
    direction,
    openedAt,
    openedBy,
    shipment?.carrierName ?? '-',
    shipment?.trackingNumber ?? '-',
    completedAt === undefined ? 'being unpacked' : '',
  ]);
  return [table([head, ...rows])];
}

function returnOf({ details: { returnPackage } }: ShownJob): string[] {
  if (returnPackage === undefined) return [];
  const { carrierName, trackingNumber, driveCount: count, shipDate } = returnPackage;
  return [`sent back ${shipDate} with ${carrierName} ${trackingNumber}, drives: ${count}`];
}
