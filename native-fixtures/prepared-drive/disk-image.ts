import { type FileHandle, open } from 'node:fs/promises';
import { BASIC_DATA, gptPieces, mbrSector, type Piece, RESERVED } from '../partition-table.ts';
import { isAllZeros } from './content.ts';
import type { DiskSpec } from './spec.ts';

const MIB = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
/** Types of an old table: NTFS, and a hidden one of Windows. */
const MBR_DATA = 0x07;
const MBR_RESERVED = 0x27;

/** Where the data partition of a disk begins, in bytes. */
export function partitionAt({ table, reservedPartition }: DiskSpec): number {
  if (table === 'none') return 0;
  return reservedPartition ? 2 * MIB : MIB;
}

/** Writes the disk: its partition table, and the volume in its place. An existing file is `EEXIST`. */
export async function writeDisk(image: string, volume: string, disk: DiskSpec): Promise<void> {
  await using source = await open(volume);
  await using target = await open(image, 'wx');
  const { size } = await source.stat();
  const start = partitionAt(disk);
  // A GPT has a second copy of itself at the end.
  const sizeBytes = start + size + (disk.table === 'none' ? 0 : MIB);
  await target.truncate(sizeBytes);
  await copySparse(source, target, { start, size });
  for (const { offsetBytes, bytes } of tableOf(disk, { start, size, sizeBytes })) {
    await target.write(bytes, 0, bytes.length, offsetBytes);
  }
}

interface Place {
  readonly start: number;
  readonly size: number;
}

async function copySparse(source: FileHandle, target: FileHandle, { start, size }: Place) {
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const bytes = Buffer.alloc(Math.min(CHUNK_BYTES, size - at));
    await source.read(bytes, 0, bytes.length, at);
    if (!isAllZeros(bytes)) await target.write(bytes, 0, bytes.length, start + at);
  }
}

function tableOf(disk: DiskSpec, place: Place & { readonly sizeBytes: number }): readonly Piece[] {
  const { table, sectorBytes, reservedPartition } = disk;
  const reserved = reservedPartition ? [{ at: MIB, length: MIB, isData: false }] : [];
  const ranges = [...reserved, { at: place.start, length: place.size, isData: true }];
  if (table === 'none') return [];
  if (table === 'mbr') {
    const entries = ranges.map(({ at, length, isData }) => ({
      type: isData ? MBR_DATA : MBR_RESERVED,
      firstSector: at / sectorBytes,
      sectors: length / sectorBytes,
    }));
    return [{ offsetBytes: 0, bytes: mbrSector(entries) }];
  }
  const partitions = ranges.map(({ at, length, isData }) => ({
    typeGuid: isData ? BASIC_DATA : RESERVED,
    firstLba: at / sectorBytes,
    lastLba: (at + length) / sectorBytes - 1,
  }));
  return Object.values(gptPieces({ sizeBytes: place.sizeBytes, sectorBytes, partitions }));
}
