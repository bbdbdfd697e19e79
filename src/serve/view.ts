import { admissionInWords } from '../domain/admission.ts';
import { type CopyStatus, copyStatusFor, statusOfFault } from '../domain/copy-status.ts';
import { type AttachedDisk, type Exclusion, shownSerial } from '../domain/disk.ts';
import { DOCK_NEXT_STEP, type Dock, dockInWords, dockOf, samePlace } from '../domain/dock.ts';
import { publicDriveState } from '../domain/drive-state.ts';
import type { EtaRange } from '../domain/eta.ts';
import {
  type CopyProgress,
  type Drive,
  type DriveActivity,
  type DriveRef,
  driveKey,
  type Job,
  type JobId,
} from '../domain/job.ts';
import { publicJobState } from '../domain/job-state.ts';
import type { Match } from '../domain/matching.ts';
import type { ExtraDrive } from '../ledger/contract.ts';
import type {
  CandidateView,
  DiskMatchView,
  DiskView,
  DriveView,
  ExtraView,
  FaultView,
  HangView,
  JobView,
  LogsView,
  ProgressView,
  StationView,
  VerdictView,
} from './wire.ts';

/** What the station knows of a drive at this moment beside its row in the ledger. */
export interface DriveNow {
  readonly activity: DriveActivity;
  readonly hang: HangView | null;
  readonly sick: DriveView['sick'];
  /** Where its disk is plugged in; `null` when it is not. */
  readonly bay: string | null;
  readonly rateBytesPerSecond: number;
  readonly eta: EtaRange | null;
  readonly blobs: readonly { readonly name: string; readonly url: string }[];
}

export function jobView(job: Job, drives: readonly Drive[]): JobView {
  return {
    id: job.id,
    name: job.name,
    jobType: job.details.jobType,
    state: job.state.name,
    publicState: publicJobState(job.state),
    fault: jobFaultOf(job),
    percentComplete: percentOf(drives),
    createdAt: job.createdAt,
    driveCount: drives.length,
    cancelRequested: job.cancelRequested,
    storageAccount: job.details.storageAccount,
  };
}

/**
 * Bytes that the store holds over planned bytes of all drives, 0-100, rounded down; `null` while no
 * drive has a plan. 100 only when every byte was also read back. A drive without a plan counts like
 * the average of those that have one.
 */
export function percentOf(drives: readonly Drive[]): number | null {
  const planned = drives.flatMap((drive) => drive.progress ?? []);
  const sum = (pick: (progress: CopyProgress) => number) =>
    planned.reduce((total, progress) => total + pick(progress), 0);
  const total = sum((progress) => progress.totalBytes);
  if (total === 0) return null;
  const whole = planned.length === drives.length;
  if (whole && sum((progress) => progress.verifiedBytes) >= total) return 100;
  const share =
    (sum((progress) => progress.stagedBytes) / total) * (planned.length / drives.length);
  return Math.min(99, Math.floor(share * 100));
}

export function driveView(drive: Drive, now: DriveNow): DriveView {
  return {
    key: driveKey(drive.ref),
    jobId: drive.ref.jobId,
    jobName: drive.jobName,
    driveId: drive.ref.driveId,
    state: drive.state.name,
    publicState: publicDriveState(drive.state),
    copyStatus: copyStatusOf(drive) ?? null,
    activity: now.activity,
    hang: now.hang,
    sick: now.sick,
    progress: progressOf(drive, now),
    bay: now.bay,
    fault: faultOf(drive),
    verdict: verdictOf(drive),
    logs: logsOf(drive),
    blobs: now.blobs,
  };
}

/**
 * The word for how the copy went; `undefined` before the drive was in transfer. A faulted drive has
 * no public state, so its trouble shows here; the station's own words are in `fault`.
 */
export function copyStatusOf({ state, verdict }: Drive): CopyStatus | undefined {
  const judged = verdict === undefined ? undefined : copyStatusFor(verdict.copyStatus);
  switch (state.name) {
    case 'Specified':
    case 'NeverReceived':
    case 'Received':
      return undefined;
    case 'Transferring':
      return 'InProgress';
    case 'Faulted':
      return copyStatusFor(statusOfFault(state.fault.code));
    case 'Completed':
      return judged ?? 'Completed';
    case 'CompletedMoreInfo':
      return judged ?? 'InternalError';
    case 'ShippedBack':
      return judged;
  }
}

function progressOf(drive: Drive, now: DriveNow): ProgressView | null {
  if (drive.progress === undefined) return null;
  const { totalBytes, stagedBytes, verifiedBytes } = drive.progress;
  const { rateBytesPerSecond, eta } = now;
  return { totalBytes, stagedBytes, verifiedBytes, rateBytesPerSecond, eta };
}

function jobFaultOf({ state }: Job): FaultView | null {
  if (state.name !== 'Faulted') return null;
  const { code, reason, nextStep } = state.fault;
  return { code, reason, nextStep };
}

