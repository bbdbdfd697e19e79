import type { StorageAccount } from '../blobs/contract.ts';
import type { Assignment } from '../copy/messages.ts';
import type { AttachedDisk } from '../domain/disk.ts';
import { type Drive, type Job, type PlanRequest, planOfDrive } from '../domain/job.ts';
import { StationError } from '../errors.ts';
import type { CopyRecord, Ledger } from '../ledger/contract.ts';
import { journalFileOf } from './staged-at.ts';

export interface AssignmentSources {
  readonly ledger: Ledger;
  /** Holds the copy journals. */
  readonly journalDirectory: string;
  /** Room on the state disk for all that is not a bad place of a disk. */
  readonly keepFreeBytes: number;
  /** A disk that has not answered for this long is given up. */
  readonly readHangMs: number;
  /** A disk that sleeps gets this long until it reads. */
  readonly spinUpMs: number;
  /** Time for all bad areas of a disk. */
  readonly rescueMs?: number;
  /**
   * Asked by each attempt anew, so that a renewed credential is used by the next one. Throws
   * `storage-account-unknown`, `credential-missing`, `secret-unreadable`.
   */
  storageOf(job: Job): Promise<StorageAccount>;
}

export interface CopyOrder {
  readonly drive: Drive;
  readonly record: CopyRecord;
  readonly disk: AttachedDisk;
}

/** All that a copy process is told. Throws `job-not-found` and what `storageOf` throws. */
export async function assignmentOf(
  { drive, record, disk }: CopyOrder,
  sources: AssignmentSources,
): Promise<Assignment> {
  const job = await jobOf(drive, sources.ledger);
  const { details } = job;
  const plan = planOfDrive(details.plan, drive.listed);
  const prepared = await preparedOf(drive, plan, sources.ledger);
  return {
    kind: 'assignment',
    copyId: record.id,
    nonce: record.nonce,
    driveId: drive.ref.driveId,
    disk: {
      devicePath: disk.devicePath,
      diskseq: disk.diskseq,
      sizeBytes: disk.sizeBytes,
      wwns: [...disk.identity.wwns],
      writesAtFirstSight: disk.writesAtFirstSight,
    },
    plan: { ...plan },
    ...(prepared === undefined ? {} : { prepared }),
    storage: await sources.storageOf(job),
    logs: {
      jobName: drive.jobName,
      level: details.logLevel,
      path: details.diagnosticsPath,
      backupManifest: details.backupDriveManifest,
    },
    journalFile: journalFileOf(sources.journalDirectory, record),
    keepFreeBytes: sources.keepFreeBytes,
    readHangMs: sources.readHangMs,
    spinUpMs: sources.spinUpMs,
    ...(sources.rescueMs === undefined ? {} : { rescueMs: sources.rescueMs }),
  };
}

async function jobOf({ ref, jobName }: Drive, ledger: Ledger): Promise<Job> {
  const job = await ledger.jobByName(ref.jobId);
  if (job?.id === ref.jobId) return job;
  throw new StationError('job-not-found', `job ${jobName} is gone`, { jobName });
}

/** What the job says of a drive whose files are copied, its key included; an image needs none of it. */
async function preparedOf(
  { ref, listed }: Drive,
  plan: PlanRequest,
  ledger: Ledger,
): Promise<Assignment['prepared']> {
  if (plan.kind === 'image') return undefined;
  const { manifestFile, manifestHash } = listed ?? {};
  const keys = await ledger.bitLockerKeys(ref.jobId);
  const key = keys.find(({ driveId }) => driveId === ref.driveId);
  return {
    ...(manifestFile === undefined ? {} : { manifestFile }),
    ...(manifestHash === undefined ? {} : { manifestHash }),
    ...(key === undefined ? {} : { bitLockerKey: key.bitLockerKey }),
  };
}
