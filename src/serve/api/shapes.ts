import { z } from 'zod';
import { DRIVE_STATUSES } from '../../domain/copy-status.ts';
import type { BoundDisk, ExportRequest, JobDetails, PlanRequest } from '../../domain/job.ts';
import type { OwnStorage } from '../../domain/job-storage.ts';
import type { BlobEvidence, Verdict } from '../../domain/verdict.ts';
import { jobFileSchema } from '../../job-schema.ts';
import { jobStorageSchema } from '../../job-storage.ts';
import type { LedgerEvent } from '../../ledger/contract.ts';
import { alertView, diskView, driveView, jobView, stationInfo } from '../wire.ts';
import { extraDrive, packing, parcel } from '../wire-parcels.ts';
import { list, time } from '../wire-shapes.ts';

/** What the station API answers beyond the view of `wire.ts`, and what its documents call it all. */

const count = z.int().min(0);
const words = z.record(z.string(), z.string()).readonly();
const packageInformation = z.record(z.string(), z.union([z.string(), z.number()])).readonly();

const exportRequest = z.object({
  blobList: z
    .object({
      blobPath: list(z.string()).exactOptional(),
      blobPathPrefix: list(z.string()).exactOptional(),
    })
    .exactOptional(),
  blobListBlobPath: z.string().exactOptional(),
}) satisfies z.ZodType<ExportRequest>;

const plan = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('image'), container: z.string(), blobPrefix: z.string() }),
  z.object({ kind: z.literal('tree'), container: z.string(), blobPrefix: z.string() }),
  z.object({ kind: z.literal('manifest') }),
]) satisfies z.ZodType<PlanRequest>;

export const ownStorage = z.object({
  kind: z.enum(['account-key', 'sas', 'container-sas']),
  blobEndpoint: z.string(),
  container: z.string().exactOptional().describe('The one that a SAS is for.'),
  expiresAt: z.string().exactOptional().describe('The end of a SAS, as it says it.'),
}) satisfies z.ZodType<OwnStorage>;

const jobDetails = z.object({
  jobType: z.enum(['Import', 'Export']),
  storageAccount: z.string(),
  ownStorage: ownStorage.exactOptional(),
  storageAccountId: z.string().exactOptional(),
  subscriptionId: z.string(),
  resourceGroup: z.string(),
  location: z.string(),
  diagnosticsPath: z.string(),
  logLevel: z.enum(['Error', 'Verbose']),
  backupDriveManifest: z.boolean(),
  returnAddress: words.exactOptional(),
  returnShipping: words.exactOptional(),
  deliveryPackage: packageInformation.exactOptional(),
  returnPackage: packageInformation.exactOptional(),
  export: exportRequest.exactOptional(),
  encryptionKey: words.exactOptional(),
  identityType: z.enum(['None', 'SystemAssigned', 'UserAssigned']).exactOptional(),
  tags: words.exactOptional(),
  plan,
}) satisfies z.ZodType<JobDetails>;

export const jobInFull = jobView.extend({ details: jobDetails });

const blobEvidence = z.object({
  name: z.string(),
  url: z.string(),
  plannedBytes: count,
  readBytes: count.describe('Bytes read from the disk without an error.'),
  computedMd5: z
    .string()
    .describe(
      'Computed from what was read; empty when bad places kept it from being read in order.',
    ),
  treeDigest: z.string().describe('Root of the hash tree over the SHA-256 of every block.'),
  committed: z
    .object({ lengthBytes: count, md5: z.string().optional(), blocksAgree: z.boolean() })
    .describe('What the store answered after the commit.'),
  unreadable: z
    .object({
      first: list(z.object({ offsetBytes: count, lengthBytes: count })),
      count,
      untriedBytes: count,
    })
    .exactOptional()
    .describe('What the disk did not give: zeros in the blob. The rescue map lists all of it.'),
}) satisfies z.ZodType<{ [K in keyof BlobEvidence]: unknown }>;

const verdict = driveView.shape.verdict.unwrap();
const verdictInFull = verdict.extend({
  copyStatus: z.enum(DRIVE_STATUSES).describe('The word for it in the copy log.'),
  blobs: list(blobEvidence),
}) satisfies z.ZodType<{
  [K in keyof Verdict]: unknown;
}>;

