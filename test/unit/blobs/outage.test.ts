import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outage } from '../../../src/blobs/outage.ts';
import { STORAGE_REWORD_MS } from '../../../src/limits.ts';

const SILENCE_MS = 10_000;
const LOOK_MS = 1000;

function outageOf(awayAfterMs: number) {
  const told: string[] = [];
  /** What is to run later, run by the test when its time has come. */
  const due: { ms: number; run: () => void }[] = [];
  const outage = new Outage(
    { awayAfterMs, silenceMs: SILENCE_MS },
    {
      onAway: (detail) => told.push(detail),
      onSlow: () => told.push('slow'),
      onCommitting: () => told.push('committing'),
      onBack: () => told.push('back'),
    },
    (ms, run) => due.push({ ms, run }),
  );
  return { outage, told, due };
}

const ask = (startedAt: number) => ({ startedAt, isSentCommit: false });

interface Looks {
  readonly startedAt: number;
  readonly from?: number;
  readonly to: number;
  readonly isSentCommit?: boolean;
}

/** A request of `startedAt` waits and is looked at every second from `from` on, and last at `to`. */
function looks(
  outage: Outage,
  { startedAt, from = startedAt, to, isSentCommit = false }: Looks,
  movedAt = (_now: number) => Number.NEGATIVE_INFINITY,
) {
  const look = (now: number) => outage.waited({ startedAt, isSentCommit }, now, movedAt(now));
  for (let now = from + LOOK_MS; now < to; now += LOOK_MS) look(now);
  look(to);
}

