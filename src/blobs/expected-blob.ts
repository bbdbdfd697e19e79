import type { BlobName } from '../domain/blob-name.ts';
import { type BlobProperties, type BlobType, type NewBlob, OCTET_STREAM } from './contract.ts';

/** What a blob looks like when a request of ours made it. */
export interface ExpectedBlob extends NewBlob {
  readonly type: BlobType;
  /** Where the request told it. */
  readonly lengthBytes?: number;
  readonly contentMd5?: string;
  readonly blocks?: readonly string[];
  readonly sequenceNumber?: number;
}

/** The same blob with the sequence number 0. */
export function resetOf(name: BlobName, { md5, ...was }: BlobProperties): ExpectedBlob {
  const { contentEncoding, contentLanguage, cacheControl, ...others } = was;
  return {
    ...{ ...others, name, sequenceNumber: 0 },
    ...(md5 === undefined ? {} : { contentMd5: md5 }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
    ...(contentLanguage === undefined ? {} : { contentLanguage }),
    ...(cacheControl === undefined ? {} : { cacheControl }),
  };
}

/** Last-Modified and Date are whole seconds, each cut by itself. */
const ROUNDING_MS = 1000;

/**
 * Whether a blob that was found is what a request without an answer was to make: alike in all that was
 * sent, and no older than the request. Both times of its age are the store's, so clocks may differ.
 * Somebody else's blob passes only when it is equal in every respect and was made in the same moments.
 */
export function isAsExpected(
  found: BlobProperties,
  expected: ExpectedBlob,
  sinceMs: number,
): boolean {
  const ageMs = found.answeredAt.getTime() - found.lastModified.getTime();
  return (
    ageMs <= sinceMs + ROUNDING_MS &&
    found.type === expected.type &&
    found.lengthBytes === (expected.lengthBytes ?? found.lengthBytes) &&
    found.md5 === expected.contentMd5?.toLowerCase() &&
    found.contentType === (expected.contentType ?? OCTET_STREAM) &&
    found.contentEncoding === expected.contentEncoding &&
    found.contentLanguage === expected.contentLanguage &&
    found.cacheControl === expected.cacheControl &&
    found.sequenceNumber === (expected.sequenceNumber ?? found.sequenceNumber) &&
    hasMetadata(found, expected.metadata)
  );
}

function hasMetadata(found: BlobProperties, expected: Readonly<Record<string, string>>): boolean {
  const entries = Object.entries(expected);
  return (
    entries.length === Object.keys(found.metadata).length &&
    entries.every(([name, value]) => found.metadata[name.toLowerCase()] === value)
  );
}
