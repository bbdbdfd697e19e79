import { expect, test } from 'vitest';
import { withoutSum } from '../../../src/copy/prove.ts';
import type { Held, HeldBlock } from '../../../src/copy/resume.ts';
import type { BlobName } from '../../../src/domain/blob-name.ts';
import { encodeBlockId } from '../../../src/domain/block-id.ts';
import type { BlobPlan } from '../../../src/domain/plan.ts';
import { RESUME_UNSUMMED_MAX } from '../../../src/limits.ts';

const blob = (name: string): BlobPlan => ({
  name: name as BlobName,
  lengthBytes: 1000,
  blockBytes: 10,
  extents: [{ offsetBytes: 0, lengthBytes: 1000 }],
});

function held(count: number): Held {
  const blocks = Array.from({ length: count }, (_, index): [number, HeldBlock] => {
    const md5State = '00'.repeat(16);
    const parts = { nonce: '00'.repeat(8), index, sha256: '00'.repeat(32), md5State };
    return [index, { ...parts, id: encodeBlockId(parts) }];
  });
  return { committed: false, blocks: new Map(blocks) };
}

const [a, b] = [blob('a'), blob('b')];
/** Knows the sums of all blocks from an index on. */
const knownFrom = (first: number) => ({
  get: (_: BlobPlan, index: number) => (index >= first ? 'sum' : undefined),
});

test('only the blocks without a sum are read again for it', () => {
  const found = withoutSum(
    new Map([
      [a, held(5)],
      [b, held(2)],
    ]),
    knownFrom(3),
  );
  expect(found.get(a)?.map((block) => block.index)).toEqual([0, 1, 2]);
  expect(found.get(b)?.map((block) => block.index)).toEqual([0, 1]);
});

test('none is when there are more than were in flight, over all blobs', () => {
  const half = RESUME_UNSUMMED_MAX / 2;
  const enough = new Map([
    [a, held(half)],
    [b, held(half)],
  ]);
  expect([...withoutSum(enough, knownFrom(99)).values()].flat()).toHaveLength(RESUME_UNSUMMED_MAX);
  const more = new Map([
    [a, held(half)],
    [b, held(half + 1)],
  ]);
  expect(withoutSum(more, knownFrom(99)).size).toBe(0);
});
