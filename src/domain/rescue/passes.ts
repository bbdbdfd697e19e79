import type { AreaStatus } from './map.ts';

/** The three sizes of reads: as the plan cuts blocks, some dozen sectors, one logical sector. */
export type ReadUnit = 'block' | 'cluster' | 'sector';

/**
 * One way over the disk. `edges` reads each area from its ends until something fails on each side: the
 * good bytes around a bad place come first everywhere, before anybody reads inside of one. `until-error`
 * leaves an area at its first failing read, `through` does not.
 */
export interface Pass {
  /** What is read; a read that fails leaves `failed`. */
  readonly status: Exclude<AreaStatus, 'finished'>;
  readonly failed: Exclude<AreaStatus, 'finished'>;
  readonly unit: ReadUnit;
  readonly way: 'edges' | 'forwards' | 'backwards';
  readonly onError: 'until-error' | 'through';
  /** Counted from 1 among the passes over areas of one status; what a map file calls `current_pass`. */
  readonly number: number;
}

/** What a failing read of a unit says about its bytes. */
const FAILED = { block: 'non-trimmed', cluster: 'non-scraped', sector: 'bad' } as const;

/**
 * The order of things. Blocks that the fast copy left behind are met from the other side, then swept up;
 * what fails is halved into clusters, what fails of those into sectors, edges always before insides.
 * (The fast copy itself is the first pass over what is not tried.)
 */
export const PASSES: readonly Pass[] = [
  pass('non-tried', 'block', { way: 'backwards', onError: 'until-error', number: 2 }),
  pass('non-tried', 'block', { way: 'forwards', onError: 'through', number: 3 }),
  pass('non-trimmed', 'cluster', { way: 'edges', onError: 'until-error', number: 1 }),
  pass('non-trimmed', 'cluster', { way: 'forwards', onError: 'through', number: 2 }),
  pass('non-scraped', 'sector', { way: 'edges', onError: 'until-error', number: 1 }),
  pass('non-scraped', 'sector', { way: 'forwards', onError: 'through', number: 2 }),
];

/** Retrying turns at each end of the disk, as heads come off better from another side. */
export function retryPass(number: number): Pass {
  const way = number % 2 === 1 ? 'backwards' : 'forwards';
  return pass('bad', 'sector', { way, onError: 'through', number });
}

function pass(
  status: Pass['status'],
  unit: ReadUnit,
  how: Pick<Pass, 'way' | 'onError' | 'number'>,
): Pass {
  return { status, unit, failed: FAILED[unit], ...how };
}
