import { expect, it } from 'vitest';
import { retryAfterMs } from '../../../src/blobs/retry-after.ts';

const of = (headers: Readonly<Record<string, string>>) => retryAfterMs((name) => headers[name]);

it.each([
  [{ 'retry-after': '7' }, 7000],
  [{ 'retry-after': '0' }, 0],
  [{ 'x-ms-retry-after-ms': '250', 'retry-after': '9' }, 250],
  [{ 'retry-after-ms': '1500' }, 1500],
  // The store's clock may be wrong, and ours too: what counts is how far apart its two times are.
  [
    {
      date: 'Wed, 01 Jan 2020 00:00:00 GMT',
      'retry-after': 'Wed, 01 Jan 2020 00:02:00 GMT',
    },
    120_000,
  ],
  [{ date: 'Wed, 01 Jan 2020 00:02:00 GMT', 'retry-after': 'Wed, 01 Jan 2020 00:00:00 GMT' }, 0],
  [{ 'retry-after': 'Wed, 01 Jan 2020 00:02:00 GMT' }, undefined],
  [{ 'retry-after': 'soon' }, undefined],
  [{ 'retry-after': '-5' }, undefined],
  [{}, undefined],
])('%j asks for %s ms', (headers, ms) => {
  expect(of(headers)).toBe(ms);
});
