import { isStationError } from '../errors.ts';
import type { VolumeSource } from './contract.ts';

/** Reading numbers and ranges of which not one can be believed. */

/** What the disk is read in, for direct reads at either sector size. */
const ALIGNMENT_BYTES = 4096;

export interface Range {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Reads any range of a volume; `undefined` for one that is not inside it. */
export type ReadRange = (offsetBytes: number, lengthBytes: number) => Promise<Buffer | undefined>;

/** An unsigned 64-bit number; `undefined` when it is more than a disk can have. */
export function u64(bytes: Buffer, at: number): number | undefined {
  const value = bytes.readBigUInt64LE(at);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

/** Whether the range lies wholly inside the first `sizeBytes`. */
export function isInside({ offsetBytes, lengthBytes }: Range, sizeBytes: number): boolean {
  const whole = Number.isSafeInteger(offsetBytes) && Number.isSafeInteger(lengthBytes);
  return whole && offsetBytes >= 0 && lengthBytes >= 0 && offsetBytes <= sizeBytes - lengthBytes;
}

/**
 * Reads inside a window of the disk, with offsets from its start, in aligned pieces; where a sector is bad,
 * those beside it that nobody asked for are not. Throws what the source throws.
 */
export function windowOf(source: VolumeSource, window: Range): ReadRange {
  return async (offsetBytes, lengthBytes) => {
    if (!isInside({ offsetBytes, lengthBytes }, window.lengthBytes)) return undefined;
    const place = { offsetBytes: window.offsetBytes + offsetBytes, lengthBytes };
    try {
      return await readWithin(source, place, ALIGNMENT_BYTES);
    } catch (error) {
      if (!isStationError(error, 'disk-read-failed')) throw error;
      return await readSectors(source, place);
    }
  };
}

/** Reads a place as the middle of what begins and ends at a multiple of the unit. */
async function readWithin(source: VolumeSource, place: Range, unitBytes: number): Promise<Buffer> {
  const { offsetBytes, lengthBytes } = place;
  const from = offsetBytes - (offsetBytes % unitBytes);
  const end = Math.ceil((offsetBytes + lengthBytes) / unitBytes) * unitBytes;
  const bytes = await source.readAt(from, Math.min(end, source.sizeBytes) - from);
  return Buffer.from(bytes.buffer, bytes.byteOffset + (offsetBytes - from), lengthBytes);
}

/** One at a time, so that the one that is bad is named. */
async function readSectors(source: VolumeSource, place: Range): Promise<Buffer> {
  const { sectorBytes } = source;
  const end = place.offsetBytes + place.lengthBytes;
  const pieces: Buffer[] = [];
  for (let at = place.offsetBytes; at < end; ) {
    const next = Math.min(end, at - (at % sectorBytes) + sectorBytes);
    const piece = { offsetBytes: at, lengthBytes: next - at };
    pieces.push(await readWithin(source, piece, sectorBytes));
    at = next;
  }
  return Buffer.concat(pieces);
}

/** A GUID as it lies on a disk, in the usual spelling, lower case. */
export function guidAt(bytes: Buffer, at: number): string {
  const swapped = Buffer.from(bytes.subarray(at, at + 16));
  swapped.subarray(0, 4).swap32();
  swapped.subarray(4, 8).swap16();
  const hex = swapped.toString('hex');
  const cuts = [0, 8, 12, 16, 20, 32];
  return cuts
    .slice(1)
    .map((end, index) => hex.slice(cuts[index], end))
    .join('-');
}
