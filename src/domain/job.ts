import type { Brand } from './brand.ts';
import type { DriveState } from './drive-state.ts';
import type { JobState } from './job-state.ts';
import type { OwnStorage } from './job-storage.ts';
import type { ParcelId } from './parcel.ts';
import type { DriveLogs, Verdict } from './verdict.ts';

/** The station's own key of a job: two resource groups may use one job name. */
export type JobId = Brand<string, 'JobId'>;
/** The name the customer gave: 2-64 letters, digits, `-` and `_`, beginning with a letter or digit. */
export type JobName = Brand<string, 'JobName'>;
export const JOB_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{1,63}$/u;
/** One entry of a job's drive list: the hardware serial without spaces, as the customer listed it. */
export type DriveId = Brand<string, 'DriveId'>;

/** A drive is a line in a job's drive list; a *disk* is what is plugged in. */
export interface DriveRef {
  readonly jobId: JobId;
  readonly driveId: DriveId;
}

export function driveKey(ref: DriveRef): string {
  return `${ref.jobId}/${ref.driveId}`;
}

/** Each drive becomes one raw image. */
export interface ImagePlanRequest {
  readonly kind: 'image';
  /** The container that receives the images; created when it is missing. */
  readonly container: string;
  /** Put before each blob's name; empty, or ending with a slash. */
  readonly blobPrefix: string;
}

/** A prepared Import/Export drive: the manifest on it says which file becomes which blob. */
export interface ManifestPlanRequest {
  readonly kind: 'manifest';
}

/** Every file of the drive's first data volume becomes a blob, under the path it has on the drive. */
export interface TreePlanRequest {
  readonly kind: 'tree';
  readonly container: string;
  /** Put before each path; empty, or ending with a slash. */
  readonly blobPrefix: string;
}

/** How the bytes of a job's drives become blobs. */
export type PlanRequest = ImagePlanRequest | ManifestPlanRequest | TreePlanRequest;

/**
 * How one drive of a job is copied: a job of images can have prepared drives too. Those are the ones
 * whose list entry names a manifest and its hash; nobody writes these for a disk that is to be an image.
 */
export function planOfDrive(plan: PlanRequest, listed: ListedDrive | undefined): PlanRequest {
  const isPrepared = listed?.manifestFile !== undefined && listed.manifestHash !== undefined;
  return plan.kind === 'image' && isPrepared ? { kind: 'manifest' } : plan;
}

/** The one container of all blobs; `undefined` where the manifests on the drives name them. */
export function plannedContainer(plan: PlanRequest): string | undefined {
  return plan.kind === 'manifest' ? undefined : plan.container;
}

/** The parts of the Azure job body that the station keeps and gives back as they came. */
export interface JobDetails {
  readonly jobType: 'Import' | 'Export';
  /** The storage account that receives this job's blobs: a configured one, or the job's own. */
  readonly storageAccount: string;
  /** What may be shown of the storage that the job brings; absent with a configured account. */
  readonly ownStorage?: OwnStorage;
  /** The account's resource id as the client wrote it; made from the name where none was given. */
  readonly storageAccountId?: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly diagnosticsPath: string;
  readonly logLevel: 'Error' | 'Verbose';
  readonly backupDriveManifest: boolean;
  readonly returnAddress?: Readonly<Record<string, string>>;
  readonly returnShipping?: Readonly<Record<string, string>>;
  readonly deliveryPackage?: Readonly<Record<string, string | number>>;
  /** The parcel back; absent until drives were sent back. */
  readonly returnPackage?: Readonly<Record<string, string | number>>;
  /** What an export job takes out of the account. */
  readonly export?: ExportRequest;
  /** Given back as it came; the station seals keys with its own key, whatever stands here. */
  readonly encryptionKey?: Readonly<Record<string, string>>;
  readonly identityType?: 'None' | 'SystemAssigned' | 'UserAssigned';
  readonly tags?: Readonly<Record<string, string>>;
  readonly plan: PlanRequest;
}

export interface ExportRequest {
  readonly blobList?: {
    readonly blobPath?: readonly string[];
    readonly blobPathPrefix?: readonly string[];
  };
  readonly blobListBlobPath?: string;
}

