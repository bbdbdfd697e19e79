import { expect, it } from 'vitest';
import { DISK_RESETS_MAX, DISK_RESETS_WINDOW_MS } from '../../../src/limits.ts';
import { ResetCount } from '../../../src/work/reset-count.ts';

it('counts the resets of each disk by itself, and forgets them with time', () => {
  let now = 0;
  const resets = new ResetCount(() => now);
  for (let times = 0; times < DISK_RESETS_MAX; times++) {
    expect(resets.isUsedUp('ZC18QV4T')).toBe(false);
    resets.wasReset('ZC18QV4T');
    now += 1;
  }
  expect(resets.isUsedUp('ZC18QV4T')).toBe(true);
  expect(resets.isUsedUp('WD-WCC4N7XKPZ01')).toBe(false);
  now = DISK_RESETS_WINDOW_MS;
  resets.wasReset('WD-WCC4N7XKPZ01');
  expect(resets.isUsedUp('ZC18QV4T')).toBe(false);
});
