import type { BlobPath } from './blob-path.ts';
import type { ContainerName } from './container-name.ts';
import type { Digest } from './digest.ts';
import type { Disposition } from './import-disposition.ts';

/**
 * One file of a drive that is to become one blob, as a manifest promises it or a walk has found it:
 * what the copy of files works on, wherever it comes from.
 */
export interface FileItem extends BlobPath {
  /** Position in the plan, from 0: the same in every pass. */
  readonly index: number;
  /** On the drive, with backslashes. */
  readonly filePath: string;
  /** The names on the way to it, where they were read on the drive and may be no path of Windows. */
  readonly names?: readonly string[];
  /** Of the blob. */
  readonly lengthBytes: number;
  readonly kind: 'block' | 'page';
  readonly disposition: Disposition;
  /** In order. Of a block blob they are the whole file; of a page blob what is not zeros. */
  readonly ranges: readonly FileRange[];
  /** Where there is a file that says so. */
  readonly metadata?: SideFileRef;
  readonly properties?: SideFileRef;
  /** What the blob gets where no side file says anything. */
  readonly defaults?: {
    readonly contentType?: string;
    readonly metadata: Readonly<Record<string, string>>;
  };
  /** Why it cannot be copied at all, known before it is opened. */
  readonly refused?: { readonly status: 'FileNameInvalid' | 'IOFailed'; readonly words: string };
}

export interface FileRange {
  /** In bytes, in the file and in the blob. */
  readonly offset: number;
  readonly length: number;
  /** Base64; of a block that the manifest gives one. */
  readonly id?: string;
  /** Of exactly these bytes, where somebody promised one. */
  readonly hash?: Digest;
}

export interface SideFileRef {
  readonly path: string;
  readonly hash: Digest;
  /** It is that of a whole blob list. */
  readonly isGlobal: boolean;
}

/** What all items of a source come to; found by going through them once. */
export interface FileTotals {
  readonly files: number;
  readonly bytes: number;
  readonly longestRangeBytes: number;
  /**
   * A checksum of each item, by its index: a later pass that says something else of an item is found
   * out before anything is done about it. 4 bytes an item.
   */
  readonly tags: Uint32Array;
  /** Of the first item. */
  readonly container?: ContainerName;
  /** What lies on the drive and is no file that could be copied, such as links. */
  readonly leftOut: number;
}

/** Everything that is said of an item, as text: two items are the same when these are. */
export function itemIdentity(item: FileItem): string {
  const { index: _position, ...said } = item;
  return JSON.stringify(said);
}
