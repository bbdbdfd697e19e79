import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Extent } from '../../../../src/domain/plan.ts';
import { type HungPlace, hungPlace, overlaps } from '../../../../src/domain/rescue/hung-place.ts';
import { RescueMap } from '../../../../src/domain/rescue/map.ts';
import { Rescue, type RescueRules } from '../../../../src/domain/rescue/rescue.ts';

import { HUNG_PLACE } from '../../../../src/limits.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const SIZE = 32 * MIB;
const RULES: RescueRules = {
  unitBytes: { cluster: 64 * KIB, physicalSector: 4 * KIB, logicalSector: 512 },
  retries: 2,
  deadRunBytes: Number.POSITIVE_INFINITY,
  budgetMs: { area: 1e9, pass: 1e9, drive: 1e9 },
  maxAreas: 1e6,
};
/** In a large read, from each side, and then with 16 times as much each time. */
const HANGS_MAX = 5;

/** Reads until the disk hangs; gives where. */
function untilHang(map: RescueMap, known: readonly HungPlace[], bad: Extent): Extent | undefined {
  const leftOut = known.filter(({ isLeftOut }) => isLeftOut);
  const open = new RescueMap(SIZE, 'finished');
  for (const area of map.areas()) open.mark(area, area.status);
  const rescue = new Rescue({ ...RULES, leftOut }, open);
  for (let read = rescue.next(); read !== undefined; read = rescue.next()) {
    expect(leftOut.some((place) => overlaps(place, read as Extent))).toBe(false);
    if (overlaps(read, bad)) return read;
    rescue.record(read, { ok: true, elapsedMs: 1 });
    map.mark(read, 'finished');
  }
  return undefined;
}

function note(map: RescueMap, known: HungPlace[], read: Extent, isRescue = true): void {
  const place = hungPlace({ ...read, isRescue }, { map, hung: known }, HUNG_PLACE);
  known.push(place);
  for (const area of [...map.within(place)]) {
    if (area.status !== 'finished') map.mark(area, place.isLeftOut ? 'bad' : 'non-trimmed');
  }
}

const someBytes = fc
  .record({ at: fc.nat({ max: SIZE / 512 - 1 }), sectors: fc.integer({ min: 1, max: 16_384 }) })
  .map(({ at, sectors }) => {
    const offsetBytes = at * 512;
    return { offsetBytes, lengthBytes: Math.min(sectors * 512, SIZE - offsetBytes) };
  });

test('a disk that hangs in any bytes is done after a few attempts, and all others were read or left out', () => {
  fc.assert(
    fc.property(someBytes, (bad) => {
      const map = new RescueMap(SIZE);
      const known: HungPlace[] = [];
      let hangs = 0;
      for (let at = untilHang(map, known, bad); at !== undefined; hangs++) {
        expect(hangs).toBeLessThan(HANGS_MAX);
        note(map, known, at);
        at = untilHang(map, known, bad);
      }
      const leftOut = known.filter(({ isLeftOut }) => isLeftOut);
      for (const area of map.areas()) {
        const isLeft = leftOut.some((place) => overlaps(place, area));
        expect(area.status).toBe(isLeft ? 'bad' : 'finished');
      }
    }),
    { numRuns: 60 },
  );
});

test('bytes that hang in a read of the fast copy alone are all that is lost', () => {
  const bad = { offsetBytes: 10 * MIB + 300 * KIB, lengthBytes: 100 * KIB };
  const map = new RescueMap(SIZE, 'finished');
  map.mark({ offsetBytes: 8 * MIB, lengthBytes: 8 * MIB }, 'non-tried');
  const known: HungPlace[] = [];
  note(map, known, { offsetBytes: 10 * MIB, lengthBytes: MIB }, false);
  expect(map.at(10 * MIB)).toMatchObject({ status: 'non-trimmed', lengthBytes: MIB });
  for (let at = untilHang(map, known, bad); at !== undefined; at = untilHang(map, known, bad)) {
    note(map, known, at);
  }
  expect([...map.areas()].filter(({ status }) => status !== 'finished')).toEqual([
    { ...bad, status: 'bad' },
  ]);
  expect(known).toHaveLength(3);
});
