import { expect, test } from 'vitest';
import { Skipping } from '../../../../src/domain/rescue/skipping.ts';

const RULES = {
  initialBytes: 8,
  maxBytes: 30,
  slowBytesPerSecond: 1000,
  slowReads: 2,
  carefulBytes: 1500,
};
const good = { lengthBytes: 1000, elapsedMs: 10 };
const slow = { lengthBytes: 1000, elapsedMs: 5000 };

test('each failure leaves more behind, to a bound, and good reads forget it', () => {
  const skipping = new Skipping(RULES);
  expect([1, 2, 3, 4].map(() => skipping.failed())).toEqual([8, 16, 30, 30]);
  expect(skipping.read(good)).toBe(0);
  expect(skipping.failed()).toBe(8);
});

test('from an error on, reads are small, until enough was read without another', () => {
  const skipping = new Skipping(RULES);
  expect(skipping.isCareful).toBe(false);
  skipping.failed();
  expect(skipping.isCareful).toBe(true);
  skipping.read(good);
  expect(skipping.isCareful).toBe(true);
  skipping.read(good);
  expect(skipping.isCareful).toBe(false);
});

test('a slow area is left like a bad one; one slow read alone is not an area', () => {
  const skipping = new Skipping(RULES);
  expect(skipping.read(slow)).toBe(0);
  expect(skipping.read(good)).toBe(0);
  expect([1, 2, 3].map(() => skipping.read(slow))).toEqual([0, 8, 16]);
});
