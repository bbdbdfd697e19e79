import type { AlertId, DueAlert } from '../domain/alert.ts';
import type { Resolution } from '../domain/alert-texts.ts';
import type { DiskKey } from '../domain/disk.ts';
import type { Fault } from '../domain/drive-state.ts';
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
import type { JobEvent, JobFault, PublicJobState } from '../domain/job-state.ts';
import type { OwnStorage, StorageCredential } from '../domain/job-storage.ts';
import type { JobDeletion, JobUpdate, NewDrive } from '../domain/job-update.ts';
import type { ParcelId } from '../domain/parcel.ts';
import type { CopyPlan } from '../domain/plan.ts';
import type { DriveLogs, Verdict } from '../domain/verdict.ts';
import type { AlertBook, DockBook, ParcelBook } from './books.ts';
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
  /** The way into the job's own storage; a secret, which details and events never have. */
  readonly credential?: StorageCredential;
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
  /** The job whose parcel it came in; `null` while nobody knows. */
  readonly jobId: JobId | null;
  readonly parcelId: ParcelId | null;
  readonly reason: string;
  readonly seenAt: string;
  /**
   * It is no longer here to be returned: it went back with a parcel, a job lists it after all, or
   * somebody says that it is gone.
   */
  readonly end?: { readonly at: string; readonly how: 'returned' | 'listed' | 'taken-away' };
}

/** What is seen of an extra drive when it is flagged. */
export type SeenExtra = Pick<
  ExtraDrive,
  'serial' | 'model' | 'bay' | 'jobId' | 'parcelId' | 'reason'
>;

/** An alert of the operators' queue: open, acknowledged or resolved. */
export interface Alert extends DueAlert {
  readonly id: AlertId;
  readonly raisedAt: string;
  readonly acknowledged?: { readonly at: string; readonly by: Actor };
  readonly resolved?: {
    readonly at: string;
    /** `station` when the condition ended by itself. */
    readonly by: Actor;
    readonly resolution: Resolution | null;
    readonly note: string | null;
  };
}

/** A person read the label: this attachment is that drive. */
export interface ConfirmedDisk {
  readonly disk: DiskKey;
  readonly ref: DriveRef;
  readonly actor: Actor;
}

/** What an event moves in a job, with the data that the new state carries. */
export type JobChange =
  | {
      readonly event: Exclude<JobEvent, 'faulted'>;
      /** In words, for the event log. */
      readonly why?: string;
    }
  | { readonly event: 'faulted'; readonly fault: Omit<JobFault, 'publicState'> };

