import type { BlobName } from '../domain/blob-name.ts';
import { StationError } from '../errors.ts';

/** What all stores say of one blob, in the same words. */

type BlobCode =
  | 'destination-exists'
  | 'blob-leased'
  | 'blob-of-other-type'
  | 'blob-changed'
  | 'blocks-in-the-way'
  | 'blob-not-found';

const WORDS: { readonly [Code in BlobCode]: (blob: string) => string } = {
  'destination-exists': (blob) => `${blob} exists already and is not to be replaced`,
  'blob-leased': (blob) => `somebody else holds a lease on ${blob}`,
  'blob-of-other-type': (blob) => `${blob} is a blob of another type`,
  'blob-changed': (blob) => `${blob} was changed by somebody else in the meantime`,
  'blocks-in-the-way': (blob) => `blocks with ids of another length are staged under ${blob}`,
  'blob-not-found': (blob) => `there is no blob ${blob}`,
};

export function blobRefusal(
  code: BlobCode,
  blob: BlobName | string,
  cause?: unknown,
): StationError {
  return new StationError(code, WORDS[code](blob), { blob }, cause);
}

export function damagedOnItsWay(operation: string, blob: string, cause?: unknown): StationError {
  const words = `${operation} of ${blob}: the bytes did not arrive as they were sent`;
  return new StationError('checksum-mismatch', words, { operation, blob }, cause);
}
