import { formatBytes, percent, printable } from '../console/format.ts';
import {
  askingWords,
  dockWords,
  driveWords,
  hangWords,
  isSafeToRemove,
  spinUpWords,
  stuckWords,
} from '../console/words.ts';
import type {
  AlertView,
  DiskView,
  DriveView,
  JobView,
  StationInfo,
  StationView,
} from '../serve/wire.ts';
import { nameOf } from './alert-text.ts';

/** Progress is worth a line at every tenth. */
const STEP_PERCENT = 10;

/**
 * What is new in a view, a line each, for logs and pipes: states that changed, every tenth of
 * progress, jobs, disks and alerts that came and went, what became of the storage, the bays and the room
 * for records. Pure.
 */
export function changeLines(before: StationView | undefined, after: StationView): string[] {
  const lines = [
    ...storageLines(before, after),
    ...stuckLines(before, after),
    ...bayLines(before?.station, after.station),
    ...roomLines(before?.station, after.station),
    ...entityLines(keyed(before?.jobs), keyed(after.jobs), jobLine, jobGone),
    ...entityLines(before?.disks ?? [], after.disks, diskLine, diskGone),
    ...entityLines(drivesOf(before), drivesOf(after), driveLine, driveGone),
    ...entityLines(keyed(before?.alerts), keyed(after.alerts), alertLine, alertGone),
  ];
  return lines.map(printable);
}

interface Keyed {
  readonly key: string;
}

function entityLines<T extends Keyed>(
  before: readonly T[],
  after: readonly T[],
  line: (item: T) => string,
  gone: (item: T) => string,
): string[] {
  const old = new Map(before.map((item) => [item.key, item]));
  const now = new Set(after.map((item) => item.key));
  const changed = after.filter((item) => {
    const previous = old.get(item.key);
    return previous === undefined || line(previous) !== line(item);
  });
  return [...changed.map(line), ...before.filter((item) => !now.has(item.key)).map(gone)];
}

/** Jobs and alerts are known by their ids. */
function keyed<T extends { readonly id: string }>(items: readonly T[] = []): (T & Keyed)[] {
  return items.map((item) => ({ ...item, key: item.id }));
}

function jobLine({ name, state, cancelRequested, fault }: JobView): string {
  const parts = [`job ${name}: ${state}`];
  if (cancelRequested) parts.push('cancelled');
  if (fault !== null) parts.push(fault.reason, fault.nextStep);
  return parts.join(', ');
}

function jobGone({ name }: JobView): string {
  return `job ${name}: no longer shown`;
}

function alertLine(alert: AlertView): string {
  const { acknowledged, reason, nextStep } = alert;
  if (acknowledged !== null) return `alert ${nameOf(alert)}: ${acknowledged.by} looks after it`;
  return `alert ${nameOf(alert)}: ${reason} ${nextStep}`;
}

function alertGone(alert: AlertView): string {
  return `alert ${nameOf(alert)}: no longer open`;
}

interface ShownDrive extends DriveView {
  /** Only while the bays are seen: else nobody knows which disk is where. */
  readonly isSafe: boolean;
}

function drivesOf(view: StationView | undefined): ShownDrive[] {
  const known = view?.station.detection.known === true;
  const drives = view?.drives ?? [];
  return drives.map((drive) => ({ ...drive, isSafe: known && isSafeToRemove(drive) }));
}

function driveLine(drive: ShownDrive): string {
  const { label } = driveWords(drive);
  const detail = detailOf(drive);
  const parts = [`drive ${drive.driveId} (${drive.jobName}): ${label}`];
  if (drive.bay !== null) parts.push(`in ${drive.bay}`);
  if (drive.progress !== null) {
    const share = percent(drive.progress.stagedBytes, drive.progress.totalBytes);
    parts.push(`${Math.floor(share / STEP_PERCENT) * STEP_PERCENT} %`);
  }
  if (drive.isSafe) parts.push('safe to remove');
  if (detail !== null) parts.push(detail);
  if (drive.fault !== null) parts.push(drive.fault.nextStep);
  return parts.join(', ');
}

/** Seconds that run are left out. */
function detailOf(drive: DriveView): string | null {
  const { hang, activity } = drive;
  if (hang !== null) return hangWords(hang, 'left out');
  if (activity.kind === 'asking') return askingWords(activity, 'left out');
  if (activity.kind === 'spinning-up') return spinUpWords(activity, 'left out');
  return driveWords(drive).detail;
}

function driveGone(drive: DriveView): string {
  return `drive ${drive.driveId} (${drive.jobName}): no longer shown`;
}

function diskLine(disk: DiskView): string {
  const { match, unreliableDock: dock } = disk;
  const serial = disk.serial ?? 'no serial';
  const told = dock === null ? '' : ` ${dockWords(dock)}`;
  return `disk in ${disk.bay} (${serial}, ${formatBytes(disk.sizeBytes)}): ${match.kind}: ${match.reason}${told}`;
}

function diskGone(disk: DiskView): string {
  return `disk in ${disk.bay} (${disk.serial ?? 'no serial'}): removed`;
}

function storageLines(before: StationView | undefined, after: StationView): string[] {
  const { storage } = after.station;
  const was = before?.station.storage.kind ?? 'ok';
  if (storage.kind === was) return [];
  return [storage.kind === 'away' ? `storage away: ${storage.reason}` : 'storage is back'];
}

function stuckLines(before: StationView | undefined, after: StationView): string[] {
  const words = stuckWords(after.station);
  const was = before === undefined ? null : stuckWords(before.station);
  if (words === was) return [];
  return [
    words === null ? 'nothing hangs in the kernel any more' : `hangs in the kernel: ${words}`,
  ];
}

function bayLines(before: StationInfo | undefined, { detection }: StationInfo): string[] {
  const wasKnown = before?.detection.known ?? true;
  if (detection.known) return wasKnown ? [] : ['the bays are seen again'];
  return wasKnown ? [`bays unknown: ${detection.reason}; nothing new is started`] : [];
}

function roomLines(before: StationInfo | undefined, { belowReserve }: StationInfo): string[] {
  if (belowReserve === (before?.belowReserve ?? false)) return [];
  return [
    belowReserve
      ? 'little free space: no new drive is started'
      : 'there is room for new drives again',
  ];
}
