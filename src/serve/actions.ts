import type { DiskKey } from '../domain/disk.ts';
import type { Job } from '../domain/job.ts';
import type { OwnStorage, StorageCredential } from '../domain/job-storage.ts';
import type { Actor, Ledger, NewJob } from '../ledger/contract.ts';
import type { DriveName } from '../ledger/named.ts';

export interface ConfirmDisk extends DriveName {
  /** The attachment that a person looked at; gone after a replug. */
  readonly disk: DiskKey;
}

/** For whom an action works, and on which ledger: one inside the transaction of the action. */
export interface Acting {
  readonly ledger: Ledger;
  readonly actor: Actor;
}

/**
 * What people and programs may ask of the station over HTTP; the station implements it. An action
 * changes the ledger that it is given and nothing else: whoever calls it makes that durable, all of it or
 * nothing, and then lets it take effect. A refusal is a `StationError`, and its code decides the HTTP status
 * (`src/serve/problem.ts`).
 */
export interface StationActions {
  /** Throws `job-exists`, `storage-account-unknown`. */
  createJob(job: NewJob, by: Acting): Promise<Job>;
  /**
   * Renews the way into a job's own storage, which copies use from their next attempt on; answers what
   * may be shown of it. Throws `job-not-found`, `job-change-refused` (a configured account, or another
   * place).
   */
  replaceCredential(
    jobName: string,
    credential: StorageCredential,
    by: Acting,
  ): Promise<OwnStorage>;
  /**
   * A person read the label: this disk is that drive. Lasts until the disk is pulled. Throws
   * `disk-not-found`, `job-not-found`, `drive-not-found`, `request-invalid` (a disk of the station).
   */
  confirmDisk(confirmation: ConfirmDisk, by: Acting): Promise<void>;
  /**
   * Takes a drive out of `Faulted`; its copy goes on where it was. Throws `job-not-found`,
   * `drive-not-found`, `transition-refused`.
   */
  retryDrive(drive: DriveName, by: Acting): Promise<void>;
  /** What was asked for is durable: the station goes by it. Never called inside a transaction. */
  takeEffect(): Promise<void>;
}
