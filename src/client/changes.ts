import { formatBytes, percent, printable } from '../console/format.ts';
import { driveWords, isSafeToRemove } from '../console/words.ts';
import type { DiskView, DriveView, StationView } from '../serve/wire.ts';

/** Progress is worth a line at every tenth. */
const STEP_PERCENT = 10;

/**
 * What is new in a view, a line each, for logs and pipes: states that changed, every tenth of
 * progress, disks that came and went, storage that left or came back. Pure.
 */
export function changeLines(before: StationView | undefined, after: StationView): string[] {
  const lines = [
    ...storageLines(before, after),
    ...entityLines(before?.disks ?? [], after.disks, diskLine, diskGone),
    ...entityLines(before?.drives ?? [], after.drives, driveLine, driveGone),
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

function driveLine(drive: DriveView): string {
  const { label, detail } = driveWords(drive);
  const parts = [`drive ${drive.driveId} (${drive.jobName}): ${label}`];
  if (drive.bay !== null) parts.push(`in ${drive.bay}`);
  if (drive.progress !== null) {
    const share = percent(drive.progress.stagedBytes, drive.progress.totalBytes);
    parts.push(`${Math.floor(share / STEP_PERCENT) * STEP_PERCENT} %`);
  }
  if (isSafeToRemove(drive)) parts.push('safe to remove');
  if (detail !== null) parts.push(detail);
  if (drive.fault !== null) parts.push(drive.fault.nextStep);
  return parts.join(', ');
}

function driveGone(drive: DriveView): string {
  return `drive ${drive.driveId} (${drive.jobName}): no longer shown`;
}

function diskLine(disk: DiskView): string {
  const { match } = disk;
  const serial = disk.serial ?? 'no serial';
  return `disk in ${disk.bay} (${serial}, ${formatBytes(disk.sizeBytes)}): ${match.kind}: ${match.reason}`;
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
