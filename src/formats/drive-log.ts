import type { DriveStatus } from '../domain/copy-status.ts';
import type { Disposition, DispositionStatus } from '../domain/import-disposition.ts';

/**
 * The copy log of the Azure Import/Export service, version 2014-11-01 and older ("Import/Export
 * service log file format", Microsoft Learn): one `<DriveLog>` for each processed drive. The error log
 * and the verbose log have one grammar; the error log is the verbose one without what went well
 * (`errorsOnly`).
 *
 * Blobs and ranges are given as iterables, so that nothing here grows with their number.
 */

export const DRIVE_LOG_VERSION = '2014-11-01';

export const BLOB_STATUSES = [
  'Completed',
  'CompletedWithErrors',
  'FileNameInvalid',
  'FileNameTooLong',
  'FileNotFound',
  'FileAccessDenied',
  'BlobRequestFailed',
  'BlobRequestForbidden',
  'RenameFailed',
  'BlobUnexpectedChange',
  'LeasePresent',
  'IOFailed',
  'Failed',
] as const;
export type BlobStatus = (typeof BLOB_STATUSES)[number];

export const RANGE_STATUSES = [
  'Completed',
  'Committed',
  'Uncommitted',
  'Corrupted',
  'FileUnexpectedEnd',
  'BlobUnexpectedEnd',
  'BlobRequestFailed',
  'IOFailed',
  'Failed',
  'Cancelled',
] as const;
export type RangeStatus = (typeof RANGE_STATUSES)[number];

/** How a blob's metadata or properties went. */
export const SIDE_FILE_STATUSES = [
  'Completed',
  'FileNameInvalid',
  'FileNameTooLong',
  'FileNotFound',
  'FileAccessDenied',
  'Corrupted',
  'XmlReadFailed',
  'XmlWriteFailed',
  'BlobRequestFailed',
  'IOFailed',
  'Failed',
  'Cancelled',
] as const;
export type SideFileStatus = (typeof SIDE_FILE_STATUSES)[number];

export type Many<T> = Iterable<T> | AsyncIterable<T>;

/** A run of bytes of a blob, in bytes from its beginning. */
export interface LogPageRange {
  readonly offset: number;
  readonly length: number;
  /** MD5 of the bytes as hex digits in upper case; absent when it is not known. */
  readonly hash?: string;
  readonly status: RangeStatus;
}

export interface LogBlock extends LogPageRange {
  /** The block's id in Base64; two blocks of one blob may have the same. */
  readonly id?: string;
}

export type LogRanges =
  | { readonly kind: 'pages'; readonly list: Many<LogPageRange> }
  | { readonly kind: 'blocks'; readonly list: Many<LogBlock> };

/** A metadata or properties file of the drive, with its MD5. */
export interface LogPath {
  readonly path: string;
  readonly hash?: string;
}

export interface LogSideFile {
  readonly status: SideFileStatus;
  /** The file that counts for a whole blob list. */
  readonly globalPath?: LogPath;
  /** The file of this blob alone. */
  readonly path?: LogPath;
}

export interface LogBlob<Status extends string = BlobStatus> {
  readonly status: Status;
  /** `container/name`, relative to the account and without a slash in front. */
  readonly blobPath: string;
  /** On the drive, with backslashes, one of them in front. */
  readonly filePath: string;
  /** Export only. */
  readonly snapshot?: string;
  readonly length: number;
  /** Export only; as it stands in the log. */
  readonly lastModified?: string;
  /** Import only. */
  readonly disposition?: { readonly value: Disposition; readonly status: DispositionStatus };
  readonly ranges?: LogRanges;
  readonly metadata?: LogSideFile;
  readonly properties?: LogSideFile;
}

export interface DriveLog<Status extends string = BlobStatus> {
  /** The drive's serial number as the job lists it. */
  readonly driveId: string;
  readonly blobs: Many<LogBlob<Status>>;
  /** Asked for after the last blob: it is the last element of the document. */
  readonly status: () => DriveStatus;
}
