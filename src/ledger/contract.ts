import type { DiskKey } from '../domain/disk.ts';
import type { DriveEvent, Fault } from '../domain/drive-state.ts';
import type {
  BoundDisk,
  CopyProgress,
  Drive,
  DriveId,
  DriveRef,
  Job,
  JobDetails,
  JobId,
  JobName,
} from '../domain/job.ts';
import type { JobEvent, JobStateName } from '../domain/job-state.ts';
import type { JobDeletion, JobUpdate, NewDrive } from '../domain/job-update.ts';
import type { CopyPlan } from '../domain/plan.ts';
import type { DriveLogs, Verdict } from '../domain/verdict.ts';
import type { JobAddress } from './job-address.ts';

/** Who did it: `station` for the daemon itself, else the person or client that asked. */
export type Actor = string;

export interface NewJob {
  readonly name: JobName;
  readonly details: JobDetails;
  readonly drives: readonly DriveId[];
  /** What the list says of its drives beside their ids; a drive may be missing. */
  readonly driveList?: readonly NewDrive[];
  /** Whether the parcel is already on its way: the job then starts in `Shipping`. */
  readonly shipped: boolean;
  /** Whether the client wants it cancelled from the first; false when left out. */
  readonly cancelRequested?: boolean;
}

/** A drive's copy, from its first byte to its verdict, over however many attempts it takes. */
export interface CopyRecord {
  readonly id: string;
  readonly ref: DriveRef;
  /** 16 hex digits; part of every block id of this copy. */
  readonly nonce: string;
  /** Attempts that were started, the running one included. */
  readonly attempts: number;
  readonly boundDisk: BoundDisk;
  /** Fixed by the first attempt; every later one must arrive at the same. */
  readonly plan?: CopyPlan;
  readonly progress?: CopyProgress;
  readonly verdict?: Verdict;
}

/** An extra drive: present, on no list, never processed. */
export interface ExtraDrive {
  readonly id: string;
  readonly serial: string | null;
  readonly model: string | null;
  readonly bay: string;
  readonly jobId: JobId | null;
  readonly reason: string;
  readonly seenAt: string;
}

/** A person read the label: this attachment is that drive. */
export interface ConfirmedDisk {
  readonly disk: DiskKey;
  readonly ref: DriveRef;
  readonly actor: Actor;
}

/** What an event moves, with the data that the new state carries. */
export type DriveChange =
  | {
      readonly event: Exclude<
        DriveEvent,
        'copy-started' | 'copy-verified' | 'copy-ended-with-notes' | 'faulted'
      >;
    }
  | { readonly event: 'copy-started'; readonly copyId: string }
  | {
      readonly event: 'copy-verified' | 'copy-ended-with-notes';
      readonly verdict: Verdict;
      readonly logs?: DriveLogs;
    }
  | { readonly event: 'faulted'; readonly fault: Fault };

/** One entry of the hash-chained event log. */
export interface LedgerEvent {
  readonly sequence: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly actor: Actor;
  readonly entity: string;
  readonly type: string;
  readonly data: unknown;
  /** SHA-256 over the previous entry's hash and this entry, 64 hex digits. */
  readonly hash: string;
}

export interface TransitionRecord<State> {
  readonly from: State;
  readonly to: State;
}

/**
 * The durable state of the station: small, transactional, asked by everyone. Asynchronous and free of
 * any database's types, so that one contract serves a single station (SQLite) and a fleet. A method
 * that resolves has made its change durable; one that throws has changed nothing.
 *
 * Errors: `job-exists`, `job-not-found`, `drive-not-found`, `transition-refused`; from any method
 * `ledger-failed` (the database could not do it) and `ledger-unreadable` (a row is not a ledger's).
 */
export interface Ledger {
  createJob(job: NewJob, actor: Actor): Promise<Job>;
  /**
   * By name in any case, or by id. Throws `job-name-ambiguous` when several resource groups have a
   * job of that name.
   */
  jobByName(name: string): Promise<Job | undefined>;
  jobs(): Promise<readonly Job[]>;
  drivesOf(jobId: JobId): Promise<readonly Drive[]>;
  drive(ref: DriveRef): Promise<Drive | undefined>;

  /**
   * The one way a job changes state: checks the transition table, appends to the event log and
   * updates the row in one transaction. A refused transition is logged too, then thrown.
   */
  transitionJob(id: JobId, event: JobEvent, actor: Actor): Promise<Job>;
  /** The one way a drive changes state; as `transitionJob`. */
  transitionDrive(ref: DriveRef, change: DriveChange, actor: Actor): Promise<Drive>;

