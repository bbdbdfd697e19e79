import { crc32 } from 'node:zlib';
import { GPT_ARRAY_MAX_BYTES } from '../limits.ts';
import { guidAt, isInside, type Range, type ReadRange, u64 } from './bytes.ts';

/**
 * The GUID partition table (UEFI specification, chapter 5): a header in the second sector and one in
 * the last, each with a CRC of itself and of the array of entries. A table counts only when both CRCs
 * are right.
 */

const SIGNATURE = 'EFI PART';
const HEADER_MIN_BYTES = 92;
const ENTRY_MIN_BYTES = 128;
const UNUSED = '00000000-0000-0000-0000-000000000000';

export interface GptPartition extends Range {
  /** From 1. */
  readonly number: number;
  readonly typeGuid: string;
  readonly insideDisk: boolean;
}

export interface Gpt {
  readonly sectorBytes: number;
  readonly copy: 'primary' | 'backup';
  readonly partitions: readonly GptPartition[];
}

export interface DiskShape {
  readonly sizeBytes: number;
  readonly sectorBytes: number;
}

/** The table at this sector size, from its backup when the first copy is damaged. */
export async function readGpt(read: ReadRange, disk: DiskShape): Promise<Gpt | undefined> {
  const lastLba = Math.floor(disk.sizeBytes / disk.sectorBytes) - 1;
  const primary = await readTable(read, disk, 1);
  if (primary !== undefined) return { ...primary, copy: 'primary' };
  const backup = await readTable(read, disk, lastLba);
  return backup === undefined ? undefined : { ...backup, copy: 'backup' };
}

async function readTable(
  read: ReadRange,
  disk: DiskShape,
  lba: number,
): Promise<Omit<Gpt, 'copy'> | undefined> {
  const { sectorBytes } = disk;
  const header = await read(lba * sectorBytes, sectorBytes);
  const place = header === undefined ? undefined : arrayPlace(header, lba);
  if (place === undefined) return undefined;
  const array = await read(place.lba * sectorBytes, place.count * place.entryBytes);
  if (array === undefined || crc32(array) !== place.crc) return undefined;
  return { sectorBytes, partitions: [...entriesOf(array, place.entryBytes, disk)] };
}

interface ArrayPlace {
  readonly lba: number;
  readonly count: number;
  readonly entryBytes: number;
  readonly crc: number;
}

function arrayPlace(header: Buffer, ownLba: number): ArrayPlace | undefined {
  if (header.toString('latin1', 0, 8) !== SIGNATURE) return undefined;
  const headerBytes = header.readUInt32LE(12);
  if (headerBytes < HEADER_MIN_BYTES || headerBytes > header.length) return undefined;
  const zeroed = Buffer.from(header.subarray(0, headerBytes));
  zeroed.writeUInt32LE(0, 16);
  if (crc32(zeroed) !== header.readUInt32LE(16)) return undefined;
  const lba = u64(header, 72);
  const count = header.readUInt32LE(80);
  const entryBytes = header.readUInt32LE(84);
  const fits = count * entryBytes <= GPT_ARRAY_MAX_BYTES && entryBytes >= ENTRY_MIN_BYTES;
  if (lba === undefined || u64(header, 24) !== ownLba || !fits) return undefined;
  return { lba, count, entryBytes, crc: header.readUInt32LE(88) };
}

function* entriesOf(array: Buffer, entryBytes: number, disk: DiskShape): Generator<GptPartition> {
  for (let at = 0; at + entryBytes <= array.length; at += entryBytes) {
    const typeGuid = guidAt(array, at);
    if (typeGuid === UNUSED) continue;
    const range = rangeOf(u64(array, at + 32), u64(array, at + 40), disk.sectorBytes);
    const insideDisk = range.lengthBytes > 0 && isInside(range, disk.sizeBytes);
    yield { number: at / entryBytes + 1, typeGuid, insideDisk, ...range };
  }
}

const NOWHERE: Range = { offsetBytes: 0, lengthBytes: 0 };

function rangeOf(first: number | undefined, last: number | undefined, sectorBytes: number): Range {
  if (first === undefined || last === undefined || last < first || first === 0) return NOWHERE;
  return { offsetBytes: first * sectorBytes, lengthBytes: (last - first + 1) * sectorBytes };
}
