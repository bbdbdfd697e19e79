import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/**
 * Images whose content is a function of (seed, offset). Any misplaced byte is seen, and what a copy
 * must contain can be computed without the image.
 */

const WORD_BYTES = 4;
const CHUNK_BYTES = 1024 * 1024;
/** Data at the start of each stretch of a sparse image. */
const SPARSE_DATA_BYTES = 64 * 1024;

export interface ImageSpec {
  readonly seed: string | number;
  readonly sizeBytes: number;
  /**
   * Makes a sparse image: the first 64 KiB of every stretch of this length carry data, the rest are
   * holes that read as zeros. A multiple of 64 KiB.
   */
  readonly sparseEveryBytes?: number;
}

export interface ImageRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** The bytes of a dense image at an offset (0 to 2^53 - 1). */
export function contentAt(seed: string | number, offset: number, length: number): Buffer {
  const first = Math.floor(offset / WORD_BYTES);
  const skip = offset - first * WORD_BYTES;
  const words = new Uint32Array(Math.ceil((skip + length) / WORD_BYTES));
  fillWords(words, first, keyOf(seed));
  return Buffer.from(words.buffer, skip, length);
}

/** The bytes of an image, holes included; a range beyond its end is cut. */
export function imageBytes(image: ImageSpec, range: ImageRange): Buffer {
  const { offsetBytes } = range;
  const length = Math.max(0, Math.min(range.lengthBytes, image.sizeBytes - offsetBytes));
  if (image.sparseEveryBytes === undefined) return contentAt(image.seed, offsetBytes, length);
  const bytes = Buffer.alloc(length);
  for (const piece of dataPieces(image, { offsetBytes, lengthBytes: length })) {
    const content = contentAt(image.seed, piece.offsetBytes, piece.lengthBytes);
    content.copy(bytes, piece.offsetBytes - offsetBytes);
  }
  return bytes;
}

/** Writes an image; an existing file is an error (`EEXIST`). */
export async function writeImage(path: string, image: ImageSpec): Promise<void> {
  await using file = await open(path, 'wx');
  await file.truncate(image.sizeBytes);
  for (const piece of dataPieces(image, { offsetBytes: 0, lengthBytes: image.sizeBytes })) {
    const bytes = contentAt(image.seed, piece.offsetBytes, piece.lengthBytes);
    await file.write(bytes, 0, bytes.length, piece.offsetBytes);
  }
}

/** Digest of an image, or of a range of it, in hex; computed without the image. */
export function imageDigest(
  image: ImageSpec,
  algorithm: 'sha256' | 'md5',
  range: ImageRange = { offsetBytes: 0, lengthBytes: image.sizeBytes },
): string {
  const hash = createHash(algorithm);
  const end = Math.min(range.offsetBytes + range.lengthBytes, image.sizeBytes);
  for (let at = range.offsetBytes; at < end; at += CHUNK_BYTES) {
    const lengthBytes = Math.min(CHUNK_BYTES, end - at);
    hash.update(imageBytes(image, { offsetBytes: at, lengthBytes }));
  }
  return hash.digest('hex');
}

/** The parts of a range that carry data, in pieces of at most 1 MiB. */
function* dataPieces(image: ImageSpec, range: ImageRange): Generator<ImageRange> {
  const stride = image.sparseEveryBytes ?? CHUNK_BYTES;
  const data = image.sparseEveryBytes === undefined ? CHUNK_BYTES : SPARSE_DATA_BYTES;
  const end = range.offsetBytes + range.lengthBytes;
  for (let start = range.offsetBytes - (range.offsetBytes % stride); start < end; start += stride) {
    const from = Math.max(start, range.offsetBytes);
    const to = Math.min(start + data, end);
    if (from < to) yield { offsetBytes: from, lengthBytes: to - from };
  }
}

/**
 * Word `i` is a bijective mix (constants of C. Wellons' lowbias32) of the low half of `i` under a key of
 * the seed and the high half, so that no word repeats within 16 GiB.
 */
function fillWords(words: Uint32Array, first: number, seedKey: number): void {
  let high = -1;
  let key = 0;
  for (let index = 0; index < words.length; index++) {
    const low = (first + index) >>> 0;
    if (high === -1 || low === 0) {
      high = Math.floor((first + index) / 2 ** 32);
      key = mix(seedKey ^ Math.imul(high + 1, 0x9e3779b9));
    }
    words[index] = mix(low ^ key) ^ key;
  }
}

function mix(word: number): number {
  let x = Math.imul(word ^ (word >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** FNV-1a. */
function keyOf(seed: string | number): number {
  let key = 0x811c9dc5;
  for (const byte of Buffer.from(String(seed))) key = Math.imul(key ^ byte, 0x01000193);
  return key;
}
