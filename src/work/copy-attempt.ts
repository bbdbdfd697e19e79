import type { Admission } from '../domain/admission.ts';
import type { AttachedDisk, DiskHealth } from '../domain/disk.ts';
import type { KernelAnswer, ResetOutcome } from '../domain/hang-ladder.ts';
import type { DriveRef } from '../domain/job.ts';
import type { CopyOutcome } from '../ledger/copy-outcome.ts';
import type { Condition } from '../ledger/lanes.ts';
import type { AssignmentSources } from './assignment.ts';
import type { DiskHolder, NewHolder } from './disk-holders.ts';
import type { Floor, WorkItem } from './floor.ts';
import type { ShownActivity } from './shown-activity.ts';
import type { StorageHolds, StorageTrouble } from './storage-holds.ts';

/** What the runner of copies works with, and how it speaks of one attempt. */

export interface RunnerLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface RunnerDependencies extends AssignmentSources {
  readonly floor: Floor;
  readonly holds: StorageHolds;
  readonly logger: RunnerLogger;
  readonly holders: Holders;
  diskOf(item: WorkItem): AttachedDisk | undefined;
  /** Looks at what is attached; resolves when the facts are of now, or cannot be had. */
  lookAgain(): Promise<void>;
  readonly disks: AskedDisks;
  /** Binds the dock of a disk anew if that is due; whether the disk has left and will be back. */
  rebindDock(disk: AttachedDisk, ref: DriveRef): Promise<boolean>;
  now(): Date;
  /** The way a copy goes has changed: the screens want to know. */
  onProgress(): void;
  /** The state of a drive has changed, or nobody works on it any more: a decision is due. */
  onOutcome(): void;
  /** The station itself could not do its part: no copy is to be started before it can. */
  onStationFailed(error: unknown): void;
  /** A running copy turned sick, hangs or is well again: it may have to change lanes. */
  onCondition(id: string, condition: Condition): void;
  /** Resolves after that time; rejects when the signal fires. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** What a copy asks of its disk, or has done to it, beside its reads. */
export interface AskedDisks {
  health(disk: AttachedDisk, signal: AbortSignal): Promise<DiskHealth>;
  /** Sets what makes a bad place cost seconds; before the first read, once an attachment. */
  admit(disk: AttachedDisk, signal: AbortSignal): Promise<Admission>;
  /** The copy has ended: what was set and outlives the disk is given back. */
  release(disk: AttachedDisk): Promise<void>;
  /** What the kernel knows of a disk that does not answer. */
  askKernel(disk: AttachedDisk, waitedMs: number): Promise<KernelAnswer>;
  /** Resets the disk if that may be done; says why it was not. */
  reset(disk: AttachedDisk): Promise<ResetOutcome>;
}

/** The book of the processes that have a disk open. */
export interface Holders {
  began(holder: NewHolder): Promise<void>;
  ended(pid: number): Promise<void>;
  abandoned(holder: NewHolder): Promise<void>;
  toolKilled(holder: NewHolder): Promise<void>;
  leftBehindOn(diskseq: number): DiskHolder | undefined;
}

/** What an attempt works with, beside its drive. */
export interface Attempt {
  readonly item: WorkItem;
  readonly disk: AttachedDisk;
  readonly makeRoom: AbortSignal;
  readonly shown: ShownActivity;
  /** Its process could not be ended. */
  isStuck: boolean;
}

/** How a run ended: as the queue wants to know it, or outside of the queue, waiting for its storage. */
export type RunEnd = CopyOutcome | { readonly kind: 'held'; readonly trouble: StorageTrouble };
