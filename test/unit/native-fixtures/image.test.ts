import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  contentAt,
  type ImageSpec,
  imageBytes,
  imageDigest,
  writeImage,
} from '../../../native-fixtures/image.ts';

const MIB = 1024 * 1024;

describe('the content of an image', () => {
  it('is the same from whatever offset it is read', () => {
    const range = fc.record({
      base: fc.constantFrom(0, 2 ** 32 * 4 - 64, 2 ** 45, 18e12),
      from: fc.nat(100),
      length: fc.nat(100),
    });
    fc.assert(
      fc.property(range, ({ base, from, length }) => {
        const whole = contentAt('disk', base, 200);
        expect(contentAt('disk', base + from, length)).toEqual(whole.subarray(from, from + length));
      }),
    );
  });

  it('has no two equal words within the words of one megabyte', () => {
    const words = new Uint32Array(Uint8Array.from(contentAt('disk', 0, MIB)).buffer);
    expect(new Set(words).size).toBe(words.length);
  });

  it('differs between seeds, and between places 16 GiB apart', () => {
    const here = contentAt('disk-1', 0, 4096);
    expect(contentAt('disk-2', 0, 4096).equals(here)).toBe(false);
    expect(contentAt('disk-1', 2 ** 34, 4096).equals(here)).toBe(false);
  });
});

describe('an image file', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'drive-station-image-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const written = async (image: ImageSpec): Promise<Buffer> => {
    const path = join(directory, 'disk.img');
    await writeImage(path, image);
    return readFile(path);
  };

  it('holds the content and has the digest that were computed without it', async () => {
    const image = { seed: 7, sizeBytes: 3 * MIB + 5 };
    const bytes = await written(image);
    expect(bytes.equals(contentAt(7, 0, image.sizeBytes))).toBe(true);
    expect(imageDigest(image, 'sha256')).toBe(createHash('sha256').update(bytes).digest('hex'));
    const range = { offsetBytes: MIB - 3, lengthBytes: 9 };
    const part = createHash('md5').update(bytes.subarray(MIB - 3, MIB + 6));
    expect(imageDigest(image, 'md5', range)).toBe(part.digest('hex'));
  });

  it('can be sparse: data at the start of each stretch, holes that take no space', async () => {
    const image = { seed: 's', sizeBytes: 64 * MIB + 4096, sparseEveryBytes: 16 * MIB };
    const bytes = await written(image);
    expect(bytes.subarray(0, 65_536).equals(contentAt('s', 0, 65_536))).toBe(true);
    expect(bytes.subarray(65_536, 16 * MIB).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(64 * MIB).equals(contentAt('s', 64 * MIB, 4096))).toBe(true);
    const range = { offsetBytes: 16 * MIB - 10, lengthBytes: 70_000 };
    const part = bytes.subarray(range.offsetBytes, range.offsetBytes + range.lengthBytes);
    expect(imageBytes(image, range).equals(part)).toBe(true);
    expect(imageDigest(image, 'md5')).toBe(createHash('md5').update(bytes).digest('hex'));
    const { blocks } = await stat(join(directory, 'disk.img'));
    expect(blocks * 512).toBeLessThan(MIB);
  });

  it('is never written over an existing file', async () => {
    await written({ seed: 1, sizeBytes: 4096 });
    await expect(written({ seed: 2, sizeBytes: 4096 })).rejects.toThrow(/EEXIST/u);
  });
});
