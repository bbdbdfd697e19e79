import { z } from 'zod';
import type { BlobName } from '../domain/blob-name.ts';
import { DRIVE_STATUSES } from '../domain/copy-status.ts';
import { type DriveState, PUBLIC_DRIVE_STATES } from '../domain/drive-state.ts';
import type {
  BoundDisk,
  CopyProgress,
  Drive,
  DriveId,
  Job,
  JobDetails,
  JobId,
  JobName,
  ListedDrive,
} from '../domain/job.ts';
import { JOB_STATES, type JobState } from '../domain/job-state.ts';
import type { OwnStorage } from '../domain/job-storage.ts';
import type { ParcelId } from '../domain/parcel.ts';
import type { CopyPlan } from '../domain/plan.ts';
import type { DriveLogs, Verdict } from '../domain/verdict.ts';
import type { CopyRecord, CopyTask } from './contract.ts';
import type { CopyTable, DriveTable, JobTable } from './tables.ts';

/** What is in the rows, as schemas: nothing leaves the ledger that was not checked on the way out. */

const text = (value: unknown) => typeof value === 'string' && value !== '';
export const jobId = z.custom<JobId>(text);
const jobName = z.custom<JobName>(text);
export const driveId = z.custom<DriveId>(text);
export const parcelId = z.custom<ParcelId>(text);
const blobName = z.custom<BlobName>(text);
const count = z.int().min(0);
const words = z.record(z.string(), z.string());
const parcel = z.record(z.string(), z.union([z.string(), z.number()]));
const JOB_TYPES = ['Import', 'Export'] as const;

/** Text that is JSON of the given shape. */
function json<T>(shape: z.ZodType<T>) {
  return z
    .string()
    .transform((value, context): unknown => {
      try {
        return JSON.parse(value);
      } catch {
        context.addIssue('not JSON');
        return z.NEVER;
      }
    })
    .pipe(shape);
}

const ownStorage: z.ZodType<OwnStorage> = z.strictObject({
  kind: z.enum(['account-key', 'sas', 'container-sas']),
  blobEndpoint: z.string(),
  container: z.string().exactOptional(),
  expiresAt: z.string().exactOptional(),
});

const jobDetails: z.ZodType<JobDetails> = z.strictObject({
  jobType: z.enum(JOB_TYPES),
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
  deliveryPackage: parcel.exactOptional(),
  returnPackage: parcel.exactOptional(),
  export: z
    .strictObject({
      blobList: z
        .strictObject({
          blobPath: z.array(z.string()).exactOptional(),
          blobPathPrefix: z.array(z.string()).exactOptional(),
        })
        .exactOptional(),
      blobListBlobPath: z.string().exactOptional(),
    })
    .exactOptional(),
  encryptionKey: words.exactOptional(),
  identityType: z.enum(['None', 'SystemAssigned', 'UserAssigned']).exactOptional(),
  tags: words.exactOptional(),
  plan: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('image'), container: z.string(), blobPrefix: z.string() }),
    z.strictObject({ kind: z.literal('tree'), container: z.string(), blobPrefix: z.string() }),
    z.strictObject({ kind: z.literal('manifest') }),
  ]),
});

const boundDisk: z.ZodType<BoundDisk> = z.strictObject({
  serial: z.string(),
  sizeBytes: count,
  wwns: z.array(z.string()),
  bay: z.string(),
});

const progress: z.ZodType<CopyProgress> = z.strictObject({
  totalBytes: count,
  stagedBytes: count,
  verifiedBytes: count,
});

const plan: z.ZodType<CopyPlan> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('image'),
    totalBytes: count,
    blobs: z.array(
      z.strictObject({
        name: blobName,
        lengthBytes: count,
        blockBytes: count,
        extents: z.array(z.strictObject({ offsetBytes: count, lengthBytes: count })),
      }),
    ),
  }),
  z.strictObject({ kind: z.literal('files'), totalBytes: count, files: count }),
]);

const verdict: z.ZodType<Verdict> = z.strictObject({
  outcome: z.enum(['Completed', 'CompletedMoreInfo']),
  copyStatus: z.enum(DRIVE_STATUSES),
  safeToRemove: z.boolean(),
  reasons: z.array(
    z.strictObject({
      code: z.enum([
        'all-verified',
        'bytes-missing',
        'bytes-unreadable',
        'size-differs',
        'digest-differs',
        'blocks-differ',
        'disk-was-written',
        'write-count-unknown',
        'ended-without-copy',
        'drive-refused',
        'file-failed',
        'files-missing',
        'files-renamed',
        'files-overwritten',
        'files-skipped',
        'entries-left-out',
        'disk-confirmed',
        'filesystem-damaged',
        'damage-unknown',
      ]),
      words: z.string(),
    }),
  ),
  plannedBytes: count,
  verifiedBytes: count,
  kernelWrites: count.nullable(),
  blobs: z.array(
    z.strictObject({
      name: z.string(),
      url: z.string(),
      plannedBytes: count,
      readBytes: count,
      computedMd5: z.string(),
      treeDigest: z.string(),
      committed: z.strictObject({
        lengthBytes: count,
        // JSON leaves an undefined digest out.
        md5: z
          .string()
          .optional()
          .transform((md5) => md5),
        blocksAgree: z.boolean(),
      }),
      unreadable: z
        .strictObject({
          first: z.array(z.strictObject({ offsetBytes: count, lengthBytes: count })),
          count,
          untriedBytes: count,
        })
        .exactOptional(),
    }),
  ),
  files: z
    .strictObject({
      planned: count,
      completed: count,
      withErrors: count,
      skipped: count,
      renamed: count,
      overwritten: count,
    })
    .exactOptional(),
});

