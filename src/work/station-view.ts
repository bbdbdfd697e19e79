import type { DiskDetector } from '../detect/contract.ts';
import type { AttachedDisk, DiskKey } from '../domain/disk.ts';
import { isProcessed } from '../domain/drive-state.ts';
import { type Drive, type DriveActivity, driveKey } from '../domain/job.ts';
import type { Match } from '../domain/matching.ts';
import type { Parcel } from '../domain/parcel.ts';
import type { Alert, ExtraDrive } from '../ledger/contract.ts';
import { alertView, checkInView } from '../serve/operator-view.ts';
import { type DriveNow, diskView, driveView, inKeyOrder, jobView } from '../serve/view.ts';
import type { StationView } from '../serve/wire.ts';
import type { JobWithDrives } from './coordinator.ts';
import type { Floor } from './floor.ts';

export interface ViewSources {
  readonly name: string;
  readonly version: string;
  readonly startedAt: string;
  readonly detector: DiskDetector;
  readonly floor: Floor;
  readonly jobs: readonly JobWithDrives[];
  readonly freeBytes: number | null;
  readonly belowReserve: boolean;
  /** Why the station starts no copy; `undefined` while it does. */
  readonly holdsCopies: string | undefined;
  readonly checkIn: Parcel | undefined;
  readonly alerts: readonly Alert[];
  readonly extras: readonly ExtraDrive[];
}

/** The view of everything, made of facts, ledger rows and what goes on; it decides nothing. */
export function buildStationView(sources: ViewSources): StationView {
  const { detector, floor, jobs } = sources;
  const facts = detector.facts();
  const withProgress = jobs.map(({ job, drives }) => ({
    job,
    drives: drives.map((drive) => freshProgress(drive, floor)),
  }));
  const jobNames = new Map(jobs.map(({ job }) => [job.id, job.name]));
  const surroundings = { jobNames, extras: sources.extras };
  const { mode } = detector;
  return inKeyOrder({
    station: {
      name: sources.name,
      version: sources.version,
      startedAt: sources.startedAt,
      detection: facts.known ? { mode, known: true } : { mode, known: false, reason: facts.reason },
      storage: storageOf(floor),
      freeBytes: sources.freeBytes,
      belowReserve: sources.belowReserve,
      ...checkInOf(sources),
    },
    jobs: withProgress.map(({ job, drives }) => jobView(job, drives)),
    drives: withProgress.flatMap(({ drives }) =>
      drives.map((drive) => driveView(drive, driveNow(drive, facts.disks, sources))),
    ),
    disks: facts.disks.map((disk) => diskView(disk, floor.matches.get(disk.key), surroundings)),
    alerts: sources.alerts.map((alert) => alertView(alert, jobNames)),
  });
}

function storageOf({ outages: [oldest] }: Floor): StationView['station']['storage'] {
  if (oldest === undefined) return { kind: 'ok' };
  const { since, reason } = oldest;
  return { kind: 'away', since, reason };
}

function checkInOf({ checkIn, jobs, extras }: ViewSources) {
  const entry = jobs.find(({ job }) => job.id === checkIn?.jobId);
  if (checkIn === undefined || entry === undefined) return { checkIn: null, parcel: null };
  return { checkIn: entry.job.name, parcel: checkInView(checkIn, { ...entry, extras }) };
}

/** Progress is in the ledger every other second; what the journal said since is on the floor. */
function freshProgress(drive: Drive, floor: Floor): Drive {
  const progress = floor.working.get(driveKey(drive.ref))?.progress;
  return progress === undefined ? drive : { ...drive, progress };
}

function driveNow(
  drive: Drive,
  disks: readonly AttachedDisk[],
  { floor, startedAt, holdsCopies }: ViewSources,
): DriveNow {
  const item = floor.working.get(driveKey(drive.ref));
  const disk = disks.find((candidate) => isDiskOf(drive, candidate.key, floor.matches));
  const blobs = drive.verdict?.blobs.map(({ name, url }) => ({ name, url })) ?? [];
  return {
    activity:
      item === undefined
        ? restingActivity(drive, disks, { floor, startedAt, disk })
        : held(item.activity, holdsCopies),
    bay: item?.bay ?? disk?.bay ?? null,
    rateBytesPerSecond: item?.rate.bytesPerSecond ?? 0,
    eta: item === undefined ? null : floor.etaOf(item),
    blobs,
  };
}

function held(activity: DriveActivity, reason: string | undefined): DriveActivity {
  return activity.kind === 'queued' && reason !== undefined ? { kind: 'queued', reason } : activity;
}

function isDiskOf(drive: Drive, key: DiskKey, matches: ReadonlyMap<DiskKey, Match>): boolean {
  const match = matches.get(key);
  return match?.kind === 'drive' && driveKey(match.ref) === driveKey(drive.ref);
}

/** What is said of a drive that nobody works on: waiting for its disk, for a person, or nothing. */
function restingActivity(
  drive: Drive,
  disks: readonly AttachedDisk[],
  now: { floor: Floor; startedAt: string; disk: AttachedDisk | undefined },
): DriveActivity {
  if (isProcessed(drive.state.name) || now.disk !== undefined) return { kind: 'idle' };
  const question = disks
    .map((disk) => now.floor.matches.get(disk.key))
    .find((match) => asksAbout(match, drive));
  if (question !== undefined) return { kind: 'waiting-for-person', reason: question.reason };
  if (drive.state.name !== 'Transferring') return { kind: 'idle' };
  const since = now.floor.detachedSince(drive.ref) ?? now.startedAt;
  return { kind: 'detached', bay: drive.boundDisk?.bay ?? '?', since };
}

function asksAbout(match: Match | undefined, drive: Drive): match is Match {
  const key = driveKey(drive.ref);
  if (match?.kind === 'ambiguous') return match.candidates.some((ref) => driveKey(ref) === key);
  if (match?.kind === 'near') return match.suggestions.some(({ ref }) => driveKey(ref) === key);
  return false;
}