function faultOf(drive: Drive): FaultView | null {
  if (drive.state.name !== 'Faulted') return null;
  const { code, reason, nextStep } = drive.state.fault;
  return { code, reason, nextStep };
}

function verdictOf(drive: Drive): VerdictView | null {
  if (drive.verdict === undefined) return null;
  const { blobs: _evidence, copyStatus, ...rest } = drive.verdict;
  return { ...rest, copyStatus: copyStatusFor(copyStatus) };
}

function logsOf({ logs }: Drive): LogsView | null {
  if (logs === undefined) return null;
  const { errorLogUri = null, verboseLogUri = null, problem = null } = logs;
  const { manifestUri = null, fileListUri = null, rescueMapUri = null } = logs;
  return { errorLogUri, verboseLogUri, manifestUri, fileListUri, rescueMapUri, problem };
}

/** What a disk is compared with: the jobs' names, extra drives that are here, docks that are known. */
export interface DiskSurroundings {
  readonly jobNames: ReadonlyMap<JobId, string>;
  readonly extras: readonly ExtraDrive[];
  readonly docks: readonly Dock[];
}

/** A disk as the screens show it; `match` is `undefined` for a disk that is not a candidate. */
export function diskView(
  disk: AttachedDisk,
  match: Match | undefined,
  surroundings: DiskSurroundings,
): DiskView {
  return {
    key: disk.key,
    bay: disk.bay,
    devicePath: disk.devicePath,
    serial: shownSerial(disk.identity) ?? null,
    model: disk.identity.model ?? null,
    transport: disk.transport,
    sizeBytes: disk.sizeBytes,
    match: matchView(disk, match, surroundings),
    health: disk.health,
    unreliableDock: unreliableDockOf(disk, surroundings.docks),
    settings: disk.admission === undefined ? [] : admissionInWords(disk.admission),
  };
}

function unreliableDockOf(disk: AttachedDisk, docks: readonly Dock[]): DiskView['unreliableDock'] {
  const seen = dockOf(disk);
  const dock = docks.find((other) => samePlace(other, seen));
  if (dock === undefined || dock.unreliableSince === null) return null;
  const words = dockInWords(dock);
  return { id: dock.id, since: dock.unreliableSince, words, nextStep: DOCK_NEXT_STEP };
}

function matchView(
  disk: AttachedDisk,
  match: Match | undefined,
  { jobNames, extras }: Pick<DiskSurroundings, 'jobNames' | 'extras'>,
): DiskMatchView {
  const named = (ref: DriveRef): CandidateView => ({
    driveKey: driveKey(ref),
    jobName: jobNames.get(ref.jobId) ?? ref.jobId,
    driveId: ref.driveId,
  });
  if (match === undefined) return { kind: 'excluded', reason: exclusionInWords(disk.exclusion) };
  const { reason } = match;
  switch (match.kind) {
    case 'own':
      return { kind: 'own', reason };
    case 'extra':
      return { kind: 'extra', reason, extra: extraView(disk, { jobNames, extras }) };
    case 'drive':
      return { kind: 'drive', reason, ...named(match.ref) };
    case 'ambiguous':
      return {
        kind: 'ambiguous',
        reason,
        candidates: match.candidates.map(named),
        rivals: match.rivals,
      };
    case 'near': {
      const suggestions = match.suggestions.map(({ ref, form }) => ({ ...named(ref), form }));
      return { kind: 'near', reason, suggestions };
    }
  }
}

/** By serial wherever it is, one that shows none by its bay: as the ledger knows an extra drive again. */
function extraView(
  disk: AttachedDisk,
  { jobNames, extras }: Pick<DiskSurroundings, 'jobNames' | 'extras'>,
): ExtraView | null {
  const serial = shownSerial(disk.identity) ?? null;
  const model = disk.identity.model ?? null;
  const same = extras.find(
    (extra) =>
      extra.serial === serial &&
      extra.model === model &&
      (serial !== null || extra.bay === disk.bay),
  );
  if (same === undefined) return null;
  const { id, jobId } = same;
  return { id, jobId, jobName: jobId === null ? null : (jobNames.get(jobId) ?? null) };
}

function exclusionInWords(exclusion: Exclusion | undefined): string {
  switch (exclusion) {
    case 'virtual':
      return 'A virtual device of the station, not a disk.';
    case 'optical':
      return 'An optical drive.';
    case 'no-medium':
      return 'A reader without a medium.';
    case 'loopback-not-configured':
      return 'A loopback device that the configuration does not name.';
    case undefined:
      return 'Not looked at yet.';
  }
}

/** Each list in the order of its keys, so that two views of one truth are equal. */
export function inKeyOrder(view: StationView): StationView {
  return {
    station: view.station,
    jobs: sortedBy(view.jobs, (job) => job.id),
    drives: sortedBy(view.drives, (drive) => drive.key),
    disks: sortedBy(view.disks, (disk) => disk.key),
    alerts: sortedBy(view.alerts, (alert) => alert.id),
  };
}

function sortedBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...items].sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
}

/** By code unit: the same everywhere, whatever the locale. */
function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
