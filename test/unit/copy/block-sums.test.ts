import { expect, test } from 'vitest';
import { BlockSums } from '../../../src/copy/block-sums.ts';
import type { BlobName } from '../../../src/domain/blob-name.ts';
import type { BlobPlan } from '../../../src/domain/plan.ts';

const blob = (name: string): BlobPlan => ({
  name: name as BlobName,
  lengthBytes: 25,
  blockBytes: 10,
  extents: [{ offsetBytes: 0, lengthBytes: 25 }],
});

test('a sum is found again for its blob and block, and nowhere else', () => {
  const sums = new BlockSums();
  const md5 = '00112233445566778899aabbccddeeff';
  sums.set(blob('a'), 2, md5);
  expect(sums.get(blob('a'), 2)).toBe(md5);
  expect(sums.get(blob('a'), 1)).toBeUndefined();
  expect(sums.get(blob('a'), 3)).toBeUndefined();
  expect(sums.get(blob('b'), 2)).toBeUndefined();
});