/** What a drive list says of a drive beside its id, kept byte for byte. */
export interface ListedDrive {
  /** Path of the manifest, relative to the drive. */
  readonly manifestFile?: string;
  /** Hex digest of the manifest: 32 digits are MD5, 64 are SHA-256. */
  readonly manifestHash?: string;
  readonly driveHeaderHash?: string;
}

export interface Job {
  readonly id: JobId;
  readonly name: JobName;
  readonly state: JobState;
  readonly cancelRequested: boolean;
  /**
   * Since when the station waits for the job's parcel (ISO 8601, UTC): when the job went to Shipping,
   * or when its customer asked to wait longer. Absent before that.
   */
  readonly awaitedSince?: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** When a client last created or changed it; the clock of `Creating` starts anew here. */
  readonly updatedAt: string;
  readonly createdBy: string;
  readonly updatedBy: string;
  readonly details: JobDetails;
}

/** Where a drive's bytes are, as the journal says; the only source of progress. */
export interface CopyProgress {
  readonly totalBytes: number;
  /** Bytes that the store holds and has verified block by block. */
  readonly stagedBytes: number;
  /** Bytes of blobs that were committed and read back. */
  readonly verifiedBytes: number;
}

export interface Drive {
  readonly ref: DriveRef;
  readonly jobName: JobName;
  readonly state: DriveState;
  /** What the drive list says of it; the BitLocker key is never part of it. */
  readonly listed?: ListedDrive;
  /** The parcel that it came in, when that was being checked in. */
  readonly parcelId?: ParcelId;
  readonly progress?: CopyProgress;
  readonly verdict?: Verdict;
  /** Where the copy logs are that tell the verdict. */
  readonly logs?: DriveLogs;
  /** The disk that this drive's copy began on; a replugged one must agree with it. */
  readonly boundDisk?: BoundDisk;
}

export interface BoundDisk {
  readonly serial: string;
  readonly sizeBytes: number;
  readonly wwns: readonly string[];
  readonly bay: string;
}

/** What the station does with a drive in `Received` or `Transferring` at this moment; not durable. */
export type DriveActivity =
  | { readonly kind: 'idle' }
  /** With a reason when it is not the drives before it that it waits for. */
  | { readonly kind: 'queued'; readonly reason?: string }
  | { readonly kind: 'starting' }
  /** The drive is asked how it is, and told what to do about bad places; one that sleeps wakes up first. */
  | { readonly kind: 'asking'; readonly waitedSeconds: number }
  /** The disk slept; it is waited for until it reads, and no error counts before. */
  | {
      readonly kind: 'spinning-up';
      readonly waitedSeconds: number;
      /** Then whatever the disk answers counts as it is. */
      readonly limitSeconds: number;
    }
  | { readonly kind: 'copying' }
  /** The good areas are done; the bad ones are tried in ever smaller reads. */
  | {
      readonly kind: 'rescuing';
      /** Bytes of which it is not known yet whether they can be read. */
      readonly openBytes: number;
      /** Bytes that failed one sector at a time; retries may still get some. */
      readonly unreadableBytes: number;
    }
  | { readonly kind: 'waiting-for-storage'; readonly since: string; readonly reason: string }
  /** Bytes move, but so slowly that no request was answered for a while. */
  | { readonly kind: 'slow-storage'; readonly since: string }
  /** The storage has all that a blob is to be made of, and has not answered the commit yet. */
  | { readonly kind: 'waiting-for-commit'; readonly since: string }
  /** The storage does not let the copy go on, and only a person can change that. */
  | {
      readonly kind: 'halted';
      readonly since: string;
      /** Of the error catalogue. */
      readonly code: string;
      readonly reason: string;
      readonly nextStep: string;
    }
  | { readonly kind: 'settling' }
  | { readonly kind: 'detached'; readonly bay: string; readonly since: string }
  | { readonly kind: 'waiting-for-person'; readonly reason: string }
  | { readonly kind: 'retrying'; readonly at: string; readonly reason: string };
