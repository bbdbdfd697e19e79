import { hash } from 'node:crypto';
import { bytesOf, type FileSpec } from '../file-drive.ts';

/** Files of every kind that a copy treats in its own way, and the blobs that they must become. */

const KIB = 1024;
export const CONTAINER = 'pictures';
export const FOREIGN = 'foreign.jpg';
export const REPLACED = 'replaced.jpg';
/** In both of these beforehand. */
export const SOMEBODY = Buffer.from('somebody else’s');

export const sha256 = (bytes: Uint8Array) => hash('sha256', bytes, 'hex');
const nameOf = (blob: string) => blob.slice(CONTAINER.length + 1);

export function specs(): FileSpec[] {
  const small = [0, 1, 2, 3].map((index) => ({
    blob: `${CONTAINER}/small-${index}.jpg`,
    bytes: bytesOf(`small ${index}`, 300 + index),
  }));
  const large = [0, 1].map((index) => ({
    blob: `${CONTAINER}/large-${index}.raw`,
    bytes: bytesOf(`large ${index}`, 300 * KIB + index),
    ...{ blockBytes: 128 * KIB, ids: index > 0 },
  }));
  const pages: FileSpec = {
    ...{ blob: `${CONTAINER}/disk.vhd`, bytes: pageBytes() },
    pages: [0, 2].map((index) => [index * 64 * KIB, 32 * KIB] as const),
  };
  const foreign: FileSpec = { blob: `${CONTAINER}/${FOREIGN}`, bytes: bytesOf('foreign', 700) };
  const replaced: FileSpec = {
    ...{ blob: `${CONTAINER}/${REPLACED}`, bytes: bytesOf('replaced', 900) },
    disposition: 'overwrite',
  };
  return [...small, ...large, pages, foreign, replaced];
}

/** Zeros wherever no page is listed, as the blob will have them. */
function pageBytes(): Buffer {
  const bytes = Buffer.alloc(256 * KIB);
  for (const index of [0, 2]) bytesOf(`pages ${index}`, 32 * KIB).copy(bytes, index * 64 * KIB);
  return bytes;
}

/** SHA-256 of every blob that must be there in the end, by its name. */
export function expectedBlobs(): Map<string, string> {
  const expected = new Map(specs().map(({ blob, bytes }) => [nameOf(blob), sha256(bytes)]));
  const renamed = expected.get(FOREIGN) ?? '';
  return expected.set('foreign (2).jpg', renamed).set(FOREIGN, sha256(SOMEBODY));
}
