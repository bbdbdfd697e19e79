import { z } from 'zod';
import type { DiskHealth, Transport } from '../domain/disk.ts';
import type { JobDetails } from '../domain/job.ts';
import { JOB_STATES } from '../domain/job-state.ts';
import type { NearForm } from '../domain/serial.ts';
import { driveView, fault } from './wire-drive.ts';
import { bytes, list, oneOf, text, time } from './wire-shapes.ts';

/**
 * Everything that is said over the WebSocket, and the view that the HTTP API shows. One schema for
 * each thing; both ends parse what they receive with it. `docs/PROTOCOL.md` describes the
 * conversation. All times are ISO 8601 in UTC, all sizes are bytes, absent values are `null`.
 */

export {
  copyStatus,
  type DriveView,
  driveState,
  driveView,
  type FaultView,
  type HangView,
  type LogsView,
  type ProgressView,
  publicDriveState,
  type VerdictView,
} from './wire-drive.ts';

/** Versions of the protocol that this station speaks, both included. */
export const PROTOCOL_MIN = 1;
export const PROTOCOL_MAX = 1;

const detection = z.discriminatedUnion('known', [
  z.object({ mode: z.enum(['udev', 'periodic']), known: z.literal(true) }),
  /** The last scan failed: the disks shown are the last known ones and nothing is decided. */
  z.object({ mode: z.enum(['udev', 'periodic']), known: z.literal(false), reason: text }),
]);

const storage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ok') }),
  z.object({ kind: z.literal('away'), since: time, reason: text }),
]);

/** A parcel that is being unpacked, ticked off against its job's list. */
const checkInView = z.object({
  id: text,
  jobId: text,
  jobName: text,
  shipment: z.object({ carrierName: text, trackingNumber: text }).nullable(),
  openedAt: time,
  openedBy: text,
  /** Drive ids: all that is not here from an earlier parcel. */
  expected: list(text),
  seen: list(text),
  missing: list(text),
  /** Drive ids that came in another parcel. */
  elsewhere: list(text),
  /** Disks on no list that came in it. */
  extras: list(z.object({ id: text, bay: text, serial: text.nullable(), model: text.nullable() })),
});
export type CheckInView = z.output<typeof checkInView>;

/** A process that hangs in the kernel, where no signal reaches it. */
const stuckProcess = z.object({
  pid: z.int().min(1),
  /** `copy`, or the name of a tool. */
  what: text,
  /** Where the disk is or was that it hangs at; `null` for a tool that looks at all disks. */
  bay: text.nullable(),
  driveId: text.nullable(),
  since: time,
});
export type StuckProcessView = z.output<typeof stuckProcess>;

export const stationInfo = z.object({
  name: text,
  version: text,
  startedAt: time,
  detection,
  storage,
  /** Free space where the state directory lies; `null` while it is not known. */
  freeBytes: bytes.nullable(),
  /** Free space is below the configured reserve: no new drive is started. */
  belowReserve: z.boolean(),
  /** What was abandoned to the kernel and is not let go yet, the oldest first. */
  stuck: list(stuckProcess),
  /** So many processes hang that no copy is started. */
  tooManyStuck: z.boolean(),
  /** Name of the job whose parcel is being checked in. */
  checkIn: text.nullable(),
  /** What was expected in that parcel and what came. */
  parcel: checkInView.nullable(),
});
export type StationInfo = z.output<typeof stationInfo>;

const publicJobState = z.enum(JOB_STATES);
const jobState = z.enum([...JOB_STATES, 'Faulted']);

export const jobView = z.object({
  id: text,
  name: text,
  jobType: z.enum(['Import', 'Export'] satisfies JobDetails['jobType'][]),
  state: jobState,
  /** What the public job API shows: it knows no `Faulted`. */
  publicState: publicJobState,
  /** Why the job cannot go on, and what a person does about it. */
  fault: fault.nullable(),
  /** Bytes in the store over planned bytes; 100 only when all were read back; `null`: no plan yet. */
  percentComplete: z.int().min(0).max(100).nullable(),
  createdAt: time,
  driveCount: z.int().min(0),
  cancelRequested: z.boolean(),
  storageAccount: text,
});
export type JobView = z.output<typeof jobView>;

const driveName = { driveKey: text, jobName: text, driveId: text };
const candidate = z.object(driveName);
export type CandidateView = z.output<typeof candidate>;

const nearForm = oneOf<NearForm>({
  reversed: null,
  'pair-swapped': null,
  truncated: null,
  prefixed: null,
  'look-alike': null,
  'one-off': null,
});

/** The extra drive that a disk is noted as; both job fields are `null` while nobody knows its parcel. */
const extra = z.object({ id: text, jobId: text.nullable(), jobName: text.nullable() });
export type ExtraView = z.output<typeof extra>;

