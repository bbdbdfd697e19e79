import { isStationError, StationError, type VolumeRefusal } from '../errors.ts';

/** The words of a copy log for a drive that cannot be opened (reference, 4.2, "Drive status"). */
export type CopyStatus = VolumeRefusal['status'];

export interface Refusal {
  readonly status: CopyStatus;
  /** What is wrong, in words that the customer understands; nothing of a key. */
  readonly words: string;
}

/** A drive that cannot be opened as it is, whatever the station does. */
export function refuse(
  { status, words }: Refusal,
  cause?: unknown,
): StationError<'volume-refused'> {
  return new StationError('volume-refused', words, { status }, cause);
}

/** The status of a blob whose file cannot be opened (reference, 4.2, "Blob status"). */
export type FileStatus =
  | 'FileNameInvalid'
  | 'FileNameTooLong'
  | 'FileNotFound'
  | 'FileAccessDenied'
  | 'IOFailed';

/** What a copy log says of an error of `openFile` or `parseVolumePath`; `undefined` for any other. */
export function fileStatusOf(error: unknown): FileStatus | undefined {
  if (isStationError(error, 'file-name-invalid')) return 'FileNameInvalid';
  if (isStationError(error, 'file-name-too-long')) return 'FileNameTooLong';
  if (isStationError(error, 'file-not-found')) return 'FileNotFound';
  if (isStationError(error, 'file-access-denied')) return 'FileAccessDenied';
  if (isStationError(error, 'file-read-failed')) return 'IOFailed';
  return undefined;
}
