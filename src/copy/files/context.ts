import type { BlobContainer } from '../../blobs/contract.ts';
import type { Slots } from '../../blobs/slots.ts';
import type { FileItem } from '../../domain/file-item.ts';
import type { FileBuffers } from './buffers.ts';
import type { Containers } from './containers.ts';
import type { DriveFiles } from './drive.ts';
import type { FileReader } from './file-reader.ts';
import type { FilesJournal } from './journal.ts';
import type { NameLocks } from './names.ts';
import type { Patience } from './patience.ts';
import type { SideContent, SideFiles } from './side-files.ts';
import type { VolumeLandmarks } from './volume-landmarks.ts';

/** What the copies of all files of a drive share. */
export interface FilesContext {
  readonly files: DriveFiles;
  readonly landmarks: VolumeLandmarks;
  readonly containers: Containers;
  readonly journal: FilesJournal;
  readonly buffers: FileBuffers;
  readonly sideFiles: SideFiles;
  readonly names: NameLocks;
  /** Who may read from the disk; a file is read from its beginning to its end in one turn. */
  readonly readers: { readonly small: Slots; readonly large: Slots };
  /** Only once all other files have ended: before, a file with a bad place is put off. */
  readonly patience?: Patience;
  /** 16 hex digits: tells the block ids of this copy from those of others. */
  readonly nonce: string;
  /** This station's clock, in ms since 1970. */
  now(): number;
}

/** The copy of one file, once the file is open. */
export interface FileCopy {
  readonly item: FileItem;
  readonly file: FileReader;
  readonly side: SideContent;
  readonly container: BlobContainer;
  readonly context: FilesContext;
  /** The store holds and has verified a range. */
  onSafe(lengthBytes: number): void;
}