/** What an event moves, with the data that the new state carries. */
export type DriveChange =
  | {
      readonly event: 'missing' | 'shipped-back' | 'resolved-for-retry';
      /** In words, for the event log. */
      readonly why?: string;
    }
  | {
      readonly event: 'arrived';
      readonly parcelId?: ParcelId;
      /** What the disk shows, which can differ from the list where a person read the label. */
      readonly serial?: string;
    }
  | {
      readonly event: 'resolved-without-copy';
      readonly verdict: Verdict;
      readonly logs?: DriveLogs;
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
  /** Oldest first. */
  jobs(): Promise<readonly Job[]>;
  /** The same in pages, each at most `top` jobs long. */
  jobsPage(page: Pick<JobQuery, 'top' | 'after'>): Promise<JobPage>;
  /** Jobs that have something to come, and those that finished after the given moment (ISO 8601). */
  openJobs(finishedAfter: string): Promise<readonly Job[]>;
  /** Finished jobs that have been so since before the given moment (ISO 8601), a bounded number. */
  finishedJobs(before: string): Promise<readonly Job[]>;
  drivesOf(jobId: JobId): Promise<readonly Drive[]>;
  drive(ref: DriveRef): Promise<Drive | undefined>;

  /**
   * The one way a job changes state: checks the transition table, appends to the event log and
   * updates the row in one transaction. A refused transition is logged too, then thrown.
   */
  transitionJob(id: JobId, change: JobChange, actor: Actor): Promise<Job>;
  /** The one way a drive changes state; as `transitionJob`. */
  transitionDrive(ref: DriveRef, change: DriveChange, actor: Actor): Promise<Drive>;

  /** The drive's copy, made at the first attempt; each call counts one more attempt. */
  beginCopyAttempt(ref: DriveRef, disk: BoundDisk): Promise<CopyRecord>;
  copyOf(ref: DriveRef): Promise<CopyRecord | undefined>;
  /** Ids of the copies that have no verdict yet, on this station or another. */
  openCopies(): Promise<ReadonlySet<string>>;
  recordPlan(copyId: string, plan: CopyPlan): Promise<void>;
  /** Progress is rewritten in place and is in no event: the journal is its source. */
  recordProgress(copyId: string, progress: CopyProgress): Promise<void>;
  /** Where the logs are of a drive that was ended without a copy; they are written after it ended. */
  recordLogs(ref: DriveRef, logs: DriveLogs): Promise<void>;

  /** The customer wants to wait: the clock of a missing parcel starts anew. */
  waitLonger(id: JobId, actor: Actor): Promise<Job>;
  /**
   * An operator's way to the return address, also where the customer's is closed. Throws
   * `job-change-refused` for a finished job.
   */
  setReturnAddress(
    id: JobId,
    address: Readonly<Record<string, string>>,
    actor: Actor,
  ): Promise<Job>;

  readonly parcels: ParcelBook;
  readonly alerts: AlertBook;
  readonly docks: DockBook;

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
  /** The newest entry, or the newest about one entity. */
  lastEvent(entity?: string): Promise<LedgerEvent | undefined>;
  /** Recomputes the chain; the first entry that does not fit, or `undefined` when all do. */
  firstBrokenEvent(): Promise<number | undefined>;

  close(): Promise<void>;

  /**
   * Does a piece of work once for each key of an actor, in one transaction with the answer, which is
   * kept for `ANSWER_KEPT_MS`: asked again, it is given and nothing is done. Of two at once the second
   * waits for the first.
   *
   * What the work throws takes back all that it changed. `refusalOf` says whether that is a refusal:
   * then what it gives is the answer, kept like any other, and what the ledger logged of refusals stays
   * in the event log. For anything else it gives `undefined`: that is thrown, and nothing is kept.
   *
   * The work may use the ledger that it is given and nothing else that waits for this ledger, which
   * would wait for ever. Throws `idempotency-key-reused` when the key is kept with another fingerprint.
   */
  once(
    request: OnceRequest,
    work: (ledger: Ledger) => Promise<unknown>,
    refusalOf?: (error: unknown) => unknown,
  ): Promise<OnceAnswer>;

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
  /**
   * The way into the job's own storage; `undefined` when it uses a configured account. Throws
   * `job-not-found`, `secret-unreadable`.
   */
  storageCredential(id: JobId): Promise<StorageCredential | undefined>;
  /**
   * Puts a new credential in the place of the job's present one, for the same place; answers what may
   * be shown of it. Throws `job-change-refused`, logged, when the job has no storage of its own or this
   * leads elsewhere.
   */
  replaceCredential(id: JobId, credential: StorageCredential, actor: Actor): Promise<OwnStorage>;
}

export interface JobWithDrives {
  readonly job: Job;
  readonly drives: readonly Drive[];
}

export interface OnceRequest {
  /** Chosen by who asks, anew for each thing that is to be done. */
  readonly key: string;
  readonly actor: Actor;
  /** Equal for equal requests only. */
  readonly fingerprint: string;
}

export interface OnceAnswer {
  /** As JSON gives it back. Never a secret: it is kept as it is. */
  readonly answer: unknown;
  /** Whether it was kept from an earlier time. */
  readonly replayed: boolean;
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
  readonly state?: PublicJobState;
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
