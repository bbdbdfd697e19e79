import type { Extent } from '../plan.ts';
import { endOf, type RescueMap } from './map.ts';

/** Where a read of a disk never came back. */
export interface HungPlace extends Extent {
  /** It is not read again, come what may. */
  readonly isLeftOut: boolean;
}

/** A read that never came back; `isRescue`: after all good areas had been read. */
export interface HungRead extends Extent {
  readonly isRescue: boolean;
}

/** How much is left out where a disk hangs. */
export interface LeaveOutRules {
  /** What is left out begins and ends at multiples of this. */
  readonly grainBytes: number;
  /** Left out on both sides when the disk hangs again beside it, and so many times more each further time. */
  readonly besideBytes: number;
  readonly growth: number;
}

/** What is known of the disk. */
export interface KnownOfDisk {
  readonly map: RescueMap;
  readonly hung: readonly HungPlace[];
}

/**
 * What a read that never came back says of its place. Each costs minutes and a person's hand, so it is
 * met a few times at most, however long it is. A read of the fast copy counts as failed: its bytes are
 * tried again last of all, from their edges. Where the disk hangs once more then, the bytes are left out,
 * and each further time more of what was not read around them.
 */
export function hungPlace(
  { offsetBytes, lengthBytes, isRescue }: HungRead,
  { map, hung }: KnownOfDisk,
  { grainBytes, besideBytes, growth }: LeaveOutRules,
): HungPlace {
  const read = { offsetBytes, lengthBytes };
  const around = unreadAround(map, read);
  const before = hung.filter((place) => overlaps(place, around));
  const isFirst = before.length === 0 && map.at(offsetBytes).status === 'non-tried';
  if (!isRescue || isFirst) return { ...read, isLeftOut: false };
  const times = before.filter(({ isLeftOut }) => isLeftOut).length;
  const beside = times === 0 ? 0 : besideBytes * growth ** (times - 1);
  const from = Math.floor(offsetBytes / grainBytes) * grainBytes - beside;
  const to = Math.ceil(endOf(read) / grainBytes) * grainBytes + beside;
  const start = Math.max(from, around.offsetBytes);
  const end = Math.min(to, endOf(around));
  return { offsetBytes: start, lengthBytes: end - start, isLeftOut: true };
}

/** The bytes around an extent that were not read, in one piece with it. */
function unreadAround(map: RescueMap, extent: Extent): Extent {
  const before = map.previous('finished', extent.offsetBytes);
  const behind = map.next('finished', endOf(extent));
  const start = before === undefined ? 0 : endOf(before);
  return { offsetBytes: start, lengthBytes: (behind?.offsetBytes ?? map.sizeBytes) - start };
}

export function overlaps(one: Extent, other: Extent): boolean {
  return one.offsetBytes < endOf(other) && other.offsetBytes < endOf(one);
}
