import type { DriveStatus } from './domain/copy-status.ts';
import { scrub, scrubJson } from './scrub.ts';

/**
 * The error catalogue. Each code has a typed payload here, and in `src/error-help/` what it means and
 * what a person does now; `docs/ERRORS.md` is generated from that.
 */

/** What is wrong with what was typed or sent in. */
export interface InputErrors {
  'config-invalid': { file: string; problems: readonly string[] };
  'address-unavailable': { host: string; port: number; detail: string };
  'config-unreadable': { file: string };
  'job-file-invalid': { file: string; problems: readonly string[] };
  'job-file-unreadable': { file: string };
  'job-file-too-large': { file: string; sizeBytes: number; maxBytes: number };
  'job-exists': { jobName: string };
  'job-not-found': { jobName: string };
  'job-name-ambiguous': { jobName: string; ids: readonly string[] };
  'job-change-refused': { jobName: string; state: string; property: string; reason: string };
  'job-change-incomplete': { jobName: string; missing: readonly string[] };
  'parcel-not-found': { parcel: string };
  'check-in-refused': { reason: string };
  'extra-not-found': { extra: string };
  'alert-not-found': { alert: string };
  'alert-resolved': { alert: string; by: string; at: string };
  'drive-not-found': { jobName: string; driveId: string };
  'disk-not-found': { disk: string };
  'storage-account-unknown': { storageAccount: string; known: readonly string[] };
  'request-invalid': { problems: readonly string[] };
  'idempotency-key-reused': { key: string };
  'station-unreachable': { url: string; detail: string };
  'station-refused': { status: number; refusal: string };
  'transition-refused': { entity: string; event: string; reason: string };
  'identity-file-invalid': { file: string; problems: readonly string[] };
  'xml-invalid': { line: number; column?: number; problem: string };
}

/** What may be wrong with a drive manifest: first with its ranges, then with its form. */
export type ManifestFault =
  | 'length-invalid'
  | 'range-misaligned'
  | 'range-size'
  | 'range-order'
  | 'range-gap'
  | 'range-beyond-end'
  | 'blocks-too-many'
  | 'block-ids'
  | 'not-xml'
  | 'not-a-manifest'
  | 'element-missing'
  | 'element-repeated'
  | 'element-unknown'
  | 'element-misplaced'
  | 'attribute-missing'
  | 'attribute-unknown'
  | 'text-misplaced'
  | 'value-invalid'
  | 'blob-path-invalid';

/** What is wrong with the files that a prepared drive carries. */
export interface DriveFileErrors {
  'manifest-invalid': {
    fault: ManifestFault;
    line: number;
    column: number;
    blob?: string;
    problem: string;
  };
  'manifest-corrupted': { algorithm: string; expected: string; found: string };
  'side-file-invalid': { kind: 'metadata' | 'properties'; line: number; problem: string };
  'rescue-map-invalid': { line: number; problem: string };
}

/** What goes wrong with a disk. */
export interface DiskErrors {
  'disk-gone': { devicePath: string; offsetBytes: number };
  'disk-changed': { devicePath: string; expectedDiskseq: number; foundDiskseq: number };
  'disk-given-up': { devicePath: string; offsetBytes: number; errno: string };
  'disk-content-changed': {
    devicePath: string;
    blob?: string;
    block?: number;
    offsetBytes?: number;
  };
  'disk-busy': { devicePath: string };
  'disk-not-readonly': { devicePath: string };
  'disk-read-failed': {
    devicePath: string;
    offsetBytes: number;
    lengthBytes: number;
    errno: string;
  };
  'disk-unresponsive': { devicePath: string; waitedMs: number; offsetBytes?: number };
  'tool-failed': { tool: string; exitCode: number | null; detail: string };
  'tool-timed-out': { tool: string; deadlineMs: number };
}

/** Why a drive, or a file on it, cannot be opened. The statuses are words of Azure's copy logs. */
export interface VolumeErrors {
  'volume-refused': VolumeRefusal;
  'volume-tools-missing': { missing: readonly string[] };
  'volume-not-released': { left: readonly string[] };
  'file-name-invalid': { path: string; problem: string };
  'file-name-too-long': { path: string; length: number; maxLength: number };
  'file-not-found': { path: string };
  'file-access-denied': { path: string; reason: string };
  'file-read-failed': { path: string; errno: string };
}

export interface VolumeRefusal {
  status:
    | 'BitLockerVolumeNotFound'
    | 'BitLockerNotActivated'
    | 'BitLockerProtectorNotFound'
    | 'BitLockerKeyInvalid'
    | 'BitLockerUnlockVolumeFailed'
    | 'BitLockerFailed'
    | 'VolumeNotNtfs'
    | 'DiskOperationFailed';
}

