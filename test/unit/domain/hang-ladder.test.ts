import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CALM,
  climb,
  type HangLadder,
  type KernelAnswer,
  type LadderEvent,
  type LadderStep,
  ladderTimes,
  triedInWords,
  type Wait,
} from '../../../src/domain/hang-ladder.ts';

const TIMES = ladderTimes(240_000, { shownMs: 3000, askMs: 15_000 });

const ANSWER: KernelAnswer = {
  attachment: 'same',
  state: 'running',
  requestsInFlight: 1,
  limitMs: 180_000,
  errors: 0,
  timeOuts: 2,
  messages: ['sd 2:0:0:0: [sdb] tag#7 timing out command, waited 180s'],
};

const wait = (seconds: number, over: Partial<Wait> = {}): LadderEvent => ({
  kind: 'waited',
  wait: { kind: 'read', offsetBytes: 4096, waitedMs: seconds * 1000, ...over },
});

/** Lets it wait second by second; the steps with the second of each. */
function climbed(seconds: number, from: HangLadder = CALM) {
  let ladder = from;
  const steps: [second: number, step: LadderStep][] = [];
  for (let second = 0; second <= seconds; second++) {
    const next = climb(ladder, wait(second), TIMES);
    ladder = next.ladder;
    if (next.step !== undefined) steps.push([second, next.step]);
  }
  return { ladder, steps };
}

describe('the ladder', () => {
  it.each([
    [2, 'calm'],
    [3, 'waiting'],
    [14, 'waiting'],
    [15, 'asked'],
    [179, 'asked'],
    [180, 'reset'],
    [239, 'reset'],
  ])('after %d s is at: %s', (seconds, rung) => {
    expect(climbed(seconds).ladder.rung).toBe(rung);
  });

  it('asks the kernel again and again, and resets once', () => {
    const { steps } = climbed(239);
    expect(steps.filter(([, step]) => step === 'reset')).toEqual([[180, 'reset']]);
    expect(steps.slice(0, 3)).toEqual([
      [15, 'ask-kernel'],
      [30, 'ask-kernel'],
      [45, 'ask-kernel'],
    ]);
    expect(steps.at(-1)?.[1]).toBe('ask-kernel');
  });

  it('is over when the read is answered, whatever was tried', () => {
    const high = climbed(200).ladder;
    expect(climb(high, wait(0), TIMES)).toEqual({ ladder: CALM });
    expect(climb(CALM, { kind: 'kernel-answered', answer: ANSWER }, TIMES)).toEqual({
      ladder: CALM,
    });
  });

  it('begins anew for the next read that waits', () => {
    const { ladder, step } = climb(climbed(200).ladder, wait(4), TIMES);
    expect({ rung: ladder.rung, step }).toEqual({ rung: 'waiting', step: undefined });
  });

  it('fits under a short limit too', () => {
    const times = ladderTimes(2000, { shownMs: 3000, askMs: 15_000 });
    const order = [times.shownMs, times.askMs, times.resetMs, times.giveUpMs];
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(new Set(order).size).toBe(4);
  });

  it('never shows what is answered, and never goes down while one read waits', () => {
    const waits = fc.array(fc.nat(300), { maxLength: 60 });
    const rungs = ['calm', 'waiting', 'asked', 'reset'];
    fc.assert(
      fc.property(waits, (seconds) => {
        let ladder = CALM;
        for (const second of seconds) {
          const before = ladder;
          ladder = climb(ladder, wait(second), TIMES).ladder;
          if (second < 3) expect(ladder).toEqual(CALM);
          const waitedBefore = before.wait?.waitedMs ?? Number.POSITIVE_INFINITY;
          if (second * 1000 >= waitedBefore) {
            expect(rungs.indexOf(ladder.rung)).toBeGreaterThanOrEqual(rungs.indexOf(before.rung));
          }
        }
      }),
    );
  });
});

describe('what was tried, in words', () => {
  it('says what the kernel knows', () => {
    const { ladder } = climb(
      climbed(20).ladder,
      { kind: 'kernel-answered', answer: ANSWER },
      TIMES,
    );
    expect(triedInWords(ladder)).toEqual([
      'the kernel shows the disk as running, 1 request unanswered, 2 time-outs and says: sd 2:0:0:0: [sdb] tag#7 timing out command, waited 180s',
    ]);
  });

  it('says that there was no reset, and why', () => {
    const outcome = { kind: 'skipped', words: 'a loop device has none' } as const;
    const { ladder } = climb(climbed(200).ladder, { kind: 'reset-ended', outcome }, TIMES);
    expect(triedInWords(ladder)).toEqual(['no reset: a loop device has none']);
  });
});
