import type { Kysely, Transaction } from 'kysely';

/**
 * The tables as the database holds them. Structured data is JSON in text columns and passes a schema
 * of `rows.ts` on the way out. Flags are 0 or 1 and times ISO 8601 text, so that one set of queries
 * serves SQLite and PostgreSQL. Each row names the station that wrote it.
 */
export interface Tables {
  jobs: JobTable;
  drives: DriveTable;
  copies: CopyTable;
  queue: QueueTable;
  events: EventTable;
  extra_drives: ExtraDriveTable;
  settings: SettingTable;
  parcels: ParcelTable;
  alerts: AlertTable;
  kept_answers: KeptAnswerTable;
  docks: DockTable;
  bridge_quirks: BridgeQuirkTable;
}

export interface JobTable {
  id: string;
  station: string;
  name: string;
  /** Subscription, resource group and name in lower case; see `job-address.ts`. */
  name_key: string;
  /** The name alone in lower case; not unique. */
  short_name_key: string;
  state: string;
  /** JSON of what the state carries beside its name and since when it holds. */
  state_data: string;
  state_since: string;
  /** What lists and filters of the public API go by. */
  public_state: string;
  awaited_since: string | null;
  cancel_requested: number;
  created_at: string;
  updated_at: string;
  created_by: string;
  updated_by: string;
  /** From the details, to be searched for. */
  job_type: string;
  /** From the details' delivery package. */
  tracking_number: string | null;
  details: string;
  /** Way into the job's own storage, sealed by `secret-box.ts` and bound to this row. */
  storage_credential: string | null;
}

export interface DriveTable {
  job_id: string;
  drive_id: string;
  station: string;
  /** Place in the job's drive list. */
  position: number;
  state: string;
  /** JSON of what the state carries beside its name. */
  state_data: string;
  /** JSON of what the drive list says of it. */
  listed: string | null;
  /** The parcel that it came in. */
  parcel_id: string | null;
  /** Sealed by `secret-box.ts`, bound to this row. */
  bit_locker_key: string | null;
}

export interface CopyTable {
  id: string;
  station: string;
  job_id: string;
  drive_id: string;
  nonce: string;
  attempts: number;
  bound_disk: string;
  plan: string | null;
  progress: string | null;
  verdict: string | null;
  /** JSON of where the copy logs are; set together with the verdict. */
  logs: string | null;
}

export interface QueueTable {
  station: string;
  id: string;
  task: string;
  priority: number;
  position: number;
  /** `waiting`, `running`, `delayed` or `parked`; see `queue-rows.ts`. */
  status: string;
  /** Set while running. */
  lock_id: string | null;
  /** What happens after the running attempt, when something was asked for meanwhile. */
  after_run: string | null;
  failures: number;
  /** Milliseconds since 1970 at which a delayed task is due. */
  due_at_ms: number | null;
}

export interface EventTable {
  sequence: number;
  station: string;
  at: string;
  actor: string;
  entity: string;
  type: string;
  data: string;
  hash: string;
}

export interface ExtraDriveTable {
  id: string;
  station: string;
  serial: string | null;
  model: string | null;
  bay: string;
  job_id: string | null;
  /** The parcel that it came in, when one was being checked in. */
  parcel_id: string | null;
  reason: string;
  seen_at: string;
  /** When it was no longer here to be returned, and how that came; both or none. */
  ended_at: string | null;
  ended_how: string | null;
}

export interface ParcelTable {
  id: string;
  station: string;
  job_id: string;
  direction: string;
  carrier_name: string | null;
  tracking_number: string | null;
  opened_at: string;
  opened_by: string;
  completed_at: string | null;
  completed_by: string | null;
}

export interface AlertTable {
  id: string;
  station: string;
  /** Names the condition and since when it holds; unique for ever. */
  key: string;
  kind: string;
  job_id: string | null;
  drive_id: string | null;
  extra_id: string | null;
  dock_id: string | null;
  reason: string;
  raised_at: string;
  acknowledged_at: string | null;
  acknowledged_by: string | null;
  resolved_at: string | null;
  resolved_by: string | null;
  resolution: string | null;
  note: string | null;
}

/** What a disk hangs on, and what went wrong there. */
export interface DockTable {
  id: string;
  station: string;
  port: string;
  /** USB vendor and product; empty where disks hang on the port itself. */
  bridge: string;
  bay: string;
  product: string | null;
  driver: string | null;
  /** JSON, a bounded number. */
  incidents: string;
  /** JSON, a bounded number. */
  bad_disks: string;
  unreliable_since: string | null;
  changed_at: string;
}

/** A bridge that is better driven by `usb-storage`. */
export interface BridgeQuirkTable {
  station: string;
  bridge: string;
  learned_at: string;
}

export interface SettingTable {
  key: string;
  station: string;
  value: string;
}

/** What was answered to an action that was asked with an idempotency key. */
export interface KeptAnswerTable {
  station: string;
  actor: string;
  key: string;
  /** Of the request, to tell another one under the same key. */
  fingerprint: string;
  /** JSON; empty only while the transaction that does the work is open. */
  answer: string;
  kept_at: string;
}

export type Database = Kysely<Tables>;
/** A transaction, or the database where one statement is enough. */
export type Executor = Database | Transaction<Tables>;
