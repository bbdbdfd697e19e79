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

/** Reads inside a window of the disk, with offsets from its start, in aligned pieces. */
export function windowOf(source: VolumeSource, window: Range): ReadRange {
  return async (offsetBytes, lengthBytes) => {
    if (!isInside({ offsetBytes, lengthBytes }, window.lengthBytes)) return undefined;
    const begin = window.offsetBytes + offsetBytes;
    const end = begin + lengthBytes;
    const from = begin - (begin % ALIGNMENT_BYTES);
    const to = Math.min(Math.ceil(end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES, source.sizeBytes);
    const bytes = await source.readAt(from, to - from);
    return Buffer.from(bytes.buffer, bytes.byteOffset + (begin - from), lengthBytes);
  };
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
