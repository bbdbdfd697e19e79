import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Extent } from '../../../../src/domain/plan.ts';
import { endOf, RescueMap } from '../../../../src/domain/rescue/map.ts';
import { Rescue, type RescueRules } from '../../../../src/domain/rescue/rescue.ts';

const SECTOR = 512;
const SECTORS = 256;
const SIZE = SECTORS * SECTOR;
const RULES: RescueRules = {
  unitBytes: { cluster: 8 * SECTOR, physicalSector: SECTOR, logicalSector: SECTOR },
  retries: 2,
  deadRunBytes: Number.POSITIVE_INFINITY,
  budgetMs: { area: 1e9, pass: 1e9, drive: 1e9 },
  maxAreas: 1e6,
};
/** In a cluster, alone, and the retries. */
const MAX_TRIES = 2 + RULES.retries;

/** A disk of sectors: how often each one fails before it reads. */
class SickDisk {
  readonly tries = new Array<number>(SECTORS).fill(0);
  readonly reads: Extent[] = [];
  readonly #failsUntil: (sector: number) => number;

  constructor(failsUntil: (sector: number) => number) {
    this.#failsUntil = failsUntil;
  }

  read(extent: Extent): boolean {
    this.reads.push(extent);
    let ok = true;
    for (let at = extent.offsetBytes; at < endOf(extent); at += SECTOR) {
      const sector = at / SECTOR;
      const tried = (this.tries[sector] ?? 0) + 1;
      this.tries[sector] = tried;
      if (tried <= this.#failsUntil(sector)) ok = false;
    }
    return ok;
  }
}

function run(rescue: Rescue, disk: SickDisk, limit = Number.POSITIVE_INFINITY): void {
  for (let count = 0; count < limit; count++) {
    const read = rescue.next();
    if (read === undefined) return;
    expect(rescue.map.within(read).every((area) => area.status !== 'finished')).toBe(true);
    rescue.record(read, { ok: disk.read(read), elapsedMs: 1 });
  }
}

function holds(read: Extent, offsetBytes: number): boolean {
  return read.offsetBytes <= offsetBytes && offsetBytes < endOf(read);
}

function joined(reads: readonly Extent[]): Extent {
  const offsetBytes = Math.min(...reads.map((read) => read.offsetBytes));
  return { offsetBytes, lengthBytes: Math.max(...reads.map(endOf)) - offsetBytes };
}

const badSectors = fc.uniqueArray(fc.nat({ max: SECTORS - 1 }), { maxLength: 40 });
const badRuns = fc
  .array(fc.tuple(fc.nat({ max: SECTORS - 1 }), fc.integer({ min: 1, max: 80 })), { maxLength: 4 })
  .map((runs) => runs.flatMap(([from, length]) => Array.from({ length }, (_, i) => from + i)))
  .map((sectors) => [...new Set(sectors.filter((sector) => sector < SECTORS))]);
const errorMaps = fc.oneof(badSectors, badRuns);

describe('a rescue', () => {
  test('reads every good byte once alone or in company, tries a bad one so often and no more', () => {
    fc.assert(
      fc.property(errorMaps, (sectors) => {
        const bad = new Set(sectors);
        const disk = new SickDisk((sector) => (bad.has(sector) ? Number.POSITIVE_INFINITY : 0));
        const rescue = new Rescue(RULES, new RescueMap(SIZE));
        run(rescue, disk);
        expect(rescue.end).toBe('done');
        expect(rescue.map.bytesOf('finished')).toBe(SIZE - bad.size * SECTOR);
        expect(rescue.map.bytesOf('bad')).toBe(bad.size * SECTOR);
        for (const sector of bad) expect(disk.tries[sector]).toBe(MAX_TRIES);
        for (const read of disk.reads) {
          expect(read.offsetBytes).toBeGreaterThanOrEqual(0);
          expect(endOf(read)).toBeLessThanOrEqual(SIZE);
          expect(read.offsetBytes % SECTOR).toBe(0);
        }
      }),
    );
  });

  test('reads in runs what it reads one by one', () => {
    fc.assert(
      fc.property(errorMaps, fc.integer({ min: 1, max: 40 }), (sectors, longest) => {
        const bad = new Set(sectors);
        const fails = (sector: number) => (bad.has(sector) ? Number.POSITIVE_INFINITY : 0);
        const [single, inRuns] = [new SickDisk(fails), new SickDisk(fails)];
        run(new Rescue(RULES, new RescueMap(SIZE)), single);
        const rescue = new Rescue(RULES, new RescueMap(SIZE));
        for (let read = rescue.next(); read !== undefined; read = rescue.next()) {
          const reads = rescue.run().take(longest).toArray();
          expect(reads[0]).toEqual(read);
          const failed = reads.findIndex((one) => !inRuns.read(one));
          const came = failed === -1 ? reads : reads.slice(0, failed);
          if (came.length > 0) rescue.record(joined(came), { ok: true, elapsedMs: 1 });
          const end = reads[failed];
          if (end !== undefined) rescue.record(end, { ok: false, elapsedMs: 1 });
        }
        expect(inRuns.reads).toEqual(single.reads);
      }),
    );
  });

  test('gets every sector that reads within its tries', () => {
    fc.assert(
      fc.property(errorMaps, fc.integer({ min: 1, max: MAX_TRIES - 1 }), (sectors, fails) => {
        const weak = new Set(sectors);
        const disk = new SickDisk((sector) => (weak.has(sector) ? fails : 0));
        const rescue = new Rescue(RULES, new RescueMap(SIZE));
        run(rescue, disk);
        expect(rescue.map.missingBytes).toBe(0);
      }),
    );
  });

  test('that is interrupted anywhere ends as one that was not, with no sector tried more often', () => {
    fc.assert(
      fc.property(errorMaps, fc.array(fc.nat({ max: 200 }), { maxLength: 6 }), (sectors, stops) => {
        const bad = new Set(sectors);
        const fails = (sector: number) => (bad.has(sector) ? Number.POSITIVE_INFINITY : 0);
        const whole = new Rescue(RULES, new RescueMap(SIZE));
        run(whole, new SickDisk(fails));
        const disk = new SickDisk(fails);
        let rescue = new Rescue(RULES, new RescueMap(SIZE));
        for (const limit of stops) {
          run(rescue, disk, limit);
          rescue = new Rescue(RULES, rescue.map, rescue.standing);
        }
        run(rescue, disk);
        expect([...rescue.map.areas()]).toEqual([...whole.map.areas()]);
        for (const sector of bad) expect(disk.tries[sector]).toBe(MAX_TRIES);
      }),
    );
  });

  test('calls a place done when nothing of it is read again, and no sooner', () => {
    fc.assert(
      fc.property(errorMaps, fc.integer({ min: 2, max: 9 }), (sectors, deadRun) => {
        const bad = new Set(sectors);
        const disk = new SickDisk((sector) => (bad.has(sector) ? Number.POSITIVE_INFINITY : 0));
        const rules = { ...RULES, deadRunBytes: deadRun * SECTOR };
        const rescue = new Rescue(rules, new RescueMap(SIZE));
        const place = { offsetBytes: SIZE / 4, lengthBytes: SIZE / 4 };
        for (let read = rescue.next(); read !== undefined; read = rescue.next()) {
          const touches = read.offsetBytes < endOf(place) && endOf(read) > place.offsetBytes;
          expect(touches && rescue.isDone(place)).toBe(false);
          rescue.record(read, { ok: disk.read(read), elapsedMs: 1 });
        }
        expect(rescue.isDone(place)).toBe(true);
      }),
    );
  });

  test('calls a place done at its last retry, though others of the disk still have theirs', () => {
    const [first, dead, last] = [10, 100, 200];
    const deadRun = Array.from({ length: 16 }, (_, index) => dead + index);
    const bad = new Set([first, ...deadRun, last]);
    const disk = new SickDisk((sector) => (bad.has(sector) ? Number.POSITIVE_INFINITY : 0));
    const rules = { ...RULES, deadRunBytes: 16 * SECTOR };
    const rescue = new Rescue(rules, new RescueMap(SIZE));
    const around = (sector: number) => ({
      offsetBytes: (sector - 4) * SECTOR,
      lengthBytes: 32 * SECTOR,
    });
    const isDone = () => [first, dead, last].map((sector) => rescue.isDone(around(sector)));
    for (let read = rescue.next(); read !== undefined; read = rescue.next()) {
      rescue.record(read, { ok: disk.read(read), elapsedMs: 1 });
      if (disk.tries[first] === MAX_TRIES) break;
      expect(isDone()).toEqual([false, false, false]);
    }
    expect(isDone()).toEqual([true, true, false]);
    run(rescue, disk);
    expect(isDone()).toEqual([true, true, true]);
  });

  test('leaves out nothing, however small the budgets of areas and passes are', () => {
    fc.assert(
      fc.property(errorMaps, fc.integer({ min: 1, max: 20 }), (sectors, area) => {
        const bad = new Set(sectors);
        const disk = new SickDisk((sector) => (bad.has(sector) ? Number.POSITIVE_INFINITY : 0));
        const budgetMs = { area, pass: area * 2, drive: 1e9 };
        const rescue = new Rescue({ ...RULES, budgetMs }, new RescueMap(SIZE));
        run(rescue, disk);
        expect(rescue.map.bytesOf('finished')).toBe(SIZE - bad.size * SECTOR);
        expect(Math.max(...disk.tries)).toBeLessThanOrEqual(MAX_TRIES);
      }),
    );
  });

  test('ends when its time is up, and calls nothing finished or bad that it did not try', () => {
    fc.assert(
      fc.property(errorMaps, fc.nat({ max: 100 }), (sectors, drive) => {
        const bad = new Set(sectors);
        const disk = new SickDisk((sector) => (bad.has(sector) ? Number.POSITIVE_INFINITY : 0));
        const budgetMs = { ...RULES.budgetMs, drive };
        const rescue = new Rescue({ ...RULES, budgetMs }, new RescueMap(SIZE));
        run(rescue, disk);
        expect(disk.reads.length).toBeLessThanOrEqual(drive);
        for (const area of rescue.map.areas()) {
          const sector = area.offsetBytes / SECTOR;
          if (area.status === 'finished') expect(bad.has(sector)).toBe(false);
          if (area.status === 'bad') expect(bad.has(sector)).toBe(true);
          if (area.status === 'non-tried') expect(disk.tries[sector]).toBe(0);
        }
      }),
    );
  });

  test('refines its map no further than so many areas', () => {
    const disk = new SickDisk((sector) => (sector % 2 === 0 ? Number.POSITIVE_INFINITY : 0));
    const rescue = new Rescue({ ...RULES, maxAreas: 20 }, new RescueMap(SIZE));
    run(rescue, disk);
    expect(rescue.end).toBe('too-many-areas');
    expect(rescue.map.areaCount).toBeLessThan(24);
    expect(rescue.map.bytesOf('non-scraped') + rescue.map.bytesOf('non-trimmed')).toBeGreaterThan(
      0,
    );
  });

  test('reads the good sides of every bad place before the inside of any', () => {
    const inside = (sector: number) => (sector % 64 >= 20 && sector % 64 < 44 ? Infinity : 0);
    const disk = new SickDisk(inside);
    const rescue = new Rescue(RULES, new RescueMap(SIZE));
    run(rescue, disk);
    const single = disk.reads.filter((read) => read.lengthBytes === SECTOR);
    const edges = [16, 17, 18, 19, 20, 47, 46, 45, 44, 43];
    expect(single.slice(0, 40).map((read) => read.offsetBytes / SECTOR)).toEqual(
      [0, 64, 128, 192].flatMap((at) => edges.map((sector) => at + sector)),
    );
  });
});

describe('a rescue of a disk with four logical sectors in a physical one', () => {
  const rules = { ...RULES, unitBytes: { ...RULES.unitBytes, physicalSector: 4 * SECTOR } };
  const never = Number.POSITIVE_INFINITY;

  test('goes by physical sectors until the last retry', () => {
    fc.assert(
      fc.property(errorMaps, (sectors) => {
        const bad = new Set(sectors.map((sector) => Math.floor(sector / 4)));
        const disk = new SickDisk((sector) => (bad.has(Math.floor(sector / 4)) ? never : 0));
        const rescue = new Rescue(rules, new RescueMap(SIZE));
        run(rescue, disk);
        expect(rescue.map.bytesOf('bad')).toBe(bad.size * 4 * SECTOR);
        expect(rescue.map.missingBytes).toBe(bad.size * 4 * SECTOR);
        for (const sector of bad) {
          const reads = disk.reads.filter((read) => holds(read, sector * 4 * SECTOR));
          expect(reads.map((read) => read.lengthBytes / SECTOR)).toEqual([8, 4, 4, 1]);
        }
      }),
    );
  });

  test('gets every good logical sector of a disk that is wrong about its physical ones', () => {
    fc.assert(
      fc.property(errorMaps, (sectors) => {
        const bad = new Set(sectors);
        const disk = new SickDisk((sector) => (bad.has(sector) ? never : 0));
        const rescue = new Rescue(rules, new RescueMap(SIZE));
        run(rescue, disk);
        expect(rescue.map.bytesOf('bad')).toBe(bad.size * SECTOR);
        expect(rescue.map.missingBytes).toBe(bad.size * SECTOR);
        for (const sector of bad) expect(disk.tries[sector]).toBe(MAX_TRIES);
      }),
    );
  });
});

test('a map is the same whether it is marked in one order or another, and its areas cover the disk', () => {
  const extent = fc
    .tuple(fc.nat({ max: 99 }), fc.integer({ min: 1, max: 40 }))
    .map(([offsetBytes, length]) => ({
      offsetBytes,
      lengthBytes: Math.min(length, 100 - offsetBytes),
    }));
  const status = fc.constantFrom('non-tried', 'non-trimmed', 'bad', 'finished');
  fc.assert(
    fc.property(fc.array(fc.tuple(extent, status)), (marks) => {
      const map = new RescueMap(100);
      const plain = new Array<string>(100).fill('non-tried');
      for (const [range, to] of marks) {
        map.mark(range, to);
        plain.fill(to, range.offsetBytes, endOf(range));
      }
      const spelled = [...map.areas()].flatMap((area) =>
        new Array<string>(area.lengthBytes).fill(area.status),
      );
      expect(spelled).toEqual(plain);
      const areas = [...map.areas()];
      expect(map.areaCount).toBe(areas.length);
      expect(areas.every((area, i) => area.status !== areas[i + 1]?.status)).toBe(true);
      for (const word of ['non-tried', 'bad', 'finished'] as const) {
        expect(map.bytesOf(word)).toBe(plain.filter((found) => found === word).length);
        const at = plain.indexOf(word, 50);
        expect(map.next(word, 50)?.offsetBytes).toBe(at === -1 ? undefined : at);
        const before = map.previous(word, 50);
        const last = plain.lastIndexOf(word, 49);
        expect(before === undefined ? -1 : endOf(before) - 1).toBe(last);
      }
    }),
  );
});
