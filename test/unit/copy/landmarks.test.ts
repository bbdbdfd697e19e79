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
  expect(found.filter(({ length }) => length > 0)).toHaveLength(LANDMARKS);
  expect(new Landmarks(landmarks.known, SIZE).of(at(0), bytes)).toEqual([]);
});

test('the first part of a disk that is read gives one at each end of it', () => {
  const landmarks = new Landmarks([], SIZE);
  const offsets = (block: number) =>
    landmarks.of(at(block), Buffer.alloc(MIB, 'x')).map(({ offsetBytes }) => offsetBytes);
  expect(offsets(0)).toEqual([0, MIB - LANDMARK_BYTES]);
  expect(offsets(16 * MIB)).toEqual([16 * MIB]);
});

test('what was rubbish is no landmark, and its part of the disk gives another one', () => {
  const landmarks = new Landmarks([], SIZE);
  const bytes = Buffer.alloc(MIB, 'x');
  landmarks.of(at(0), bytes);
  landmarks.of(at(16 * MIB), bytes);
  landmarks.forget(at(16 * MIB));
  expect(landmarks.known.map(({ offsetBytes }) => offsetBytes)).toEqual([0, MIB - LANDMARK_BYTES]);
  expect(landmarks.of(at(16 * MIB), bytes)).toHaveLength(1);
});

test('an empty page is one only where there is no other', () => {
  const bytes = Buffer.alloc(MIB);
  bytes.write('something', 5 * LANDMARK_BYTES + 7);
  const page = bytes.subarray(5 * LANDMARK_BYTES, 6 * LANDMARK_BYTES);
  const [first, last] = new Landmarks([], SIZE).of(at(0), bytes);
  expect(first).toEqual({
    kind: 'landmark',
    offsetBytes: 5 * LANDMARK_BYTES,
    sha256: landmarkDigest(page),
  });
  expect(last?.offsetBytes).toBe(MIB - LANDMARK_BYTES);
  expect(new Landmarks([], SIZE).of(at(0), Buffer.alloc(MIB))[0]?.offsetBytes).toBe(0);
  expect(new Landmarks([], SIZE).of(at(0), Buffer.alloc(512))).toEqual([]);
});
