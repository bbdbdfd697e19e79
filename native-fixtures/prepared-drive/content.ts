import { createHash, type Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { imageBytes } from '../image.ts';
import type { FileSpec } from './spec.ts';

const CHUNK_BYTES = 1024 * 1024;

/** The bytes of a file at an offset, whether they are on a disk or not. */
export async function bytesAt(
  seed: string,
  file: FileSpec,
  range: { readonly offset: number; readonly length: number },
): Promise<Buffer> {
  if (file.from !== undefined) return fileBytes(file.from, range.offset, range.length);
  const { path, sizeBytes, sparseEveryBytes } = file;
  const sparse = sparseEveryBytes === undefined ? {} : { sparseEveryBytes };
  const image = { seed: `${seed}:${path}`, sizeBytes, ...sparse };
  return imageBytes(image, { offsetBytes: range.offset, lengthBytes: range.length });
}

async function fileBytes(path: string, offset: number, length: number): Promise<Buffer> {
  await using handle = await open(path);
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, offset);
  if (bytesRead !== length) throw new RangeError(`${path} has become shorter`);
  return bytes;
}

export interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** The file in pieces of this length, the last one shorter. */
export async function* piecesOf(
  seed: string,
  file: FileSpec,
  pieceBytes = CHUNK_BYTES,
): AsyncGenerator<Piece> {
  for (let offset = 0; offset < file.sizeBytes; offset += pieceBytes) {
    const length = Math.min(pieceBytes, file.sizeBytes - offset);
    yield { offset, bytes: await bytesAt(seed, file, { offset, length }) };
  }
}

export function isAllZeros(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

/** Digest of the whole file, in hex. */
export async function digestOf(
  seed: string,
  file: FileSpec,
  algorithm: 'md5' | 'sha256',
): Promise<string> {
  const hash: Hash = createHash(algorithm);
  for await (const { bytes } of piecesOf(seed, file)) hash.update(bytes);
  return hash.digest('hex');
}