  /** The drive's copy, made at the first attempt; each call counts one more attempt. */
  beginCopyAttempt(ref: DriveRef, disk: BoundDisk): Promise<CopyRecord>;
  copyOf(ref: DriveRef): Promise<CopyRecord | undefined>;
  recordPlan(copyId: string, plan: CopyPlan): Promise<void>;
  /** Progress is rewritten in place and is in no event: the journal is its source. */
  recordProgress(copyId: string, progress: CopyProgress): Promise<void>;

  flagExtra(extra: Omit<ExtraDrive, 'id' | 'seenAt'>): Promise<ExtraDrive>;
  extras(): Promise<readonly ExtraDrive[]>;

  /** The job whose parcel is being checked in; `null` ends the check-in. */
  setCheckIn(jobId: JobId | null, actor: Actor): Promise<void>;
  checkIn(): Promise<JobId | undefined>;

  /**
   * Keeps a person's answer to whose disk this is, with its event. Attachments are numbered anew at
   * every boot of the machine, so an answer holds within one boot only.
   */
  confirmDisk(confirmed: ConfirmedDisk, bootId: string, actor: Actor): Promise<void>;
  /** The answers that were given since this boot. */
  confirmedDisks(bootId: string): Promise<readonly ConfirmedDisk[]>;

  /** Something worth remembering that is no change of state: a disk came, a person confirmed. */
  note(entity: string, type: string, data: unknown, actor: Actor): Promise<void>;
  events(afterSequence: number, limit: number): AsyncIterable<LedgerEvent>;
  /** Recomputes the chain; the first entry that does not fit, or `undefined` when all do. */
  firstBrokenEvent(): Promise<number | undefined>;

  close(): Promise<void>;

  // What clients ask of their jobs, beside the above.

  jobAt(address: JobAddress): Promise<Job | undefined>;
  /**
   * Creates the job, or defines it anew while it is in `Creating`: its drives and details are then
   * those of the new definition, except the plan, which stays. Throws `job-change-refused` in any later state; that is logged.
   */
  putJob(job: NewJob, actor: Actor): Promise<PutAnswer>;
  /**
   * Applies all of an update or nothing, by the rules of `src/domain/job-update.ts`. Throws
   * `job-change-refused` or `job-change-incomplete`; both are logged.
   */
  updateJob(id: JobId, update: JobUpdate, actor: Actor): Promise<JobWithDrives>;
  /**
   * Removes the job with its drives, copies, queue tasks and secrets; the event log keeps what
   * happened to it. Throws `job-change-refused`, logged, in a state that does not allow it.
   */
  deleteJob(id: JobId, actor: Actor, why?: JobDeletion): Promise<void>;
  /** A page of jobs in the order of their addresses: stable whatever is inserted meanwhile. */
  listJobs(query: JobQuery): Promise<JobPage>;
  drivesOfJobs(ids: readonly JobId[]): Promise<ReadonlyMap<JobId, readonly Drive[]>>;
  /** The keys that were given, in the order of the drive list. Throws `secret-unreadable`. */
  bitLockerKeys(id: JobId): Promise<readonly BitLockerKey[]>;
}

export interface JobWithDrives {
  readonly job: Job;
  readonly drives: readonly Drive[];
}

export interface PutAnswer extends JobWithDrives {
  readonly created: boolean;
}

export interface BitLockerKey {
  readonly driveId: DriveId;
  readonly bitLockerKey: string;
}

/** All that are given must hold. */
export interface JobFilter {
  readonly jobType?: JobDetails['jobType'];
  readonly state?: JobStateName;
  /** Of the parcel to the station, letter for letter. */
  readonly trackingNumber?: string;
}

export interface JobQuery {
  readonly subscriptionId: string;
  readonly resourceGroup?: string;
  readonly filter: JobFilter;
  /** At most that many jobs. */
  readonly top: number;
  /** `next` of the page before. */
  readonly after?: string;
}

export interface JobPage {
  readonly jobs: readonly Job[];
  /** Absent on the last page. */
  readonly next?: string;
}

/** A task of the durable queue: copy this drive. Its id is the `driveKey` of the drive. */
export interface CopyTask {
  readonly id: string;
  readonly ref: DriveRef;
}
