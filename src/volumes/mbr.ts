import { MBR_LOGICAL_MAX } from '../limits.ts';
import { isInside, type Range, type ReadRange } from './bytes.ts';
import type { DiskShape } from './gpt.ts';

/**
 * The partition table of the first sector: four entries, of which one can be the head of a chain with
 * one logical partition each. Addresses in the chain are hostile: it is cut at a bound and where it
 * comes back to itself.
 */

const PROTECTIVE_TYPE = 0xee;
const EXTENDED_TYPES: ReadonlySet<number> = new Set([0x05, 0x0f, 0x85]);
const TABLE_AT = 446;
const ENTRY_BYTES = 16;
const SECTOR_BYTES = 512;

export interface MbrPartition extends Range {
  /** 1 to 4, logical ones from 5. */
  readonly number: number;
  readonly type: number;
  readonly insideDisk: boolean;
}

export interface Mbr {
  readonly hasProtectiveEntry: boolean;
  /** Without protective and extended entries. */
  readonly partitions: readonly MbrPartition[];
}

interface Entry {
  readonly type: number;
  readonly firstSector: number;
  readonly sectors: number;
}

/** `undefined` when the first sector is no partition table. */
export async function readMbr(read: ReadRange, disk: DiskShape): Promise<Mbr | undefined> {
  const entries = await readEntries(read, 0, 4);
  if (entries === undefined) return undefined;
  const partitions = entries.flatMap((entry, index) =>
    isOrdinary(entry) ? [place(entry, { number: index + 1, base: 0, disk })] : [],
  );
  const extended = entries.find(({ type }) => EXTENDED_TYPES.has(type));
  if (extended !== undefined) {
    partitions.push(...(await readChain(read, disk, extended.firstSector)));
  }
  return { hasProtectiveEntry: entries.some(({ type }) => type === PROTECTIVE_TYPE), partitions };
}

/** Each link has a partition, relative to itself, and the next link, relative to the first one. */
async function readChain(read: ReadRange, disk: DiskShape, head: number): Promise<MbrPartition[]> {
  const found: MbrPartition[] = [];
  const seen = new Set<number>();
  let base: number | undefined = head;
  while (base !== undefined && base !== 0 && !seen.has(base) && seen.size < MBR_LOGICAL_MAX) {
    seen.add(base);
    const entries = await readEntries(read, base * disk.sectorBytes, 2);
    const logical = entries?.find(isOrdinary);
    if (logical !== undefined) found.push(place(logical, { number: 5 + found.length, base, disk }));
    const next = entries?.find(({ type }) => EXTENDED_TYPES.has(type));
    base = next === undefined ? undefined : head + next.firstSector;
  }
  return found;
}

async function readEntries(
  read: ReadRange,
  at: number,
  count: number,
): Promise<Entry[] | undefined> {
  const sector = await read(at, SECTOR_BYTES);
  if (sector === undefined || sector.readUInt16LE(510) !== 0xaa55) return undefined;
  return Array.from({ length: count }, (_, index) => {
    const entry = TABLE_AT + index * ENTRY_BYTES;
    return {
      type: sector.readUInt8(entry + 4),
      firstSector: sector.readUInt32LE(entry + 8),
      sectors: sector.readUInt32LE(entry + 12),
    };
  });
}

function isOrdinary({ type, sectors }: Entry): boolean {
  return type !== 0 && type !== PROTECTIVE_TYPE && !EXTENDED_TYPES.has(type) && sectors > 0;
}

interface Place {
  readonly number: number;
  readonly base: number;
  readonly disk: DiskShape;
}

function place({ type, firstSector, sectors }: Entry, { number, base, disk }: Place): MbrPartition {
  const range = {
    offsetBytes: (base + firstSector) * disk.sectorBytes,
    lengthBytes: sectors * disk.sectorBytes,
  };
  const insideDisk = range.offsetBytes > 0 && isInside(range, disk.sizeBytes);
  return { number, type, insideDisk, ...range };
}
