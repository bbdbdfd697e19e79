import { isStationError } from '../errors.ts';
import { PLACES_ALL_OVER } from '../limits.ts';
import { alignedBuffer } from './aligned-buffer.ts';
import type { BadPlaces } from './bad-places.ts';
import { LANDMARK_BYTES, landmarkDigest } from './landmarks.ts';
import type { NotedReads } from './noted-reads.ts';

export interface DiskWithPlaces {
  readonly reads: Pick<NotedReads, 'readInto'>;
  readonly badPlaces: Pick<BadPlaces, 'isHungIn' | 'map'>;
}

/**
 * What a disk holds at a few places all over it, the first where a partition table would be: their
 * `landmarkDigest`, or null for one that does not read or in which the disk hung.
 */
export async function* digestsAllOver(disk: DiskWithPlaces): AsyncGenerator<string | null> {
  const { sizeBytes } = disk.badPlaces.map;
  const page = alignedBuffer(LANDMARK_BYTES);
  const stride = Math.floor(sizeBytes / PLACES_ALL_OVER / LANDMARK_BYTES) * LANDMARK_BYTES;
  for (let place = 0; place < PLACES_ALL_OVER; place++) {
    yield (await isRead(page, place * stride, disk)) ? landmarkDigest(page) : null;
  }
}

/** Whether any of them reads. */
export async function readsSomewhere(disk: DiskWithPlaces): Promise<boolean> {
  for await (const digest of digestsAllOver(disk)) if (digest !== null) return true;
  return false;
}

async function isRead(
  page: Buffer,
  offsetBytes: number,
  { reads, badPlaces }: DiskWithPlaces,
): Promise<boolean> {
  if (badPlaces.isHungIn({ offsetBytes, lengthBytes: page.length })) return false;
  try {
    await reads.readInto(page, offsetBytes);
    return true;
  } catch (error) {
    if (!isStationError(error, 'disk-read-failed')) throw error;
    return false;
  }
}
