import { describe, expect, it } from 'vitest';
import { answerKindOf } from '../../../src/blobs/answer-time.ts';
import { STORAGE_ANSWERS, STORAGE_STALL_MS } from '../../../src/limits.ts';

const BLOB = 'https://account.blob.core.windows.net/images/disk.img';

describe('the time that an answer may take', () => {
  it.each([
    ['GET', `${BLOB}?comp=blocklist&blocklisttype=all`, 'readMs'],
    ['GET', `${BLOB}?comp=pagelist&sv=1&sig=x`, 'readMs'],
    ['GET', `${BLOB}?sv=1&sig=x`, 'readMs'],
    ['PUT', `${BLOB}?sv=1&comp=blocklist`, 'commitMs'],
    ['PUT', `${BLOB}?comp=block&blockid=AAAA`, 'bodyMs'],
    ['PUT', `${BLOB}?comp=page`, 'bodyMs'],
    ['PUT', BLOB, 'bodyMs'],
    ['HEAD', BLOB, 'otherMs'],
    ['DELETE', BLOB, 'otherMs'],
    ['PUT', 'https://a.invalid/images?restype=container', 'otherMs'],
    ['GET', 'https://a.invalid/images?restype=container&comp=list', 'otherMs'],
  ] as const)('of %s %s is its %s', (method, url, time) => {
    expect(answerKindOf({ method, url })).toBe(time);
  });

  it('is longer than the service gives itself, so that its own word comes first', () => {
    const { readMs, commitMs, bodyMs, otherMs } = STORAGE_ANSWERS;
    expect(otherMs).toBeGreaterThan(30_000);
    expect(commitMs).toBeGreaterThan(60_000);
    expect(readMs).toBeGreaterThan(120_000);
    expect(bodyMs).toBeGreaterThan(STORAGE_STALL_MS);
  });
});
