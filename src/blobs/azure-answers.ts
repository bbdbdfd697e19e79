import type { BlobGetPropertiesResponse, BlobItem, PageRange as Range } from '@azure/storage-blob';
import { toHex } from '../domain/bytes.ts';
import { StationError } from '../errors.ts';
import { READ_PROPERTIES } from './azure-errors.ts';
import {
  type BlobProperties,
  type BlobType,
  type ListedBlob,
  OCTET_STREAM,
  type PageRange,
  type StoredBlock,
  type WrittenBlob,
} from './contract.ts';

/** The SDK's answers in the words of the contract; what cannot be one is not from a blob store. */

export function propertiesOf(answer: BlobGetPropertiesResponse): BlobProperties {
  const { contentEncoding, contentLanguage, cacheControl } = answer;
  const written = writtenOf(answer, READ_PROPERTIES);
  return {
    ...written,
    type: typeOf(answer.blobType),
    lengthBytes: toldLength(answer.contentLength),
    md5: hexOf(answer.contentMD5),
    contentType: answer.contentType ?? OCTET_STREAM,
    contentEncoding,
    contentLanguage,
    cacheControl,
    metadata: lowerCaseNames(answer.metadata ?? {}),
    sequenceNumber: answer.blobSequenceNumber,
    answeredAt: answer.date ?? written.lastModified,
  };
}

/**
 * A proxy that passes answers on in chunks of its own can leave out how long a blob is. Taken for a length
 * of 0, that would be a fault of the drive. Throws `storage-unusable`.
 */
function toldLength(contentLength: number | undefined): number {
  if (contentLength !== undefined) return contentLength;
  const detail =
    'the answer has no Content-Length; a proxy between the station and the store leaves it out';
  const words = `${READ_PROPERTIES}: ${detail}`;
  throw new StationError('storage-unusable', words, {
    ...{ operation: READ_PROPERTIES, status: 200, detail },
  });
}

/** Every blob has an ETag: an answer without one comes from something in between. */
export function writtenOf(
  answer: { readonly etag?: string | undefined; readonly lastModified?: Date | undefined },
  operation: string,
): WrittenBlob {
  const { etag, lastModified } = answer;
  if (etag !== undefined && lastModified !== undefined) return { etag, lastModified };
  const detail = 'what answers is not a blob store';
  throw new StationError('storage-unavailable', `${operation}: ${detail}`, { operation, detail });
}

export function listedBlob({ name, properties }: BlobItem): ListedBlob {
  const { etag, lastModified } = properties;
  return {
    name,
    type: typeOf(properties.blobType),
    lengthBytes: properties.contentLength ?? 0,
    md5: hexOf(properties.contentMD5),
    // Headers carry it in quotes and listings without.
    etag: etag.startsWith('"') ? etag : `"${etag}"`,
    lastModified,
  };
}

/** `end` is the last byte and not the one after it. */
export function pageRangeOf({ start, end }: Range): PageRange {
  return { offsetBytes: start, lengthBytes: end - start + 1 };
}

export function storedBlocks(
  blocks: readonly { readonly name: string; readonly size: number }[] = [],
): StoredBlock[] {
  return blocks.map(({ name, size }) => ({ id: name, lengthBytes: size }));
}

function typeOf(type: string | undefined): BlobType {
  switch (type) {
    case 'PageBlob':
      return 'page';
    case 'AppendBlob':
      return 'append';
    default:
      return 'block';
  }
}

/** An empty Content-MD5 in a listing means that there is none. */
function hexOf(md5: Uint8Array | undefined): string | undefined {
  return md5 === undefined || md5.length === 0 ? undefined : toHex(md5);
}

function lowerCaseNames(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
