import { errnoOf, isStationError, messageOf, StationError } from '../errors.ts';
import type { StorageRequest } from './azure-errors.ts';

/**
 * A full disk, an unmounted share or a station short of memory: it can get better while we wait, and
 * the drive being copied has nothing to do with it.
 */
const WORTH_WAITING = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'ESTALE',
  'ETIMEDOUT',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENOTCONN',
  'ENODEV',
  'ENXIO',
  'EAGAIN',
  'EBUSY',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
]);
const DENIED = new Set(['EACCES', 'EPERM', 'EROFS']);

/** Errors of the file system in the words of the contract. There is no status, so it is 0. */
export function fromFileSystem(
  error: unknown,
  request: StorageRequest,
  signal: AbortSignal,
): StationError {
  if (isStationError(error)) return error;
  if (signal.aborted) return new StationError('cancelled', 'cancelled', {}, signal.reason);
  const { operation } = request;
  const errno = errnoOf(error) ?? '';
  const detail = messageOf(error);
  const words = `${operation}: ${detail}`;
  if (WORTH_WAITING.has(errno)) {
    return new StationError('storage-unavailable', words, { operation, detail }, error);
  }
  const code = DENIED.has(errno) ? 'storage-unusable' : 'storage-rejected';
  return new StationError(code, words, { operation, status: 0, detail }, error);
}
