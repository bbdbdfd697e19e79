import type { DiskDetector } from '../detect/contract.ts';
import { type Drive, driveKey } from '../domain/job.ts';
import type { Floor } from './floor.ts';

export interface MissingDiskSources {
  readonly floor: Floor;
  readonly detector: Pick<DiskDetector, 'facts'>;
  /** ISO 8601; what left before is missing since then, as far as this daemon knows. */
  readonly startedAt: string;
}

/** Since when the disks of drives in mid-copy are plugged in nowhere, by the keys of the drives. */
export function missingDisks(
  drives: readonly Drive[],
  { floor, detector, startedAt }: MissingDiskSources,
): ReadonlyMap<string, string> {
  const { disks } = detector.facts();
  const missing = drives.filter(
    ({ ref, state }) =>
      state.name === 'Transferring' &&
      !floor.working.has(driveKey(ref)) &&
      floor.bayOf(ref, disks) === undefined,
  );
  return new Map(missing.map(({ ref }) => [driveKey(ref), floor.detachedSince(ref) ?? startedAt]));
}
