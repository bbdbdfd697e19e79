import { expect, test } from 'vitest';
import { DiskWatch } from '../../../src/copy/disk-watch.ts';
import { COPY_ALIVE_MS, COPY_STANDSTILL_MS } from '../../../src/limits.ts';

/** For how long a disk is said to have kept its reader waiting. */

/** Each look comes so much later than the one before. */
function looks(...pausesMs: readonly number[]) {
  let nowMs = 0;
  const watch = new DiskWatch(() => nowMs);
  watch.opening();
  return pausesMs.map((pauseMs) => {
    nowMs += pauseMs;
    return watch.look().waitedMs;
  });
}

test('a disk that does not answer is told as long as it is looked at', () => {
  expect(looks(COPY_ALIVE_MS, COPY_ALIVE_MS)).toEqual([COPY_ALIVE_MS, 2 * COPY_ALIVE_MS]);
});

test('what a process finds that stood still is not believed before the next look', () => {
  const stoodMs = COPY_STANDSTILL_MS + 1;
  expect(looks(stoodMs, COPY_ALIVE_MS)).toEqual([0, stoodMs + COPY_ALIVE_MS]);
});
