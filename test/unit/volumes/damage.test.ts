import { expect, test } from 'vitest';
import { tellsOfDamage } from '../../../src/volumes/damage.ts';

/** Which lines of the kernel's log tell of damage: as Linux 5.15 to 6.18 write them. */

const EXT = { mark: 'EXT4-fs error', device: 'loop3' };
const FAT = { mark: 'FAT-fs', device: 'loop3' };
const XFS = { mark: 'XFS', device: 'dm-0' };

test.each([
  [EXT, 2, 'EXT4-fs error (device loop3): ext4_readdir:262: inode #12: block 9: bad entry'],
  [FAT, 3, 'FAT-fs (loop3): Directory bread(block 1234) failed'],
  [FAT, 3, 'FAT-fs (loop3): error, invalid access to FAT (entry 0x0fffff00)'],
  [{ ...FAT, mark: 'exFAT-fs' }, 3, 'exFAT-fs (loop3): error, found bogus dentry'],
  [FAT, 3, 'FAT-fs (loop3): FAT read failed (blocknr 32)'],
  [{ ...FAT, mark: 'ntfs3' }, 3, 'ntfs3(loop3): ino=1b, mi_enum_attr'],
  [XFS, 1, 'XFS (dm-0): metadata I/O error in "xfs_da_read_buf" at daddr 0x50 len 8 error 5'],
  [{ ...FAT, mark: 'ntfs3' }, 3, 'ntfs3: loop3: ino=5, "root" directory is corrupted'],
  [XFS, 1, 'XFS (dm-0): Metadata CRC error detected at xfs_dir3_block_read_verify, block 0x50'],
])('%o tells of damage at level %i: %s', (filesystem, level, words) => {
  expect(tellsOfDamage({ level, words }, filesystem)).toBe(true);
});

test.each([
  [EXT, 6, 'EXT4-fs (loop3): mounted filesystem ro without journal. Quota mode: none.'],
  [EXT, 3, 'EXT4-fs (loop3): write access unavailable, skipping orphan cleanup'],
  [EXT, 4, 'EXT4-fs (loop3): warning: mounting fs with errors, running e2fsck is recommended'],
  [EXT, 2, 'EXT4-fs error (device loop31): ext4_readdir:262: inode #12: block 9: bad entry'],
  [EXT, 3, 'I/O error, dev loop3, sector 0 op 0x0:(READ) flags 0x800 phys_seg 1 prio class 2'],
  [EXT, 3, 'Buffer I/O error on dev loop3, logical block 4, async page read'],
  [FAT, 4, 'FAT-fs (loop3): Volume was not properly unmounted. Some data may be corrupt.'],
  [
    { ...FAT, mark: 'exFAT-fs' },
    4,
    'exFAT-fs (loop3): Volume was not properly unmounted. Some data may be corrupt. Please run fsck.',
  ],
  [{ ...FAT, mark: 'ntfs3' }, 4, 'ntfs3(loop3): It is recommened to use chkdsk.'],
  [XFS, 5, 'XFS (dm-0): Mounting V5 filesystem in no-recovery mode. It will be inconsistent.'],
  [XFS, 1, 'XFS (dm-1): Metadata corruption detected at xfs_inode_buf_verify, block 0x40'],
])('%o says nothing of damage here at level %i: %s', (filesystem, level, words) => {
  expect(tellsOfDamage({ level, words }, filesystem)).toBe(false);
});