const diskMatch = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('own'), reason: text }),
  /** A block device that cannot be a customer's disk: optical, virtual, empty reader. */
  z.object({ kind: z.literal('excluded'), reason: text }),
  z.object({ kind: z.literal('drive'), reason: text, ...driveName }),
  z.object({ kind: z.literal('extra'), reason: text, extra: extra.nullable() }),
  /** No candidates means that the disk shows nothing that identifies it. */
  z.object({
    kind: z.literal('ambiguous'),
    reason: text,
    candidates: list(candidate),
    rivals: list(text),
  }),
  z.object({
    kind: z.literal('near'),
    reason: text,
    suggestions: list(z.object({ ...driveName, form: nearForm })),
  }),
]);
export type DiskMatchView = z.output<typeof diskMatch>;

const health = z.discriminatedUnion('status', [
  z.object({ status: z.literal('unknown') }),
  z.object({ status: z.literal('passed'), temperatureC: z.number().exactOptional() }),
  z.object({ status: z.literal('failing'), temperatureC: z.number().exactOptional() }),
]) satisfies z.ZodType<DiskHealth>;

const transport = oneOf<Transport>({
  usb: null,
  sata: null,
  sas: null,
  scsi: null,
  nvme: null,
  virtio: null,
  mmc: null,
  loop: null,
  unknown: null,
});

/** What a disk hangs on is to blame for what went wrong there: a bridge, a cable, a port. */
const unreliableDock = z.object({
  /** As alerts name it. */
  id: text,
  since: time,
  /** Which bridge it is, and what was counted. */
  words: text,
  nextStep: text,
});
export type UnreliableDockView = z.output<typeof unreliableDock>;

/** One attached disk; the station's own are in the list too, so that nobody wonders about them. */
export const diskView = z.object({
  /** Physical path and kernel `diskseq`: names this attachment; a replug is another key. */
  key: text,
  bay: text,
  devicePath: text,
  serial: text.nullable(),
  model: text.nullable(),
  transport,
  sizeBytes: bytes,
  match: diskMatch,
  health,
  /** `null` while nothing speaks against the dock. */
  unreliableDock: unreliableDock.nullable(),
  /** What was found and set before its copy, a line each; empty before that. */
  settings: list(text),
});
export type DiskView = z.output<typeof diskView>;

/** Something that waits for an operator, in the words to show. */
export const alertView = z.object({
  id: text,
  kind: text,
  title: text,
  reason: text,
  nextStep: text,
  raisedAt: time,
  acknowledged: z.object({ at: time, by: text }).nullable(),
  /** What can be answered, the usual one first. */
  resolutions: list(z.object({ name: text, words: text })),
  jobId: text.nullable(),
  jobName: text.nullable(),
  driveId: text.nullable(),
  extraId: text.nullable(),
  dockId: text.nullable(),
});
export type AlertView = z.output<typeof alertView>;

/** All that a screen needs. Each list is ordered by its key. */
export const stationView = z.object({
  station: stationInfo,
  jobs: list(jobView),
  drives: list(driveView),
  disks: list(diskView),
  /** Open ones. */
  alerts: list(alertView),
});
export type StationView = z.output<typeof stationView>;

const put = <E extends string, V extends z.ZodType>(entity: E, value: V) =>
  z.object({ entity: z.literal(entity), op: z.literal('put'), key: text, value });

/** One entity that is new or different, or one that is gone. A job's key is its id. */
const change = z.union([
  put('station', stationInfo),
  put('job', jobView),
  put('drive', driveView),
  put('disk', diskView),
  put('alert', alertView),
  z.object({
    entity: z.enum(['job', 'drive', 'disk', 'alert']),
    op: z.literal('remove'),
    key: text,
  }),
]);
export type Change = z.output<typeof change>;

const sequence = z.int().min(0);
/** Drawn anew at each start of the daemon: a sequence number means something only within one. */
const epoch = z.string().min(1).max(64);
const cursor = z.strictObject({ epoch, sequence });
export type Cursor = z.output<typeof cursor>;

const versionRange = z.tuple([z.int().min(0).max(1_000_000), z.int().min(0).max(1_000_000)]);

/** What a client may say. Anything else ends the connection. */
export const clientMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('hello'),
    protocol: versionRange,
    resume: cursor.exactOptional(),
  }),
  z.strictObject({ type: z.literal('resume'), ...cursor.shape }),
  z.strictObject({ type: z.literal('pong') }),
]);
export type ClientMessage = z.output<typeof clientMessage>;

const deltaMessage = z.object({
  type: z.literal('delta'),
  sequence,
  changes: list(change),
});
export type Delta = z.output<typeof deltaMessage>;

const snapshotMessage = z.object({
  type: z.literal('snapshot'),
  epoch,
  sequence,
  view: stationView,
});
export type Snapshot = z.output<typeof snapshotMessage>;

/** What the station says. Another type comes only with another protocol version. */
export const serverMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: z.int().min(0),
    station: z.object({ name: text, version: text }),
    epoch,
  }),
  snapshotMessage,
  deltaMessage,
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('error'), code: text, message: text }),
]);
export type ServerMessage = z.output<typeof serverMessage>;
