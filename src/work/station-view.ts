import type { DiskDetector } from '../detect/contract.ts';
import type { AttachedDisk, DiskKey } from '../domain/disk.ts';
import type { Dock } from '../domain/dock.ts';
import { isProcessed } from '../domain/drive-state.ts';
import { triedInWords } from '../domain/hang-ladder.ts';
import { type Drive, type DriveActivity, driveKey } from '../domain/job.ts';
import { type Match, speaksOf } from '../domain/matching.ts';
import type { Parcel } from '../domain/parcel.ts';
import type { Alert, ExtraDrive } from '../ledger/contract.ts';
import { STUCK_MAX } from '../limits.ts';
import { alertView, checkInView } from '../serve/operator-view.ts';
import { type DriveNow, diskView, driveView, inKeyOrder, jobView } from '../serve/view.ts';
import type { DriveView, HangView, StationView } from '../serve/wire.ts';
import type { JobWithDrives } from './coordinator.ts';
import type { DiskHolder } from './disk-holders.ts';
import type { Floor, WorkItem } from './floor.ts';

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
  readonly stuck: readonly DiskHolder[];
  readonly checkIn: Parcel | undefined;
  readonly alerts: readonly Alert[];
  readonly extras: readonly ExtraDrive[];
  readonly docks: readonly Dock[];
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
  const { extras, docks } = sources;
  const surroundings = { jobNames, extras, docks };
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
      stuck: sources.stuck.map(({ pid, what, bay, driveId, since }) => {
        return { pid, what, bay, driveId, since };
      }),
      tooManyStuck: sources.stuck.length >= STUCK_MAX,
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
  const working = floor.working.get(driveKey(drive.ref));
  const isLeaving = working !== undefined && hasLeft(working, floor);
  const item = isLeaving ? undefined : working;
  const disk = disks.find((candidate) => isDiskOf(drive, candidate.key, floor.matches));
  const blobs = drive.verdict?.blobs.map(({ name, url }) => ({ name, url })) ?? [];
  return {
    activity:
      item === undefined
        ? restingActivity(drive, disks, { floor, startedAt, disk, isLeaving })
        : (spinUpOf(item) ?? held(item.activity, holdsCopies)),
    hang: item === undefined ? null : hangOf(item, disk),
    sick: item === undefined ? null : sickOf(item),
    bay: item?.bay ?? disk?.bay ?? null,
    rateBytesPerSecond: item?.rate.bytesPerSecond ?? 0,
    eta: item === undefined ? null : floor.etaOf(item),
    blobs,
  };
}

/** Its disk was pulled; the process that read it can take its time to end. */
function hasLeft({ stop, ref }: WorkItem, floor: Floor): boolean {
  return stop.signal.aborted && floor.detachedSince(ref) !== undefined;
}

function held(activity: DriveActivity, reason: string | undefined): DriveActivity {
  return activity.kind === 'queued' && reason !== undefined ? { kind: 'queued', reason } : activity;
}

function spinUpOf({ vitals }: WorkItem): DriveActivity | undefined {
  if (vitals?.spinUp === undefined) return undefined;
  const { waitedMs, limitMs } = vitals.spinUp;
  const limitSeconds = Math.round(limitMs / 1000);
  return { kind: 'spinning-up', waitedSeconds: Math.floor(waitedMs / 1000), limitSeconds };
}

function hangOf({ vitals }: WorkItem, disk: AttachedDisk | undefined): HangView | null {
  const { wait, kernel } = vitals?.ladder ?? {};
  if (vitals === undefined || wait === undefined) return null;
  const { kind, offsetBytes, waitedMs } = wait;
  const sectorBytes = disk?.logicalSectorBytes;
  const isPlaced = offsetBytes !== null && sectorBytes !== undefined;
  const limitMs = kernel?.limitMs ?? null;
  return {
    waitsFor: kind,
    offsetBytes,
    lba: isPlaced ? Math.floor(offsetBytes / sectorBytes) : null,
    waitedSeconds: Math.floor(waitedMs / 1000),
    giveUpSeconds: Math.round(vitals.giveUpMs / 1000),
    kernelLimitSeconds: limitMs === null ? null : Math.round(limitMs / 1000),
    tried: triedInWords(vitals.ladder),
  };
}

/** One that waits for its turn, or for its next attempt, is as it was when it left. */
function sickOf({ vitals, putBack, failedAtDisk, activity }: WorkItem): DriveView['sick'] {
  const condition = vitals?.condition ?? putBack;
  if (condition.kind === 'hanging') return 'hanging';
  if (condition.kind === 'sick') return condition.why;
  return failedAtDisk && activity.kind === 'retrying' ? 'failed-before' : null;
}

function isDiskOf(drive: Drive, key: DiskKey, matches: ReadonlyMap<DiskKey, Match>): boolean {
  const match = matches.get(key);
  return match?.kind === 'drive' && driveKey(match.ref) === driveKey(drive.ref);
}

/** What is said of a drive that nobody works on: waiting for its disk, for a person, or nothing. */
function restingActivity(
  drive: Drive,
  disks: readonly AttachedDisk[],
  now: { floor: Floor; startedAt: string; disk: AttachedDisk | undefined; isLeaving: boolean },
): DriveActivity {
  if (now.isLeaving && now.disk !== undefined) return { kind: 'queued' };
  if (isProcessed(drive.state.name) || now.disk !== undefined) return { kind: 'idle' };
  const question = disks
    .map((disk) => now.floor.matches.get(disk.key))
    .find((match) => match?.kind !== 'drive' && speaksOf(match, drive.ref));
  if (question !== undefined) return { kind: 'waiting-for-person', reason: question.reason };
  if (drive.state.name !== 'Transferring') return { kind: 'idle' };
  const since = now.floor.detachedSince(drive.ref) ?? now.startedAt;
  return { kind: 'detached', bay: drive.boundDisk?.bay ?? '?', since };
}
