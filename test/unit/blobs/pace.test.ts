import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pace, type PaceOptions } from '../../../src/blobs/pace.ts';
import { PACE, RETRY_AFTER_MAX_MS } from '../../../src/limits.ts';

const MIB = 1024 * 1024;
const live = () => new AbortController().signal;

/** A line to a store: all requests share it, and one alone cannot fill it. */
interface Line {
  readonly bytesPerSecond: number;
  readonly perRequest: number;
}

function paceOn(options: PaceOptions) {
  const clock = { now: 0, slept: [] as number[] };
  const pace = new Pace(options, {
    now: () => clock.now,
    sleep: async (ms) => {
      clock.slept.push(ms);
      clock.now += ms;
    },
  });
  return { clock, pace };
}

/** So many times as many requests as the pace lets through, each half a second long on a free line. */
async function run({ clock, pace }: ReturnType<typeof paceOn>, line: Line, rounds: number) {
  const begun = clock.now;
  const lengthBytes = line.perRequest / 2;
  let most = 0;
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const turns = await Promise.all(Array.from({ length: pace.limit }, () => pace.turn(live())));
    most = Math.max(most, turns.length);
    const rate = Math.min(line.bytesPerSecond, turns.length * line.perRequest);
    clock.now += (turns.length * lengthBytes * 1000) / rate;
    for (const turn of turns) {
      bytes += lengthBytes;
      pace.worked(lengthBytes);
      turn[Symbol.dispose]();
    }
  }
  return { most, bytesPerSecond: (bytes * 1000) / (clock.now - begun) };
}

describe('pace', () => {
  it('climbs while more requests bring more', async () => {
    const at = paceOn({ start: 4, max: 64 });
    await run(at, { bytesPerSecond: 1000 * MIB, perRequest: 20 * MIB }, 60);
    expect(at.pace.limit).toBeGreaterThanOrEqual(40);
  });

  it('stays where the line is full, and leaves requests away that bring nothing', async () => {
    const at = paceOn({ start: 4, max: 64 });
    await run(at, { bytesPerSecond: 100 * MIB, perRequest: 100 * MIB }, 600);
    expect(at.pace.limit).toBeLessThanOrEqual(2);
  });

  it('uses most of any line, and never more requests than it may', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.integer({ min: 1, max: 64 }),
        async (all, one, max) => {
          const at = paceOn({ start: 4, max });
          const line = { bytesPerSecond: all * MIB, perRequest: one * MIB };
          await run(at, line, 300);
          const { most, bytesPerSecond } = await run(at, line, 300);
          expect(most).toBeLessThanOrEqual(max);
          expect(bytesPerSecond).toBeGreaterThanOrEqual(0.7 * Math.min(all, one * max) * MIB);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('halves when the store is overloaded, once for requests that fail together', async () => {
    const { clock, pace } = paceOn({ start: 16, max: 64 });
    for (let failed = 0; failed < 16; failed++) pace.pressed();
    expect(pace.limit).toBe(8);
    clock.now += PACE.periodMs;
    pace.pressed();
    expect(pace.limit).toBe(4);
    for (let again = 0; again < 10; again++) {
      clock.now += PACE.periodMs;
      pace.pressed();
    }
    expect(pace.limit).toBe(1);
  });

  it('climbs again soon after the trouble is over', async () => {
    const at = paceOn({ start: 32, max: 64 });
    for (let failed = 0; failed < 10; failed++) {
      at.pace.pressed();
      at.clock.now += PACE.periodMs;
    }
    expect(at.pace.limit).toBe(1);
    await run(at, { bytesPerSecond: 1000 * MIB, perRequest: 20 * MIB }, 60);
    expect(at.pace.limit).toBeGreaterThanOrEqual(32);
  });

  it('does not grow when it is the disk that is slow', async () => {
    const { clock, pace } = paceOn({ start: 4, max: 64 });
    for (let block = 0; block < 100; block++) {
      using _turn = await pace.turn(live());
      clock.now += 500;
      pace.worked(8 * MIB);
    }
    expect(pace.limit).toBe(4);
  });

  it('makes all wait for what one was told, but not for ever', async () => {
    const { clock, pace } = paceOn({ start: 4, max: 4 });
    pace.holdFor(3000);
    pace.holdFor(1000);
    (await pace.turn(live()))[Symbol.dispose]();
    expect(clock.now).toBe(3000);
    pace.holdFor(365 * 86_400_000);
    (await pace.turn(live()))[Symbol.dispose]();
    expect(clock.now).toBe(3000 + RETRY_AFTER_MAX_MS);
  });

  it('gives the turn of one that is cancelled while it waits to another', async () => {
    const pace = new Pace({ start: 1, max: 1 });
    pace.holdFor(60_000);
    const cancelled = pace.turn(AbortSignal.timeout(20));
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    const { clock, pace: other } = paceOn({ start: 1, max: 1 });
    other.holdFor(10);
    (await other.turn(live()))[Symbol.dispose]();
    expect(clock.slept).toEqual([10]);
  });
});