const driveLogs: z.ZodType<DriveLogs> = z.strictObject({
  errorLogUri: z.string().exactOptional(),
  verboseLogUri: z.string().exactOptional(),
  manifestUri: z.string().exactOptional(),
  fileListUri: z.string().exactOptional(),
  rescueMapUri: z.string().exactOptional(),
  problem: z.string().exactOptional(),
});

const driveState: z.ZodType<DriveState> = z.discriminatedUnion('name', [
  z.strictObject({ name: z.enum(['Specified', 'NeverReceived', 'Received', 'ShippedBack']) }),
  z.strictObject({ name: z.literal('Transferring'), copyId: z.string() }),
  z.strictObject({
    name: z.enum(['Completed', 'CompletedMoreInfo']),
    copyId: z.string().nullable(),
  }),
  z.strictObject({
    name: z.literal('Faulted'),
    fault: z.strictObject({
      code: z.string(),
      reason: z.string(),
      nextStep: z.string(),
      since: z.string().default(''),
      publicState: z.enum(PUBLIC_DRIVE_STATES),
    }),
  }),
]);

const jobState: z.ZodType<JobState> = z.discriminatedUnion('name', [
  z.strictObject({ name: z.enum(JOB_STATES), since: z.iso.datetime() }),
  z.strictObject({
    name: z.literal('Faulted'),
    since: z.iso.datetime(),
    fault: z.strictObject({
      code: z.enum(['arrived-before-shipping', 'put-aside']),
      reason: z.string(),
      nextStep: z.string(),
      publicState: z.enum(JOB_STATES),
    }),
  }),
]);

const jobRow = z.object({
  id: jobId,
  name: jobName,
  state: z.string(),
  state_data: json(z.record(z.string(), z.unknown())),
  state_since: z.iso.datetime(),
  awaited_since: z.iso.datetime().nullable(),
  cancel_requested: z.union([z.literal(0), z.literal(1)]),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  created_by: z.string(),
  updated_by: z.string(),
  details: json(jobDetails),
});

/** Without the sealed credential, which `credential-rows.ts` alone reads. */
export function jobOf(row: Omit<JobTable, 'storage_credential'>): Job {
  const { id, name, details, ...rest } = jobRow.parse(row);
  return {
    id,
    name,
    state: jobState.parse({ ...rest.state_data, name: rest.state, since: rest.state_since }),
    ...(rest.awaited_since === null ? {} : { awaitedSince: rest.awaited_since }),
    cancelRequested: rest.cancel_requested === 1,
    createdAt: rest.created_at,
    updatedAt: rest.updated_at,
    createdBy: rest.created_by,
    updatedBy: rest.updated_by,
    details,
  };
}

const listedDrive: z.ZodType<ListedDrive> = z.strictObject({
  manifestFile: z.string().exactOptional(),
  manifestHash: z.string().exactOptional(),
  driveHeaderHash: z.string().exactOptional(),
});

const driveRow = z.object({
  job_id: jobId,
  drive_id: driveId,
  job_name: jobName,
  state: z.string(),
  state_data: json(z.record(z.string(), z.unknown())),
  listed: json(listedDrive).nullable(),
  parcel_id: parcelId.nullable(),
  bound_disk: json(boundDisk).nullable(),
  progress: json(progress).nullable(),
  verdict: json(verdict).nullable(),
  logs: json(driveLogs).nullable(),
});

/** A drive with the name of its job and what its copy says, as `drives.ts` joins them. */
export type JoinedDrive = Omit<DriveTable, 'bit_locker_key'> & {
  readonly job_name: string;
} & Pick<CopyTable, 'progress' | 'verdict' | 'logs'> & { readonly bound_disk: string | null };

export function driveOf(row: JoinedDrive): Drive {
  const parsed = driveRow.parse(row);
  return {
    ref: { jobId: parsed.job_id, driveId: parsed.drive_id },
    jobName: parsed.job_name,
    state: driveState.parse({ ...parsed.state_data, name: parsed.state }),
    ...(parsed.listed === null ? {} : { listed: parsed.listed }),
    ...(parsed.parcel_id === null ? {} : { parcelId: parsed.parcel_id }),
    ...(parsed.progress === null ? {} : { progress: parsed.progress }),
    ...(parsed.verdict === null ? {} : { verdict: parsed.verdict }),
    ...(parsed.logs === null ? {} : { logs: parsed.logs }),
    ...(parsed.bound_disk === null ? {} : { boundDisk: parsed.bound_disk }),
  };
}

const copyRow = z.object({
  id: z.string().min(1),
  job_id: jobId,
  drive_id: driveId,
  nonce: z.string().regex(/^[0-9a-f]{16}$/u),
  attempts: count,
  bound_disk: json(boundDisk),
  plan: json(plan).nullable(),
  progress: json(progress).nullable(),
  verdict: json(verdict).nullable(),
});

export function copyRecordOf(row: CopyTable): CopyRecord {
  const parsed = copyRow.parse(row);
  return {
    id: parsed.id,
    ref: { jobId: parsed.job_id, driveId: parsed.drive_id },
    nonce: parsed.nonce,
    attempts: parsed.attempts,
    boundDisk: parsed.bound_disk,
    ...(parsed.plan === null ? {} : { plan: parsed.plan }),
    ...(parsed.progress === null ? {} : { progress: parsed.progress }),
    ...(parsed.verdict === null ? {} : { verdict: parsed.verdict }),
  };
}

const copyTask = json(
  z.strictObject({ id: z.string().min(1), ref: z.strictObject({ jobId, driveId }) }),
);

export function copyTaskOf(task: string): CopyTask {
  return copyTask.parse(task);
}

export function jobIdOf(value: string): JobId {
  return jobId.parse(value);
}

export function parcelIdOf(value: string): ParcelId {
  return parcelId.parse(value);
}
