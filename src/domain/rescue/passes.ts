import type { AreaStatus } from './map.ts';

/**
 * The sizes of reads: some dozen sectors; what the medium holds in one piece, mostly eight logical sectors
 * of 512 bytes; and the smallest read that the disk takes.
 */
export type ReadUnit = 'cluster' | 'physicalSector' | 'logicalSector';

/**
 * One way over the disk. `edges` reads each area from its ends until something fails on each side: the
 * good bytes around a bad place come first everywhere, before anybody reads inside of one. `until-error`
 * leaves an area at its first failing read, `through` does not.
 */
export interface Pass {
  /** What is read; a read that fails leaves `failed`. */
  readonly status: Exclude<AreaStatus, 'finished'>;
  readonly failed: 'non-trimmed' | 'bad';
  readonly unit: ReadUnit;
  readonly way: 'edges' | 'forwards' | 'backwards';
  readonly onError: 'until-error' | 'through';
  /** Counted from 1 among the passes over areas of one status; what a map file calls `current_pass`. */
  readonly number: number;
}

/** What a failing read of a unit says about its bytes. */
const FAILED = { cluster: 'non-trimmed', physicalSector: 'bad', logicalSector: 'bad' } as const;

/**
 * The order of things. What the fast copy left behind is met from the other side, then swept up; what
 * failed is trimmed from its edges, then scraped together. (The fast copy itself is the first pass over
 * what is not tried.) What failed once as a whole goes to single sectors at once: a read of any size
 * between would touch the bad sectors once more, and they are what takes the time and wears the drive.
 * For the same reason these are physical sectors: each read of a logical one inside of it is a try of the
 * whole, and by eights that would be twenty-four of them.
 *
 * We make no `non-scraped` areas ourselves; they are read where a map of ddrescue has some.
 */
export const PASSES: readonly Pass[] = [
  pass('non-tried', 'cluster', { way: 'backwards', onError: 'until-error', number: 2 }),
  pass('non-tried', 'cluster', { way: 'forwards', onError: 'through', number: 3 }),
  pass('non-trimmed', 'physicalSector', { way: 'edges', onError: 'until-error', number: 1 }),
  pass('non-trimmed', 'physicalSector', { way: 'forwards', onError: 'through', number: 2 }),
  pass('non-scraped', 'physicalSector', { way: 'forwards', onError: 'through', number: 1 }),
];

/**
 * The order behind a filesystem, where what is read forwards makes the kernel read ahead, into the bad
 * places: everything from the end to the beginning.
 */
export const CACHED_PASSES: readonly Pass[] = [
  pass('non-tried', 'cluster', { way: 'backwards', onError: 'through', number: 2 }),
  pass('non-trimmed', 'physicalSector', { way: 'backwards', onError: 'through', number: 1 }),
];

/**
 * Retrying turns at each end of the disk, as heads come off better from another side. The last retry goes
 * by logical sectors, for a disk or a bridge that is wrong about its physical ones.
 */
export function retryPass(number: number, isLast: boolean): Pass {
  const unit = isLast ? 'logicalSector' : 'physicalSector';
  const way = number % 2 === 1 ? 'backwards' : 'forwards';
  return pass('bad', unit, { way, onError: 'through', number });
}

function pass(
  status: Pass['status'],
  unit: ReadUnit,
  how: Pick<Pass, 'way' | 'onError' | 'number'>,
): Pass {
  return { status, unit, failed: FAILED[unit], ...how };
}