const boundDisk = z.object({
  serial: z.string(),
  sizeBytes: count,
  wwns: list(z.string()),
  bay: z.string(),
}) satisfies z.ZodType<BoundDisk>;

export const driveInFull = driveView.extend({
  verdict: verdictInFull.nullable(),
  boundDisk: boundDisk.nullable(),
});

const resolved = z.object({
  at: time,
  by: z.string().describe('`station` when its condition ended by itself.'),
  resolution: z.string().nullable(),
  note: z.string().nullable(),
});
export const alert = alertView.extend({ resolved: resolved.nullable() });

export const ledgerEvent = z.object({
  sequence: z.int().min(1),
  at: time,
  actor: z.string(),
  entity: z.string(),
  type: z.string(),
  data: z.unknown(),
  hash: z.string().describe('SHA-256 over the hash before it and this entry, 64 hex digits.'),
}) satisfies z.ZodType<{ [K in keyof LedgerEvent]: unknown }>;

/** An answer that says no more than that it was done. */
export const done = z.object({ ok: z.literal(true) });
export const DONE = { ok: true } as const;

export const problem = z.object({
  error: z.object({
    code: z.string().describe('For programs; `docs/ERRORS.md` has what to do about each.'),
    message: z.string().describe('For people.'),
    details: z.unknown().describe('What belongs to the code, for example every problem found.'),
  }),
});

/** Names and descriptions of the shapes that stand on their own in the OpenAPI document. */
export const NAMED_SHAPES: readonly (readonly [z.ZodType, string, string])[] = [
  [stationInfo, 'Station', 'The station itself: what it sees, and whether it can work.'],
  [jobView, 'Job', 'A job as the screens show it.'],
  [jobDetails, 'JobDetails', 'What the customer said of the job.'],
  [jobInFull, 'JobInFull', 'A job with what the customer said of it.'],
  [jobFileSchema, 'JobFile', 'A new job; members as in the job file, `config/examples` has some.'],
  [
    jobStorageSchema,
    'JobStorage',
    'The storage that a job brings, with its secret; never answered.',
  ],
  [ownStorage, 'OwnStorage', 'What may be shown of the storage that a job brings.'],
  [driveView, 'Drive', 'One line of a job’s drive list, and what happens to it.'],
  [driveInFull, 'DriveInFull', 'A drive with the evidence of each blob and the disk it began on.'],
  [driveView.shape.activity, 'DriveActivity', 'What happens to the drive at this moment.'],
  [driveView.shape.hang.unwrap(), 'Hang', 'What waits for a disk that does not answer.'],
  [driveView.shape.progress.unwrap(), 'Progress', 'How far the copy is, from its journal.'],
  [driveView.shape.fault.unwrap(), 'Fault', 'Why a drive waits for a person, and what to do.'],
  [driveView.shape.logs.unwrap(), 'CopyLogs', 'Where the copy logs are.'],
  [driveView.shape.state, 'DriveState', 'The states of the public contract, and `Faulted`.'],
  [driveView.shape.publicState, 'PublicDriveState', 'What the public job API shows.'],
  [driveView.shape.copyStatus.unwrap(), 'CopyStatus', 'The public word for how a copy went.'],
  [verdict, 'Verdict', 'How the copy went, and whether the disk may be pulled.'],
  [verdictInFull, 'VerdictInFull', 'A verdict with the evidence of each blob.'],
  [blobEvidence, 'BlobEvidence', 'What was read from the disk and what the store holds.'],
  [diskView, 'Disk', 'A disk that is plugged in.'],
  [diskView.shape.match, 'DiskMatch', 'Whose the disk is, and why.'],
  [boundDisk, 'BoundDisk', 'The disk that a drive’s copy began on.'],
  [extraDrive, 'ExtraDrive', 'A disk on no list that was seen; it is not read.'],
  [parcel, 'Parcel', 'A parcel of a job, in or out.'],
  [alert, 'Alert', 'Something that waits for an operator.'],
  [packing, 'PackingList', 'What goes into the parcel back.'],
  [ledgerEvent, 'Event', 'An entry of the hash-chained event log.'],
  [problem, 'Problem', 'A refusal.'],
];
