import { crc32 } from 'node:zlib';

/** Partition tables, byte by byte, so that each field can also be made wrong. */

export interface Piece {
  readonly offsetBytes: number;
  readonly bytes: Buffer;
}

export interface GptSpec {
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  readonly partitions: readonly {
    readonly typeGuid: string;
    readonly firstLba: number;
    readonly lastLba: number;
  }[];
}

export const BASIC_DATA = 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7';
export const RESERVED = 'e3c9e316-0b5c-4db8-817d-f92df00215ae';
export const EFI_SYSTEM = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';
export const RECOVERY = 'de94bba4-06d1-4d40-a16a-bfd50179d6ac';

const ENTRIES = 128;
const ENTRY_BYTES = 128;

/** Protective entry, both headers, both arrays. */
export function gptPieces(spec: GptSpec): { readonly [part in GptPart]: Piece } {
  const { sizeBytes, sectorBytes } = spec;
  const lastLba = sizeBytes / sectorBytes - 1;
  const arraySectors = Math.ceil((ENTRIES * ENTRY_BYTES) / sectorBytes);
  const array = entryArray(spec);
  const at = (lba: number, bytes: Buffer): Piece => ({ offsetBytes: lba * sectorBytes, bytes });
  const primary = { ownLba: 1, otherLba: lastLba, arrayLba: 2 };
  const backup = { ownLba: lastLba, otherLba: 1, arrayLba: lastLba - arraySectors };
  return {
    protective: at(0, mbrSector([{ type: 0xee, firstSector: 1, sectors: 0xffff_ffff }])),
    primaryHeader: at(1, header(spec, { ...primary, array })),
    primaryArray: at(2, array),
    backupHeader: at(lastLba, header(spec, { ...backup, array })),
    backupArray: at(backup.arrayLba, Buffer.from(array)),
  };
}

export type GptPart =
  | 'protective'
  | 'primaryHeader'
  | 'primaryArray'
  | 'backupHeader'
  | 'backupArray';

function entryArray({ partitions }: GptSpec): Buffer {
  const array = Buffer.alloc(ENTRIES * ENTRY_BYTES);
  for (const [index, { typeGuid, firstLba, lastLba }] of partitions.entries()) {
    const at = index * ENTRY_BYTES;
    guidBytes(typeGuid).copy(array, at);
    guidBytes(`00000000-0000-4000-8000-00000000000${index}`).copy(array, at + 16);
    array.writeBigUInt64LE(BigInt(firstLba), at + 32);
    array.writeBigUInt64LE(BigInt(lastLba), at + 40);
  }
  return array;
}

interface HeaderPlace {
  readonly ownLba: number;
  readonly otherLba: number;
  readonly arrayLba: number;
  readonly array: Buffer;
}

function header(spec: GptSpec, { ownLba, otherLba, arrayLba, array }: HeaderPlace): Buffer {
  const sector = Buffer.alloc(spec.sectorBytes);
  sector.write('EFI PART', 0, 'latin1');
  sector.writeUInt32LE(0x1_0000, 8);
  sector.writeUInt32LE(92, 12);
  for (const [at, lba] of [
    [24, ownLba],
    [32, otherLba],
    [40, 34],
    [72, arrayLba],
  ] as const) {
    sector.writeBigUInt64LE(BigInt(lba), at);
  }
  sector.writeUInt32LE(ENTRIES, 80);
  sector.writeUInt32LE(ENTRY_BYTES, 84);
  sector.writeUInt32LE(crc32(array), 88);
  sector.writeUInt32LE(crc32(sector.subarray(0, 92)), 16);
  return sector;
}

export interface MbrEntry {
  readonly type: number;
  readonly firstSector: number;
  readonly sectors: number;
}

/** The first sector of a disk, or one link in a chain of logical partitions. */
export function mbrSector(entries: readonly MbrEntry[]): Buffer {
  const sector = Buffer.alloc(512);
  sector.writeUInt16LE(0xaa55, 510);
  for (const [index, { type, firstSector, sectors }] of entries.entries()) {
    const at = 446 + index * 16;
    sector.writeUInt8(type, at + 4);
    sector.writeUInt32LE(firstSector, at + 8);
    sector.writeUInt32LE(sectors, at + 12);
  }
  return sector;
}

function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).swap32();
  bytes.subarray(4, 8).swap16();
  return bytes;
}
