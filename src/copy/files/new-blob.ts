import { lookFor } from '../../blobs/clear-name.ts';
import {
  type BlobProperties,
  type BlobType,
  OCTET_STREAM,
  type WriteCondition,
} from '../../blobs/contract.ts';
import { isAsExpected } from '../../blobs/expected-blob.ts';
import type { BlobName } from '../../domain/blob-name.ts';
import { fromBase64, toHex } from '../../domain/bytes.ts';
import type { FileCopy } from './context.ts';
import type { Intent } from './journal.ts';
import { type Place, replaces } from './place.ts';

/** What a blob of a file carries besides its bytes, as the store is told. */
export function headersOf({ side }: FileCopy) {
  const { contentMd5: _base64, ...headers } = side.headers;
  return { ...headers, metadata: side.metadata };
}

/** The digest that the customer wants the blob to carry, 32 hex digits; `undefined`: says nothing. */
export function wantedMd5({ side }: FileCopy): string | undefined {
  const bytes = fromBase64(side.headers.contentMd5 ?? '');
  return bytes?.length === 16 ? toHex(bytes) : undefined;
}

/**
 * Only what was looked at is replaced: it can have become another blob since, and a request that arrives
 * again after hours must not undo what was written into the place in the meantime.
 */
export function conditionOf(place: Place): WriteCondition {
  const { found } = place;
  if (!replaces(place)) return 'must-not-exist';
  return found === undefined ? 'replace' : { etag: found.etag };
}

/** A blob as it is to be when it was written whole. */
export interface Expected {
  readonly type: BlobType;
  readonly lengthBytes: number;
  readonly contentMd5?: string;
  /** Of a page blob into which we write. */
  readonly sequenceNumber?: number;
}

/** Whether a blob is the one that an attempt before this one was about to write. */
export function isOwn(
  copy: FileCopy,
  { found, intent, expected }: { found: BlobProperties; intent: Intent; expected: Expected },
): boolean {
  const name: BlobName = copy.item.name;
  const sinceMs = copy.context.now() - intent.at;
  const contentType = copy.side.headers.contentType ?? OCTET_STREAM;
  return isAsExpected(found, { name, ...headersOf(copy), contentType, ...expected }, sinceMs);
}

/** The same of a block blob, whatever was read then: of a disk that told rubbish the file reads otherwise now. */
export function isAsIntended(copy: FileCopy, found: BlobProperties, intent: Intent): boolean {
  if (intent.md5 === undefined) return false;
  const { lengthBytes } = found;
  const expected = { type: 'block', lengthBytes, contentMd5: intent.md5 } as const;
  return isOwn(copy, { found, intent, expected });
}

/**
 * Asks the store again what it now holds under the name. Gives what is wrong with it, in words. A page
 * blob has another etag after each write, and is known by its number there.
 */
export async function readBack(
  { container }: FileCopy,
  { name, expected, etag }: { name: BlobName; expected: Expected; etag?: string | undefined },
  signal: AbortSignal,
): Promise<string | undefined> {
  const found = await lookFor(container, name, signal);
  if (found === undefined) return 'the store no longer has the blob';
  if (found.type !== expected.type) return `the store holds a ${found.type} blob`;
  if (found.lengthBytes !== expected.lengthBytes) {
    return `the store holds ${found.lengthBytes} bytes, the plan has ${expected.lengthBytes}`;
  }
  if (found.md5 !== expected.contentMd5) {
    return `the store says MD5 ${found.md5 ?? 'none'}, the drive ${expected.contentMd5 ?? 'none'}`;
  }
  const { sequenceNumber = found.sequenceNumber } = expected;
  const isOther = found.sequenceNumber !== sequenceNumber;
  const isTouched = isOther || (etag !== undefined && found.etag !== etag);
  return isTouched ? 'the blob was changed by somebody else at once' : undefined;
}
