import { isBitLockerHeader } from './bitlocker-header.ts';
import type { ReadRange } from './bytes.ts';
import type { ContentKind } from './contract.ts';
import { type LostPlace, sparing } from './lost-places.ts';

/** What lies at the start of a volume, by its magic numbers; nothing is believed beyond them. */

const HEAD_BYTES = 4096;
const SECTOR_BYTES = 512;
const BTRFS_AT = 65_536;

interface Magic {
  readonly kind: ContentKind;
  readonly at: number;
  readonly text: string;
}

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

/** What the first sector says, where a partition table could be as well. */
export function bootContentOf(sector: Buffer): ContentKind | undefined {
  return isBitLockerHeader(sector) ? 'bitlocker' : match(sector, BOOT_MAGIC);
}

/**
 * What lies there, by what can be read of it; `lost` gets what cannot. Throws what reading throws, where that
 * could have said something else.
 */
export async function contentOf(read: ReadRange, lost: LostPlace[] = []): Promise<ContentKind> {
  const before = lost.length;
  const head = await headOf(read, lost);
  if (head === undefined) return 'unknown';
  const known = bootContentOf(head) ?? match(head, LATER_MAGIC) ?? (await btrfs(read));
  if (known !== undefined) return known;
  if (lost[before] !== undefined) throw lost[before];
  return head.every((byte) => byte === 0) ? 'blank' : 'unknown';
}

/** Sectors that cannot be read are zeros; the first one has to be there, since it tells what counts. */
async function headOf(read: ReadRange, lost: LostPlace[]): Promise<Buffer | undefined> {
  const first: LostPlace[] = [];
  const whole = await sparing(read, first)(0, HEAD_BYTES);
  if (whole !== undefined || first.length === 0) return whole;
  const head = Buffer.alloc(HEAD_BYTES);
  (await read(0, SECTOR_BYTES))?.copy(head);
  for (let at = SECTOR_BYTES; at < HEAD_BYTES; at += SECTOR_BYTES) {
    (await sparing(read, lost)(at, SECTOR_BYTES))?.copy(head, at);
  }
  return head;
}

function match(head: Buffer, magic: readonly Magic[]): ContentKind | undefined {
  return magic.find(({ at, text }) => head.toString('latin1', at, at + text.length) === text)?.kind;
}

async function btrfs(read: ReadRange): Promise<ContentKind | undefined> {
  const superblock = await read(BTRFS_AT, 72);
  return superblock?.toString('latin1', 64, 72) === '_BHRfS_M' ? 'btrfs' : undefined;
}
