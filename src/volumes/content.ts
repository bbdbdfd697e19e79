import { isBitLockerHeader } from './bitlocker-header.ts';
import type { ReadRange } from './bytes.ts';
import type { ContentKind } from './contract.ts';

/** What lies at the start of a volume, by its magic numbers; nothing is believed beyond them. */

const HEAD_BYTES = 4096;
const BTRFS_AT = 65_536;

interface Magic {
  readonly kind: ContentKind;
  readonly at: number;
  readonly text: string;
}

/** In the first sector, where a partition table could be as well. */
const BOOT_MAGIC: readonly Magic[] = [
  { kind: 'ntfs', at: 3, text: 'NTFS    ' },
  { kind: 'exfat', at: 3, text: 'EXFAT   ' },
  { kind: 'refs', at: 3, text: 'ReFS\0\0\0\0' },
  { kind: 'xfs', at: 0, text: 'XFSB' },
  { kind: 'luks', at: 0, text: 'LUKS\xba\xbe' },
  { kind: 'apfs', at: 32, text: 'NXSB' },
  { kind: 'fat', at: 82, text: 'FAT32   ' },
  { kind: 'fat', at: 54, text: 'FAT16   ' },
  { kind: 'fat', at: 54, text: 'FAT12   ' },
];

const LATER_MAGIC: readonly Magic[] = [
  { kind: 'lvm', at: 512, text: 'LABELONE' },
  { kind: 'hfs', at: 1024, text: 'H+\0\x04' },
  { kind: 'hfs', at: 1024, text: 'HX\0\x05' },
  { kind: 'ext', at: 1080, text: '\x53\xef' },
];

export interface Content {
  readonly kind: ContentKind;
  /** The first sector says it, so it is no partition table. */
  readonly inBootSector: boolean;
}

export async function contentOf(read: ReadRange): Promise<Content> {
  const head = await read(0, HEAD_BYTES);
  if (head === undefined) return { kind: 'unknown', inBootSector: false };
  if (isBitLockerHeader(head)) return { kind: 'bitlocker', inBootSector: true };
  const boot = match(head, BOOT_MAGIC);
  if (boot !== undefined) return { kind: boot, inBootSector: true };
  const later = match(head, LATER_MAGIC) ?? (await btrfs(read));
  const kind = later ?? (head.every((byte) => byte === 0) ? 'blank' : 'unknown');
  return { kind, inBootSector: false };
}

function match(head: Buffer, magic: readonly Magic[]): ContentKind | undefined {
  return magic.find(({ at, text }) => head.toString('latin1', at, at + text.length) === text)?.kind;
}

async function btrfs(read: ReadRange): Promise<ContentKind | undefined> {
  const superblock = await read(BTRFS_AT, 72);
  return superblock?.toString('latin1', 64, 72) === '_BHRfS_M' ? 'btrfs' : undefined;
}
