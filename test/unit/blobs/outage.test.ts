import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outage } from '../../../src/blobs/outage.ts';

function outageOf(awayAfterMs: number) {
  const told: string[] = [];
  const outage = new Outage(
    { awayAfterMs, silenceMs: 10_000 },
    {
      onAway: (detail) => told.push(detail),
      onSlow: () => told.push('slow'),
      onBack: () => told.push('back'),
    },
  );
  return { outage, told };
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
    outage.waited(100, 9999, Number.NEGATIVE_INFINITY);
    expect(told).toEqual([]);
    outage.waited(100, 10_100, Number.NEGATIVE_INFINITY);
    expect(told).toEqual(['no answer for 10 s']);
    outage.answered(11_000, 11_000);
    expect(told).toEqual(['no answer for 10 s', 'back']);
  });

  it('is not told of a slow line, on which one request after the other is answered', () => {
    const { outage, told } = outageOf(1000);
    for (let now = 1000; now < 60_000; now += 9000) {
      outage.answered(now, now);
      outage.waited(0, now + 8999, Number.NEGATIVE_INFINITY);
    }
    expect(told).toEqual([]);
  });

  it('is no outage but a slow line as long as bytes move', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    outage.waited(100, 10_100, 10_000);
    outage.waited(100, 15_000, 14_900);
    expect(told).toEqual(['slow']);
    // One after the other is answered, each after a long time: it is as slow as before.
    outage.answered(100, 16_000);
    outage.waited(5000, 27_000, 26_900);
    expect(told).toEqual(['slow']);
    outage.waited(5000, 40_000, 29_000);
    expect(told).toEqual(['slow', 'no answer for 10 s']);
    outage.answered(5000, 41_000);
    expect(told).toEqual(['slow', 'no answer for 10 s', 'back']);
  });

  it('tells when a slow line is fast again', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    outage.waited(100, 10_100, 10_000);
    outage.answered(10_000, 11_000);
    expect(told).toEqual(['slow', 'back']);
  });

  it('tells when a slow line is fast again, also when a request failed in between', () => {
    const { outage, told } = outageOf(1000);
    outage.answered(0, 0);
    outage.waited(100, 10_100, 10_000);
    outage.failed(10_200, 10_300, 'reset');
    expect(told).toEqual(['slow']);
    outage.answered(10_400, 11_000);
    expect(told).toEqual(['slow', 'back']);
  });

  it('ends silently when it was never told', () => {
    const { outage, told } = outageOf(1000);
    outage.failed(0, 10, 'reset');
    outage.answered(20, 20);
    expect(told).toEqual([]);
  });

  it('is told in turns, away and back, for any story of requests', () => {
    const event = fc.record({
      kind: fc.constantFrom('failed', 'answered'),
      tookMs: fc.nat({ max: 500 }),
      afterMs: fc.nat({ max: 500 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.nat({ max: 600 }), (events, awayAfter) => {
        const { outage, told } = outageOf(awayAfter);
        let now = 0;
        for (const { kind, tookMs, afterMs } of events) {
          now += afterMs;
          if (kind === 'failed') outage.failed(now - tookMs, now, 'away');
          else outage.answered(now, now);
          if (kind === 'answered') expect(told.at(-1) ?? 'back').toBe('back');
        }
        expect(told).toEqual(told.map((_, index) => (index % 2 === 0 ? 'away' : 'back')));
      }),
    );
  });
});
