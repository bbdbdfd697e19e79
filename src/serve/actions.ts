import type { DiskKey } from '../domain/disk.ts';
import type { Job } from '../domain/job.ts';
import type { Actor, NewJob } from '../ledger/contract.ts';

/** A drive as people name it. */
export interface DriveName {
  readonly jobName: string;
  readonly driveId: string;
}

export interface ConfirmDisk extends DriveName {
  /** The attachment that a person looked at; gone after a replug. */
  readonly disk: DiskKey;
}

/**
 * What people and programs may ask of the station over HTTP; the station implements it. Every method
 * resolves when the change is durable. A refusal is a `StationError`, and its code decides the HTTP
 * status (`src/serve/problem.ts`).
 */
export interface StationActions {
  /**
   * Creates a job. Throws `job-exists`, `storage-account-unknown`.
   */
  createJob(job: NewJob, actor: Actor): Promise<Job>;
  /**
   * A person read the label: this disk is that drive. Lasts until the disk is pulled. Throws
   * `disk-not-found`, `job-not-found`, `drive-not-found`, `request-invalid` (a disk of the station).
   */
  confirmDisk(confirmation: ConfirmDisk, actor: Actor): Promise<void>;
  /**
   * Takes a drive out of `Faulted`; its copy goes on where it was. Throws `job-not-found`,
   * `drive-not-found`, `transition-refused`.
   */
  retryDrive(drive: DriveName, actor: Actor): Promise<void>;
  /**
   * Says whose parcel is being unpacked, so that an extra drive is tied to that job; `null` ends it.
   * Throws `job-not-found`.
   */
  setCheckIn(jobName: string | null, actor: Actor): Promise<void>;
}
