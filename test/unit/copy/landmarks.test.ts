import { expect, test } from 'vitest';
import { LANDMARK_BYTES, Landmarks, landmarkDigest } from '../../../src/copy/landmarks.ts';
import { LANDMARKS } from '../../../src/limits.ts';

const MIB = 1024 * 1024;
const SIZE = LANDMARKS * 16 * MIB;

const at = (offsetBytes: number) => ({ offsetBytes, lengthBytes: MIB });

test('a disk has a landmark in each part of it, and no second one', () => {
  const landmarks = new Landmarks([], SIZE);
  const bytes = Buffer.alloc(MIB, 'x');
  const found = Array.from({ length: SIZE / (8 * MIB) }, (_, block) =>
    landmarks.of(at(block * 8 * MIB), bytes),
  );
  expect(found.filter((landmark) => landmark !== undefined)).toHaveLength(LANDMARKS);
  expect(new Landmarks(landmarks.known, SIZE).of(at(0), bytes)).toBeUndefined();
});

test('an empty page is one only where there is no other', () => {
  const bytes = Buffer.alloc(MIB);
  bytes.write('something', 5 * LANDMARK_BYTES + 7);
  const page = bytes.subarray(5 * LANDMARK_BYTES, 6 * LANDMARK_BYTES);
  expect(new Landmarks([], SIZE).of(at(0), bytes)).toEqual({
    kind: 'landmark',
    offsetBytes: 5 * LANDMARK_BYTES,
    sha256: landmarkDigest(page),
  });
  expect(new Landmarks([], SIZE).of(at(0), Buffer.alloc(MIB))?.offsetBytes).toBe(0);
  expect(new Landmarks([], SIZE).of(at(0), Buffer.alloc(512))).toBeUndefined();
});
