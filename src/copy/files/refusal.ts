import type { DriveStatus } from '../../domain/copy-status.ts';
import { isStationError, messageOf, StationError } from '../../errors.ts';

/** A drive that cannot be copied as it is: an end with a status of the copy log, and no fault. */
export interface Refusal {
  readonly status: DriveStatus;
  readonly words: string;
}

export function driveRefused(
  status: DriveStatus,
  words: string,
  cause?: unknown,
): StationError<'drive-refused'> {
  return new StationError('drive-refused', words, { status }, cause);
}

/** What an error says of the drive; `undefined` for trouble that is not the drive's own. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (isStationError(error, 'drive-refused', 'volume-refused')) {
    return { status: error.payload.status, words: error.message };
  }
  return undefined;
}

/** The manifest's part of the drive statuses, for what opening and reading it throws. */
export function manifestRefusal(error: unknown): Error | undefined {
  const status = manifestStatusOf(error);
  if (status === undefined) return undefined;
  return driveRefused(status, `the drive's manifest: ${messageOf(error)}`, error);
}

function manifestStatusOf(error: unknown): DriveStatus | undefined {
  if (isStationError(error, 'manifest-corrupted')) return 'ManifestCorrupted';
  if (isStationError(error, 'manifest-invalid')) return 'ManifestFormatInvalid';
  if (isStationError(error, 'file-name-invalid')) return 'ManifestNameInvalid';
  if (isStationError(error, 'file-name-too-long')) return 'ManifestNameTooLong';
  if (isStationError(error, 'file-not-found')) return 'ManifestNotFound';
  if (isStationError(error, 'file-access-denied')) return 'ManifestAccessDenied';
  if (isStationError(error, 'file-read-failed')) return 'ReadManifestFailed';
  return undefined;
}

/** Only before anything was copied can a drive be refused as a whole. */
export async function unlessRefused<T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly refusal: Refusal }> {
  try {
    return { value: await work() };
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return { refusal };
  }
}