/** What goes wrong on the way to the blob store. */
export interface StorageErrors {
  'storage-unavailable': { operation: string; detail: string; retryAfterMs?: number };
  'container-missing': { operation: string; detail: string };
  'storage-clock-skew': { operation: string; skewMs: number; detail: string };
  'storage-denied': { operation: string; status: number; detail: string };
  'account-disabled': { operation: string; status: number; detail: string };
  'storage-unusable': { operation: string; status: number; detail: string };
  'storage-rejected': { operation: string; status: number; detail: string };
  'checksum-mismatch': { operation: string; blob: string };
  'short-write': { blob: string; expectedBytes: number; sentBytes: number };
  'destination-exists': { blob: string };
  'blob-leased': { blob: string };
  'blob-of-other-type': { blob: string };
  'blob-changed': { blob: string };
  'blocks-in-the-way': { blob: string };
  'blob-not-found': { blob: string };
  'credential-missing': { storageAccount: string };
}

/** What goes wrong in the copy itself or in what it keeps. */
export interface CopyErrors {
  'drive-refused': { status: DriveStatus };
  'drive-reads-differ': { what: string };
  'plan-impossible': { driveId: string; reason: string };
  'copy-attempt-failed': { code: string; detail: Readonly<Record<string, unknown>> };
  'copy-process-ended': { exitCode: number | null; signal: string | null; stderrTail: string };
  'copy-process-killed': { exitCode: number | null; signal: string | null; stderrTail: string };
  'copy-process-starved': { detail: string };
  'copy-process-silent': { waitedMs: number };
  'copy-process-not-started': { detail: string };
  'ledger-newer': { file: string; found: string; known: string };
  'ledger-unreadable': { file: string };
  'ledger-failed': { file: string; detail: string };
  'secret-key-unreadable': { file: string; detail: string };
  'secret-unreadable': { place: string; detail: string };
  'state-directory-in-use': { directory: string };
  'state-directory-unusable': { directory: string; detail: string };
  'state-disk-failed': { place: string; problem: StateDiskProblem };
  'internal-error': { detail: string };
  cancelled: Record<string, never>;
}

/** What ends a rehearsal of faults. */
export interface RehearsalErrors {
  'rehearsal-failed': { problem: string };
  'rehearsal-impossible': { missing: readonly string[] };
}

/** What the file system of the state directory does. */
export type StateDiskProblem = 'full' | 'read-only' | 'failing';

export type ErrorPayloads = InputErrors &
  DriveFileErrors &
  DiskErrors &
  VolumeErrors &
  StorageErrors &
  CopyErrors &
  RehearsalErrors;
export type ErrorCode = keyof ErrorPayloads;

/**
 * Every error that the station raises on purpose: a code, a typed payload and the cause. Words and
 * payload travel to the log, to answers and to screens, so no secret that got into them stays.
 */
export class StationError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'StationError';
  readonly code: Code;
  readonly payload: ErrorPayloads[Code];

  constructor(code: Code, message: string, payload: ErrorPayloads[Code], cause?: unknown) {
    super(scrub(message), cause === undefined ? undefined : { cause });
    this.code = code;
    this.payload = scrubJson(payload);
  }
}

export function isStationError<Code extends ErrorCode>(
  error: unknown,
  ...codes: Code[]
): error is StationError<Code> {
  return (
    error instanceof StationError && (codes.length === 0 || codes.includes(error.code as Code))
  );
}

/** The store does not answer: wait and go on; the drive is not to blame. */
export function isStorageAway(error: unknown): error is StationError<'storage-unavailable'> {
  return isStationError(error, 'storage-unavailable');
}

export function isCancelled(error: unknown): boolean {
  return isStationError(error, 'cancelled');
}

/** Throws `cancelled` when the signal has fired; long work calls it first. */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new StationError('cancelled', 'cancelled', {}, signal.reason);
}

/** The words of anything that was thrown, for logs and messages, without secrets. */
export function messageOf(error: unknown): string {
  return scrub(error instanceof Error ? error.message : String(error));
}

/** The errno name (`EIO`, `ENODEV` …) of a system error; `undefined` for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What the kernel answers when it has no descriptor, process or memory to give. */
const OUT_OF_RESOURCES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']);

/** The machine refused what a process needs for itself; no disk and no store is to blame. */
export function isOutOfResources(error: unknown): boolean {
  return OUT_OF_RESOURCES.has(errnoOf(error) ?? '');
}

const STATE_DISK_PROBLEMS: Readonly<Record<string, StateDiskProblem>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EROFS: 'read-only',
  EIO: 'failing',
};

const STATE_DISK_WORDS = {
  full: 'there is no room left in its file system',
  'read-only': 'its file system is read-only',
  failing: 'its file system gives input/output errors',
} as const satisfies Readonly<Record<StateDiskProblem, string>>;

export function stateDiskFailed(
  place: string,
  problem: StateDiskProblem,
  cause?: unknown,
): StationError<'state-disk-failed'> {
  const words = `${place} cannot be written: ${STATE_DISK_WORDS[problem]}`;
  return new StationError('state-disk-failed', words, { place, problem }, cause);
}

/** The error of a write into the state directory, told as what its disk does; any other as it is. */
export function asStateDiskError(place: string, error: unknown): unknown {
  const problem = STATE_DISK_PROBLEMS[errnoOf(error) ?? ''];
  return problem === undefined ? error : stateDiskFailed(place, problem, error);
}
