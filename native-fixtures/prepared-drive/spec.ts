import type { BlobHeaders, BlobMetadata } from '../../src/domain/blob-headers.ts';
import type { Digest } from '../../src/domain/digest.ts';
import type { Disposition } from '../../src/domain/import-disposition.ts';

/** What a prepared drive is to be: the disk, the volume on it, the files, and what the manifest says. */

export interface FileSpec {
  /** On the drive: `\session\a.bin`. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Data in the first 64 KiB of every stretch of this length, zeros between; see `ImageSpec`. */
  readonly sparseEveryBytes?: number;
  /** A file of this machine with the content, instead of one made of seed, path and offset. */
  readonly from?: string;
}

/** How the file is cut: blocks of a block blob, or the pages of a page blob that are not all zeros. */
export type Cut =
  | {
      readonly kind: 'blocks';
      readonly blockBytes: number;
      /** The two patterns of the published samples, or none. */
      readonly ids: 'counter' | 'md5' | 'none';
    }
  | { readonly kind: 'pages'; readonly rangeBytes: number };

/** What a side file says; text is written as it is, whatever it is. */
export type MetadataSpec = BlobMetadata | string;
export type PropertiesSpec = BlobHeaders | string;

export interface SideSpec {
  readonly metadata?: MetadataSpec;
  readonly properties?: PropertiesSpec;
}

export interface BlobSpec extends SideSpec {
  /** `container/name`. */
  readonly blobPath: string;
  readonly file: FileSpec;
  readonly cut: Cut;
  /** `rename` unless given, as in the format. */
  readonly disposition?: Disposition;
}

export interface ListSpec extends SideSpec {
  readonly id?: string;
  readonly blobs: readonly BlobSpec[];
}

export interface DiskSpec {
  readonly table: 'gpt' | 'mbr' | 'none';
  /** In which the partition table counts. */
  readonly sectorBytes: 512 | 4096;
  /** A small partition of Windows in front of the data volume. */
  readonly reservedPartition?: true;
}

export interface VolumeSpec {
  /** Name of an image of the BitLocker lab, such as `bitlk-aes-xts-128`, or no BitLocker. */
  readonly bitlocker: string | 'none';
  /** What is formatted in it; `none` leaves zeros. */
  readonly filesystem: 'ntfs' | 'ext4' | 'none';
  /** Only for a volume without BitLocker; the images have their own size. */
  readonly sizeBytes?: number;
}

export interface DriveSpec {
  /** Every content that is not given is a function of this, the path and the offset. */
  readonly seed: string;
  /** In the manifest, and what the disk says of itself. */
  readonly driveId: string;
  readonly disk: DiskSpec;
  readonly volume: VolumeSpec;
  readonly manifestPath: string;
  /** Of the manifest, its ranges and its side files. */
  readonly hash: Digest['algorithm'];
  /** A made-up key, as old tools write the real one. */
  readonly accountKey?: string;
  readonly lists: readonly ListSpec[];
}

/** A whole drive with what most have: a GPT disk, BitLocker, NTFS, MD5. */
export function driveSpec(seed: string, lists: readonly ListSpec[]): DriveSpec {
  return {
    seed,
    driveId: 'WD-WX71A8899999',
    disk: { table: 'gpt', sectorBytes: 512 },
    volume: { bitlocker: 'bitlk-aes-xts-128', filesystem: 'ntfs' },
    manifestPath: '\\DriveManifest.xml',
    hash: 'md5',
    lists,
  };
}
