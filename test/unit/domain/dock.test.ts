import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BridgeId } from '../../../src/domain/disk.ts';
import {
  countedIncidents,
  type DockRecord,
  type DockSign,
  isUnreliable,
  NOTHING_KNOWN,
  withSigns,
} from '../../../src/domain/dock.ts';
import { SIGN_KINDS } from '../../../src/domain/dock-signs.ts';

const HOUR_MS = 3_600_000;
const LIMITS = { incidents: 3, windowMs: 48 * HOUR_MS };
const START_MS = Date.parse('2026-11-23T08:00:00.000Z');
const PLACE = { port: 'pci-0000:00:14.0-usb-0:3', bridge: '152d:0578' as BridgeId };
const ELSEWHERE = { port: 'pci-0000:00:14.0-usb-0:4', bridge: '152d:0578' as BridgeId };

type Told = readonly [atMinutes: number, kind: DockSign['kind'], disk: string];

function recordOf(told: readonly Told[]): DockRecord {
  return told.reduce((record, [minutes, kind, disk]) => {
    const at = new Date(START_MS + minutes * 60_000).toISOString();
    return withSigns(record, [{ kind, disk, count: 1 }], { at, windowMs: LIMITS.windowMs });
  }, NOTHING_KNOWN);
}

function judged(told: readonly Told[], elsewhere: readonly Told[] = []): boolean {
  const dock = { ...PLACE, ...recordOf(told) };
  return isUnreliable(dock, [dock, { ...ELSEWHERE, ...recordOf(elsewhere) }], LIMITS);
}

/** The same trouble every ten minutes. */
const again = (times: number, kind: DockSign['kind'], ...disks: string[]): Told[] =>
  Array.from({ length: times }, (_, at) => [at * 10, kind, disks[at % disks.length] ?? '']);

describe('a dock is unreliable', () => {
  it('when several disks had trouble in it', () => {
    expect(judged(again(2, 'reset', 'A', 'B'))).toBe(false);
    expect(judged(again(3, 'reset', 'A', 'B'))).toBe(true);
  });

  it('of one disk alone only after twice as much, which may be its fault', () => {
    expect(judged(again(5, 'abort', 'A'))).toBe(false);
    expect(judged(again(6, 'abort', 'A'))).toBe(true);
  });

  it.each(['drop', 'link', 'controller'] as const)(
    'of one disk alone when only the link can do it: %s',
    (kind) => {
      expect(judged(again(3, kind, 'A'))).toBe(true);
    },
  );

  it('not for disks that show no serial of their own: they may be one', () => {
    expect(judged(again(3, 'reset', '', 'A'))).toBe(false);
  });

  it('not for a disk with medium errors, whenever those show', () => {
    expect(judged([...again(12, 'reset', 'A'), [119, 'medium', 'A']])).toBe(false);
    expect(judged([[0, 'medium', 'A'], ...again(12, 'drop', 'A')])).toBe(false);
    expect(judged([[0, 'medium', 'A'], ...again(6, 'reset', 'A', 'B')])).toBe(false);
    expect(judged([[0, 'medium', 'A'], ...again(3, 'controller', 'A')])).toBe(true);
  });

  it('not for a disk that was bad in another place, or takes its trouble from place to place', () => {
    expect(judged(again(9, 'reset', 'A'), [[200, 'medium', 'A']])).toBe(false);
    expect(judged(again(9, 'reset', 'A'), [[200, 'reset', 'A']])).toBe(false);
    expect(judged(again(6, 'reset', 'A', 'B'), [[200, 'reset', 'C']])).toBe(true);
  });

  it('never excused by a disk without a name: nobody knows which disk that is', () => {
    expect(judged([[0, 'medium', ''], ...again(3, 'drop', '')])).toBe(true);
    expect(recordOf([[0, 'medium', '']]).badDisks).toEqual([]);
    const dock = { ...PLACE, ...recordOf(again(3, 'drop', '')) };
    const fromBefore = { ...dock, badDisks: [{ disk: '', at: new Date(START_MS).toISOString() }] };
    expect(isUnreliable(fromBefore, [fromBefore], LIMITS)).toBe(true);
  });

  it('not for what is outside of the window', () => {
    const late: Told = [LIMITS.windowMs / 60_000 + 5, 'reset', 'B'];
    expect(judged([...again(2, 'reset', 'A', 'B'), late])).toBe(false);
    expect(recordOf([...again(2, 'reset', 'A'), late]).incidents).toHaveLength(2);
  });
});

