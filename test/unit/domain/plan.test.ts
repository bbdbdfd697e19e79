import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  blockCount,
  blockExtents,
  blockLength,
  type ImagePlan,
  planImage,
} from '../../../src/domain/plan.ts';
import { PLAN_LIMITS } from '../../../src/limits.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const TB = 1000 ** 4;

function plan(sizeBytes: number, name = 'disk.img'): ImagePlan {
  const answer = planImage(sizeBytes, name, PLAN_LIMITS);
  if (!answer.ok) throw new RangeError(answer.refusal.why);
  return answer.plan;
}

test.each([
  [512, 1, 8 * MIB],
  [195 * GIB, 1, 8 * MIB],
  [200 * GIB, 1, 8 * MIB],
  [390 * GIB, 1, 8 * MIB],
  [500 * 1000 ** 3, 2, 8 * MIB],
  [18 * TB, 66, 8 * MIB],
])('a disk of %i bytes becomes %i blobs of blocks of %i bytes', (size, blobs, blockBytes) => {
  const { blobs: planned } = plan(size);
  expect(planned).toHaveLength(blobs);
  expect(planned[0]?.blockBytes).toBe(blockBytes);
});

test('segments are named in order, with room for their number', () => {
  expect(plan(500 * 1000 ** 3).blobs.map((blob) => blob.name)).toEqual([
    'disk.img.000',
    'disk.img.001',
  ]);
});

test('every byte of the disk is in exactly one block, and no limit is passed', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 48 * 1024 * 1024 * 1024 }), (sectors) => {
      const size = sectors * 512;
      const { blobs, totalBytes } = plan(size);
      expect(totalBytes).toBe(size);
      let next = 0;
      for (const blob of blobs) {
        expect(blockCount(blob)).toBeLessThanOrEqual(PLAN_LIMITS.maxBlocksPerBlob);
        const [first] = blockExtents(blob, 0);
        const last = blockExtents(blob, blockCount(blob) - 1).at(-1);
        expect(first?.offsetBytes).toBe(next);
        next = (last?.offsetBytes ?? 0) + (last?.lengthBytes ?? 0);
      }
      expect(next).toBe(size);
    }),
  );
});

test('the blocks of a blob of several extents follow each other without gap or overlap', () => {
  const extent = fc.record({
    offsetBytes: fc.nat({ max: 10_000 }),
    lengthBytes: fc.integer({ min: 1, max: 200 }),
  });
  fc.assert(
    fc.property(
      fc.array(extent, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 100 }),
      (extents, blockBytes) => {
        const lengthBytes = extents.reduce((sum, each) => sum + each.lengthBytes, 0);
        const [template] = plan(512).blobs;
        if (template === undefined) throw new RangeError('no blob');
        const blob = { ...template, lengthBytes, blockBytes, extents };
        const bytes = (list: typeof extents) =>
          list.flatMap((each) =>
            Array.from({ length: each.lengthBytes }, (_, i) => each.offsetBytes + i),
          );
        const blocks = Array.from({ length: blockCount(blob) }, (_, i) => blockExtents(blob, i));
        expect(bytes(blocks.flat())).toEqual(bytes(extents));
        blocks.forEach((block, i) => {
          expect(bytes(block)).toHaveLength(blockLength(blob, i));
        });
      },
    ),
    { numRuns: 40 },
  );
});

test('an impossible plan is refused before anything moves', () => {
  expect(planImage(0, 'x', PLAN_LIMITS)).toMatchObject({
    ok: false,
    refusal: { why: 'empty-disk' },
  });
  const long = planImage(512, 'x'.repeat(1025), PLAN_LIMITS);
  expect(long).toMatchObject({ ok: false, refusal: { why: 'name-too-long' } });
  const tight = { ...PLAN_LIMITS, maxBlocksPerBlob: 10 };
  expect(planImage(300 * GIB, 'x', tight)).toMatchObject({
    ok: false,
    refusal: { why: 'too-many-blocks' },
  });
});
