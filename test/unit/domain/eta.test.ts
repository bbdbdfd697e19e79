import fc from 'fast-check';
import { expect, test } from 'vitest';
import { estimateRemaining } from '../../../src/domain/eta.ts';

test('nothing is promised while nothing moves', () => {
  const input = { totalBytes: 100, doneBytes: 10, rateBytesPerSecond: 0, rotational: true };
  expect(estimateRemaining(input)).toBeUndefined();
});

test('a rotating disk at its fast outer tracks takes longer than the rate now suggests', () => {
  const input = { totalBytes: 18e12, doneBytes: 0, rateBytesPerSecond: 250e6 };
  const flat = 18e12 / 250e6;
  const range = estimateRemaining({ ...input, rotational: true });
  // The integral of the zone curve from the start is 2 ln 2, 1.39 times the flat estimate.
  expect(range?.highSeconds).toBeGreaterThan(flat * 1.39);
  expect(range?.lowSeconds).toBeLessThanOrEqual(flat);
  const solid = estimateRemaining({ ...input, rotational: false });
  expect(solid?.highSeconds).toBeLessThan(range?.highSeconds ?? 0);
});

test('the range is ordered, finite and shrinks to nothing', () => {
  const whole = fc.integer({ min: 1, max: 2 ** 45 });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      whole,
      share,
      fc.integer({ min: 1, max: 2 ** 31 }),
      fc.boolean(),
      (totalBytes, part, rate, rotational) => {
        const doneBytes = Math.floor(totalBytes * part);
        const range = estimateRemaining({
          totalBytes,
          doneBytes,
          rateBytesPerSecond: rate,
          rotational,
        });
        expect(range?.lowSeconds).toBeGreaterThanOrEqual(0);
        expect(range?.highSeconds).toBeGreaterThanOrEqual(range?.lowSeconds ?? 0);
        expect(Number.isFinite(range?.highSeconds)).toBe(true);
        if (doneBytes === totalBytes) expect(range).toEqual({ lowSeconds: 0, highSeconds: 0 });
      },
    ),
  );
});
