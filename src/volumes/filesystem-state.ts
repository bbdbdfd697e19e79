import type { ReadRange } from './bytes.ts';
import { u64 } from './bytes.ts';
import type { Filesystem, VolumeNote } from './contract.ts';

/**
 * Whether a filesystem was left in order. It is read as it is either way, since nothing here may
 * replay a log; but files that were being written when the drive was pulled can be older than their
 * owner thinks, and that has to be said.
 */

const NTFS_RECORD_VOLUME = 3;
const NTFS_ATTRIBUTE_VOLUME_INFORMATION = 0x70;
const NTFS_ATTRIBUTE_END = 0xffff_ffff;
const NTFS_DIRTY = 0x0001;
const EXT_SUPERBLOCK_AT = 1024;
const EXT_NEEDS_RECOVERY = 0x4;
const SECTOR_BYTES = 512;

const UNCLEAN: VolumeNote = {
  code: 'not-cleanly-unmounted',
  words:
    'the drive was pulled without "safely remove": it is read as it stands, and files that were being written then may be incomplete',
};

export async function stateNotes(filesystem: Filesystem, read: ReadRange): Promise<VolumeNote[]> {
  const dirty =
    (filesystem === 'ntfs' && (await isNtfsDirty(read))) ||
    (filesystem === 'ext' && (await needsRecovery(read)));
  return dirty ? [UNCLEAN] : [];
}

async function needsRecovery(read: ReadRange): Promise<boolean> {
  const superblock = await read(EXT_SUPERBLOCK_AT, 256);
  return superblock !== undefined && (superblock.readUInt32LE(96) & EXT_NEEDS_RECOVERY) !== 0;
}

async function isNtfsDirty(read: ReadRange): Promise<boolean> {
  const place = await ntfsVolumeRecord(read);
  const record = place === undefined ? undefined : await read(place.at, place.lengthBytes);
  const flags = record === undefined ? undefined : ntfsVolumeFlags(record);
  return flags !== undefined && (flags & NTFS_DIRTY) !== 0;
}

/** The fourth record of the master file table describes the volume. */
async function ntfsVolumeRecord(
  read: ReadRange,
): Promise<{ at: number; lengthBytes: number } | undefined> {
  const boot = await read(0, SECTOR_BYTES);
  if (boot === undefined) return undefined;
  const clusterBytes = boot.readUInt16LE(11) * clusterSectors(boot.readUInt8(13));
  const tableCluster = u64(boot, 48);
  const recordSize = boot.readInt8(64);
  // Negative: a power of two of bytes instead of a number of clusters.
  const lengthBytes = recordSize < 0 ? 2 ** -recordSize : recordSize * clusterBytes;
  if (tableCluster === undefined || lengthBytes < SECTOR_BYTES || lengthBytes > 65_536)
    return undefined;
  return { at: tableCluster * clusterBytes + NTFS_RECORD_VOLUME * lengthBytes, lengthBytes };
}

/** Values above 128 are powers of two, for the large clusters of late Windows. */
function clusterSectors(value: number): number {
  return value > 128 ? 2 ** (256 - value) : value;
}

/** The flags of the volume, from its record; `undefined` when the record does not hold together. */
export function ntfsVolumeFlags(record: Buffer): number | undefined {
  if (record.length < 48 || record.toString('latin1', 0, 4) !== 'FILE') return undefined;
  let at = record.readUInt16LE(20);
  while (at + 24 <= record.length) {
    const type = record.readUInt32LE(at);
    const size = record.readUInt32LE(at + 4);
    if (type === NTFS_ATTRIBUTE_END || size < 24 || at + size > record.length) return undefined;
    if (type === NTFS_ATTRIBUTE_VOLUME_INFORMATION) {
      const flagsAt = at + record.readUInt16LE(at + 20) + 10;
      return flagsAt + 2 <= record.length ? record.readUInt16LE(flagsAt) : undefined;
    }
    at += size;
  }
  return undefined;
}
