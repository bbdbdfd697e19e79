import type { FilesystemDamage } from '../domain/files-verdict.ts';
import type { VolumePath } from './windows-path.ts';

/**
 * What the room gives: a drive's first data volume, unlocked and open for reading, and the files on
 * it. Everything on the drive is hostile input. Nothing here writes to it, follows a link on it, or
 * leaves anything behind when the process that opened it ends.
 */

/** The open disk, as a copy process holds it. */
export interface VolumeSource {
  /** The device node, for the kernel's loop driver. */
  readonly devicePath: string;
  /** Multiple of the sector size. */
  readonly sizeBytes: number;
  /** Logical sector size that the disk reports. */
  readonly sectorBytes: number;
  /**
   * Exactly these bytes: whole logical sectors inside the disk. Throws what the source throws
   * (`disk-gone`, `disk-read-failed`).
   */
  readAt(offsetBytes: number, lengthBytes: number): Promise<Uint8Array>;
}

/** Filesystems and containers that are told apart; the others are `unknown`. */
export type ContentKind =
  | 'bitlocker'
  | 'ntfs'
  | 'exfat'
  | 'fat'
  | 'ext'
  | 'xfs'
  | 'btrfs'
  | 'refs'
  | 'luks'
  | 'lvm'
  | 'hfs'
  | 'apfs'
  | 'unknown'
  | 'blank';

/** Filesystems that can be opened. */
export type Filesystem = 'ntfs' | 'exfat' | 'fat' | 'ext' | 'xfs';

/** What is worth a line in the log, or in the verdict, of a volume that could be opened. */
export interface VolumeNote {
  readonly code:
    | 'backup-table-used'
    | 'other-sector-size'
    | 'hybrid-table'
    | 'no-protective-entry'
    | 'metadata-copy-damaged'
    | 'places-unreadable'
    | 'protection-suspended'
    | 'not-cleanly-unmounted'
    | 'hibernated';
  readonly words: string;
}

/** Why a partition is not the first data volume. */
export interface PassedOver {
  readonly partition: number;
  readonly reason: string;
}

/** Where on the disk the volume is, and what was passed over before it. */
export interface FoundVolume {
  readonly table: 'gpt' | 'mbr' | 'none';
  /** Number of the partition in its table, from 1; 0 for a filesystem on the whole disk. */
  readonly partition: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly content: ContentKind;
  readonly passedOver: readonly PassedOver[];
  readonly notes: readonly VolumeNote[];
}

/** How BitLocker was unlocked, for the log; nothing of the key. */
export interface Unlocked {
  readonly tool: 'cryptsetup' | 'dislocker';
  readonly protector: 'recovery-key' | 'passphrase' | 'external-key';
  readonly method: string;
}

export interface OpenVolume extends AsyncDisposable {
  readonly filesystem: Filesystem;
  readonly found: FoundVolume;
  /** Only for a volume that was encrypted. */
  readonly unlocked?: Unlocked;
  readonly notes: readonly VolumeNote[];
  /**
   * Opens a file as Windows would find it. Throws `file-not-found`, `file-access-denied`,
   * `file-name-too-long`, and `file-read-failed` when the filesystem cannot be read at that place.
   */
  openFile(path: VolumePath, signal: AbortSignal): Promise<VolumeFile>;
  /**
   * Every file, depth first, in the order of the filesystem; bounded memory. `onBadRead` is told of each
   * read that failed, also when the next one did not.
   */
  walk(signal: AbortSignal, onBadRead?: () => void): AsyncIterable<VolumeEntry>;
  /**
   * What is known, since it was opened, of damage in the filesystem. Of one in user space nothing: that fails
   * instead.
   */
  damage(): Promise<FilesystemDamage>;
  /** Unmounts, ends the helpers and detaches the loop device. Bounded; safe to call twice. */
  close(): Promise<void>;
}

export interface VolumeFile extends AsyncDisposable {
  /** The path as the volume spells it, with `\` between the names. */
  readonly foundAs: string;
  /** Other names in the way that differ in case alone; the first of all in code-unit order was taken. */
  readonly ambiguous: readonly string[];
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  /** Reads up to the length into the start of the buffer; 0 at the end of the file. */
  read(buffer: Uint8Array, offsetBytes: number, lengthBytes: number): Promise<number>;
  /**
   * Drops what the kernel keeps of the file and of all that it lies on, so that the next read is one of
   * the disk, and of no more than it asks for: around a bad place, what was read ahead fails as a whole.
   */
  forget(): Promise<void>;
  close(): Promise<void>;
}

export type SkipReason =
  | 'reparse-point'
  | 'not-a-file'
  | 'other-filesystem'
  /** The disk does not say what it is. */
  | 'unreadable'
  /** More is in it than was said. */
  | 'folder-unreadable'
  | 'name-not-unicode'
  | 'too-deep';

/** A file, or a thing that is neither file nor folder and was left alone. */
export type VolumeEntry =
  | {
      readonly kind: 'file';
      readonly path: VolumePath;
      readonly sizeBytes: number;
      readonly modifiedAt: Date;
    }
  | { readonly kind: 'skipped'; readonly path: VolumePath; readonly reason: SkipReason };
