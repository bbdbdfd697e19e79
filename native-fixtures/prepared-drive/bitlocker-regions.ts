import type { FileHandle } from 'node:fs/promises';

/** A run of bytes of a volume. */
export interface Region {
  readonly offset: number;
  readonly length: number;
}

const SIGNATURE = '-FVE-FS-';
/** Of each of the three copies of the metadata. */
const METADATA_BYTES = 64 * 1024;
const SECTOR_BYTES = 512;
/** Where the boot sector has the places of the metadata; a volume "to go" looks like FAT instead. */
const PLACES_AT = 176;
const PLACES_AT_TO_GO = 440;

/**
 * The parts of a BitLocker volume in which no filesystem may put anything: three copies of its own
 * metadata, and the sectors that stand for the volume's beginning. Windows hides them in files of the
 * filesystem; a new filesystem has to be told. For volumes of Windows 7 and later; a `RangeError` for
 * others. Offsets are from the beginning of the volume, the copies of the metadata first. Layout:
 * libyal/libbde, "BitLocker Drive Encryption (BDE) format".
 */
export async function reservedRegions(file: FileHandle, volumeAt = 0): Promise<Region[]> {
  const read = (offset: number) => readSector(file, volumeAt + offset);
  const boot = await read(0);
  const isToGo = boot.toString('latin1', 3, 11) !== SIGNATURE;
  const at = isToGo ? PLACES_AT_TO_GO : PLACES_AT;
  const places = [0, 8, 16].map((skip) => Number(boot.readBigUInt64LE(at + skip)));
  const metadata = await read(places[0] ?? 0);
  if (metadata.toString('latin1', 0, 8) !== SIGNATURE || metadata.readUInt16LE(10) !== 2) {
    throw new RangeError('no BitLocker volume of Windows 7 or later');
  }
  const beginning = {
    offset: Number(metadata.readBigUInt64LE(56)),
    length: metadata.readUInt32LE(28) * SECTOR_BYTES,
  };
  return [...places.map((offset) => ({ offset, length: METADATA_BYTES })), beginning];
}

async function readSector(file: FileHandle, offset: number): Promise<Buffer> {
  const bytes = Buffer.alloc(SECTOR_BYTES);
  await file.read(bytes, 0, SECTOR_BYTES, offset);
  return bytes;
}