describe('trouble of several disks that are read at once', () => {
  const shared = (disk: string, ...others: string[]): DockRecord =>
    [0, 10, 20].reduce((record, minutes) => {
      const at = new Date(START_MS + minutes * 60_000).toISOString();
      const signs = [{ kind: 'reset' as const, disk, others, count: 1 }];
      return withSigns(record, signs, { at, windowMs: LIMITS.windowMs });
    }, NOTHING_KNOWN);
  const isBlamed = (record: DockRecord, elsewhere: DockRecord = NOTHING_KNOWN) => {
    const dock = { ...PLACE, ...record };
    return isUnreliable(dock, [dock, { ...ELSEWHERE, ...elsewhere }], LIMITS);
  };

  it('counts whole, with names or without', () => {
    expect(isBlamed(shared('A', 'B'))).toBe(true);
    expect(isBlamed(shared('', ''))).toBe(true);
  });

  it('counts half while one of them is bad, and not when all are', () => {
    const at = { at: new Date(START_MS).toISOString(), windowMs: LIMITS.windowMs };
    const bad = (...disks: string[]) =>
      withSigns(
        shared('A', 'B'),
        disks.map((disk) => ({ kind: 'medium', disk, count: 1 })),
        at,
      );
    expect(isBlamed(bad('A'))).toBe(false);
    expect(countedIncidents({ ...PLACE, ...bad('A') }, [])).toHaveLength(3);
    expect(countedIncidents({ ...PLACE, ...bad('A', 'B') }, [])).toEqual([]);
  });

  it('is not what a disk takes from place to place', () => {
    expect(isBlamed(recordOf(again(6, 'reset', 'A')), shared('A', 'B'))).toBe(true);
  });
});

describe('an incident', () => {
  it('is all that is said within three minutes, in however many lines', () => {
    const { incidents } = recordOf([
      [0, 'abort', 'A'],
      [0.5, 'abort', 'A'],
      [1, 'reset', 'A'],
      [2.9, 'offlined', 'B'],
      [3.1, 'reset', 'A'],
    ]);
    expect(incidents).toMatchObject([
      { counts: { abort: 2, reset: 1, offlined: 1 }, disks: ['A', 'B'] },
      { counts: { reset: 1 }, disks: ['A'] },
    ]);
  });

  it('ends with a disconnect: the next one is another', () => {
    const { incidents } = recordOf([
      [0, 'reset', 'A'],
      [0.2, 'drop', 'A'],
      [0.5, 'drop', 'A'],
    ]);
    expect(incidents.map(({ counts }) => counts)).toEqual([{ reset: 1, drop: 1 }, { drop: 1 }]);
  });
});

it('what is remembered is bounded, in order, and never blames more than it holds', () => {
  const sign = fc.record({
    kind: fc.constantFrom('medium' as const, ...SIGN_KINDS),
    disk: fc.constantFrom('', ...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'),
    count: fc.integer({ min: 1, max: 100 }),
  });
  const told = fc.array(fc.tuple(fc.integer({ min: 1, max: 5 * HOUR_MS }), fc.array(sign)));
  fc.assert(
    fc.property(told, (moments) => {
      let nowMs = START_MS;
      let record = NOTHING_KNOWN;
      for (const [afterMs, signs] of moments) {
        nowMs += afterMs;
        const at = new Date(nowMs).toISOString();
        record = withSigns(record, signs, { at, windowMs: LIMITS.windowMs });
      }
      const times = record.incidents.map(({ at }) => at);
      expect(times).toEqual(times.toSorted());
      expect(record.incidents.length).toBeLessThanOrEqual(32);
      expect(record.badDisks.length).toBeLessThanOrEqual(16);
      const dock = { ...PLACE, ...record };
      const counted = countedIncidents(dock, [dock]);
      expect(counted.length).toBeLessThanOrEqual(record.incidents.length);
      if (isUnreliable(dock, [dock], LIMITS)) expect(counted.length).toBeGreaterThanOrEqual(3);
    }),
  );
});