describe('outage', () => {
  it('is not told before it has lasted', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    outage.failed(10, 20, 'reset');
    outage.failed(500, 1009, 'reset');
    expect(told).toEqual([]);
    outage.failed(1005, 1010, 'refused');
    expect(told).toEqual(['refused']);
  });

  it('begins when the first request that failed began', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    outage.failed(100, 1100, 'no answer');
    expect(told).toEqual(['no answer']);
  });

  it('does not begin before the last answer', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(5000, 5000);
    outage.failed(100, 5010, 'no answer');
    expect(told).toEqual([]);
  });

  it('is told when requests wait and none is answered for the silence', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    looks(outage, { startedAt: 100, to: 10_099 });
    expect(told).toEqual([]);
    outage.waited(ask(100), 10_100, Number.NEGATIVE_INFINITY);
    expect(told).toEqual(['no answer for 10 s']);
    outage.answered(11_000, 11_000);
    expect(told).toEqual(['no answer for 10 s', 'back']);
  });

  it('is not told of a slow line, on which one request after the other is answered', () => {
    const { outage, told } = outageOf(1000);
    for (let now = 1000; now < 60_000; now += 9000) {
      outage.answered(now, now);
      looks(outage, { startedAt: 0, from: now, to: now + 8999 });
    }
    expect(told).toEqual([]);
  });

  it('is no outage but a slow line as long as bytes move', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    looks(outage, { startedAt: 100, to: 15_000 }, (now) => now - 100);
    expect(told).toEqual(['slow']);
    // One after the other is answered, each after a long time: it is as slow as before.
    outage.answered(100, 16_000);
    looks(outage, { startedAt: 5000, from: 16_000, to: 29_000 }, (now) => now - 100);
    expect(told).toEqual(['slow']);
    looks(outage, { startedAt: 5000, from: 29_000, to: 40_000 }, () => 29_000);
    expect(told).toEqual(['slow', 'no answer for 10 s']);
    outage.answered(5000, 41_000);
    expect(told).toEqual(['slow', 'no answer for 10 s', 'back']);
  });

  it('tells when a slow line is fast again', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    looks(outage, { startedAt: 100, to: 10_100 }, (now) => now - 100);
    outage.answered(10_000, 11_000);
    expect(told).toEqual(['slow', 'back']);
  });

  it('tells when a slow line is fast again, also when a request failed in between', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    looks(outage, { startedAt: 100, to: 10_100 }, (now) => now - 100);
    outage.failed(10_200, 10_300, 'reset');
    expect(told).toEqual(['slow']);
    outage.answered(10_400, 11_000);
    expect(told).toEqual(['slow', 'back']);
  });

  it('is none while the store takes its time over a commit that was sent whole', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    looks(outage, { startedAt: 100, to: 60_000, isSentCommit: true });
    expect(told).toEqual(['committing']);
    outage.answered(100, 60_100);
    expect(told).toEqual(['committing', 'back']);
  });

  it('is one when another request gets no answer beside the commit', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    looks(outage, { startedAt: 100, to: 15_000, isSentCommit: true });
    looks(outage, { startedAt: 14_000, from: 15_000, to: 23_999 });
    expect(told).toEqual(['committing']);
    outage.waited(ask(14_000), 24_000, Number.NEGATIVE_INFINITY);
    expect(told).toEqual(['committing', 'no answer for 10 s']);
  });

  it('is over when the next commit is waited for after one that ran out of its time', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    looks(outage, { startedAt: 100, to: 70_000, isSentCommit: true });
    outage.failed(100, 70_100, 'no byte moved');
    expect(told).toEqual(['committing', 'no byte moved']);
    looks(outage, { startedAt: 70_300, to: 130_000, isSentCommit: true });
    expect(told).toEqual(['committing', 'no byte moved', 'committing']);
    outage.answered(70_300, 130_000);
    expect(told).toEqual(['committing', 'no byte moved', 'committing', 'back']);
  });

  it('lasts until something is answered when one commit after the other runs out of its time', () => {
    const { outage, told } = outageOf(1000);
    const runOut = (startedAt: number) => {
      looks(outage, { startedAt, to: startedAt + 70_000, isSentCommit: true });
      outage.failed(startedAt, startedAt + 70_000, 'no byte moved');
    };
    const once = ['committing', 'no byte moved'];
    for (const startedAt of [0, 71_000, 142_000, 213_000, 284_000]) runOut(startedAt);
    expect(told).toEqual([...once, ...once, ...once]);
    outage.answered(355_000, 355_100);
    runOut(356_000);
    runOut(427_000);
    expect(told).toEqual([...once, ...once, ...once, 'back', ...once, ...once]);
  });

  it('lasts until something is answered when other requests got no answer beside a commit', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    looks(outage, { startedAt: 100, to: 15_000, isSentCommit: true });
    looks(outage, { startedAt: 100, from: 15_000, to: 16_000 });
    expect(told).toEqual(['committing', 'no answer for 10 s']);
    looks(outage, { startedAt: 16_000, to: 40_000, isSentCommit: true });
    expect(told).toEqual(['committing', 'no answer for 10 s']);
  });

  it('is over when a commit begun in it was sent whole and is waited for', () => {
    const { outage, told } = outageOf(1000);
    outage.failed(0, 1000, 'refused');
    // Sent whole before the way to the store was lost: it shows nothing.
    looks(outage, { startedAt: 500, to: 15_000, isSentCommit: true });
    expect(told).toEqual(['refused']);
    looks(outage, { startedAt: 15_000, to: 25_000, isSentCommit: true });
    expect(told).toEqual(['refused', 'committing']);
    outage.answered(15_000, 26_000);
    expect(told).toEqual(['refused', 'committing', 'back']);
  });

  it('ends silently when it was never told', () => {
    const { outage, told } = outageOf(1000);
    outage.failed(0, 10, 'reset');
    outage.answered(20, 20);
    expect(told).toEqual([]);
  });

  it('is no silence of the store while the process stood still', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    looks(outage, { startedAt: 100, to: 4100 }, () => 100);
    // The process is stopped for a minute. What came meanwhile lies in the kernel and was not seen yet.
    const resumedAt = 64_100;
    outage.waited(ask(100), resumedAt, 100);
    outage.waited(ask(2000), resumedAt, 100);
    expect(told).toEqual([]);
    looks(outage, { startedAt: 100, from: resumedAt, to: resumedAt + 5999 }, () => 100);
    expect(told).toEqual([]);
    // Four seconds before it and six after it were silent.
    outage.waited(ask(100), resumedAt + 6000, 100);
    expect(told).toEqual(['no answer for 10 s']);
  });

  it('is none of a slow line either while the process stood still', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    looks(outage, { startedAt: 100, to: 60_000 }, (now) => now - 100);
    const resumedAt = 120_000;
    looks(
      outage,
      { startedAt: 100, from: resumedAt - LOOK_MS, to: resumedAt + 9899 },
      () => 59_900,
    );
    expect(told).toEqual(['slow']);
    outage.waited(ask(100), resumedAt + 9900, 59_900);
    expect(told).toEqual(['slow', 'no answer for 10 s']);
  });

  it('is not told when the answer came while the process stood still', () => {
    const { outage, told } = outageOf(1000);
    looks(outage, { startedAt: 0, to: 4000 });
    outage.answered(0, 90_000);
    looks(outage, { startedAt: 1000, from: 90_000, to: 99_999 });
    expect(told).toEqual([]);
    outage.waited(ask(1000), 100_000, Number.NEGATIVE_INFINITY);
    expect(told).toEqual(['no answer for 10 s']);
  });

  it('is not told when the process stood still before it looked at a request at all', () => {
    const { outage, told } = outageOf(1000);
    outage.waited(ask(0), 60_000, Number.NEGATIVE_INFINITY);
    expect(told).toEqual([]);
    outage.answered(0, 60_100);
    expect(told).toEqual([]);
  });

  it('is not told of connections that broke while the process stood still, but of the next', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    looks(outage, { startedAt: 100, to: 4100 });
    // Stopped for a minute. Both requests of before it fail, whether it has been looked before or not.
    outage.failed(100, 64_100, 'broke off');
    outage.waited(ask(2000), 64_100, Number.NEGATIVE_INFINITY);
    outage.failed(2000, 70_000, 'broke off');
    expect(told).toEqual([]);
    outage.failed(70_200, 70_300, 'refused');
    expect(told).toEqual([]);
    outage.failed(70_800, 71_200, 'refused');
    expect(told).toEqual(['refused']);
  });

  it('is told in the end also when the process stands still before each failure', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    const stillAndFail = (now: number) => {
      outage.paused(now - SILENCE_MS / 2, now);
      outage.failed(now, now + 10, 'refused');
    };
    for (const now of [20_000, 30_000, 40_000]) stillAndFail(now);
    expect(told).toEqual([]);
    stillAndFail(50_000);
    expect(told).toEqual(['refused']);
  });

  it('begins anew when the process stood still in a pause between two failures', () => {
    const { outage, told } = outageOf(1000);
    outage.failed(0, 500, 'broke off');
    outage.paused(600, 60_000);
    outage.failed(60_000, 60_500, 'broke off');
    expect(told).toEqual([]);
    outage.failed(60_600, 61_000, 'broke off');
    expect(told).toEqual(['broke off']);
  });

  it('is told also by a process that stands still again and again', () => {
    const { outage, told } = outageOf(1000);
    for (let at = 0; at < 120_000; at += 20_000) {
      looks(outage, { startedAt: 0, from: at, to: at + 4000 });
    }
    expect(told).toEqual(['no answer for 10 s']);
  });

  it('is told again in other words when the store fails otherwise', () => {
    const { outage, told, due } = outageOf(1000);
    outage.failed(0, 1000, 'broke off');
    for (let now = 2000; now < 60_000; now += 1000) outage.failed(now, now, 'broke off');
    expect(told).toEqual(['broke off']);
    outage.failed(60_000, 60_000, 'busy');
    outage.failed(60_001, 60_001, 'busy');
    expect(told).toEqual(['broke off', 'busy']);
    expect(due).toEqual([]);
    outage.answered(61_000, 61_000);
    expect(told).toEqual(['broke off', 'busy', 'back']);
  });

  it('is told in the newest words a little later when they came too early', () => {
    const { outage, told, due } = outageOf(1000);
    outage.failed(0, 1000, 'broke off');
    outage.failed(1100, 1100, 'refused');
    outage.failed(1200, 1200, 'broke off');
    outage.failed(1300, 1300, 'busy');
    expect(told).toEqual(['broke off']);
    expect(due.map(({ ms }) => ms)).toEqual([STORAGE_REWORD_MS - 100]);
    due[0]?.run();
    expect(told).toEqual(['broke off', 'busy']);
  });

  it('is told in no other words when the store is back, or fails as it did at first', () => {
    const { outage, told, due } = outageOf(1000);
    outage.failed(0, 1000, 'broke off');
    outage.failed(1100, 1100, 'busy');
    outage.failed(1200, 1200, 'broke off');
    due[0]?.run();
    expect(told).toEqual(['broke off']);
    outage.failed(1300, 1300, 'busy');
    outage.answered(1400, 1400);
    outage.failed(1500, 2500, 'refused');
    due[1]?.run();
    expect(told).toEqual(['broke off', 'back', 'refused']);
  });

  it('is told in turns, away and back, for any story of requests', () => {
    const event = fc.record({
      words: fc.constantFrom('broke off', 'busy', 'answered'),
      tookMs: fc.nat({ max: 500 }),
      afterMs: fc.nat({ max: 2000 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.nat({ max: 600 }), (events, awayAfter) => {
        const { outage, told, due } = outageOf(awayAfter);
        const timers: { at: number; run: () => void }[] = [];
        const toldAt: number[] = [];
        let now = 0;
        const at = (ms: number, happens: () => void) => {
          now = ms;
          happens();
          timers.push(...due.splice(0).map(({ ms: inMs, run }) => ({ at: now + inMs, run })));
          while (toldAt.length < told.length) toldAt.push(now);
        };
        for (const { words, tookMs, afterMs } of events) {
          const next = now + afterMs;
          while ((timers[0]?.at ?? next) < next)
            at(timers[0]?.at ?? next, () => timers.shift()?.run());
          at(next, () => {
            if (words === 'answered') outage.answered(next, next);
            else outage.failed(next - tookMs, next, words);
          });
          if (words === 'answered') expect(told.at(-1) ?? 'back').toBe('back');
        }
        for (const [index, words] of told.entries()) {
          const before = told[index - 1] ?? 'back';
          expect(words).not.toBe(before);
          if (words === 'back' || before === 'back') continue;
          const apartMs = (toldAt[index] ?? 0) - (toldAt[index - 1] ?? 0);
          expect(apartMs).toBeGreaterThanOrEqual(STORAGE_REWORD_MS);
        }
      }),
    );
  });
});
