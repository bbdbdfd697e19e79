import type { BlobHTTPHeaders } from '@azure/storage-blob';
import { fromHex } from '../domain/bytes.ts';
import { type NewBlob, OCTET_STREAM } from './contract.ts';

/** What a new blob carries and demands, as the SDK wants to be told. */
export function headersOf(blob: NewBlob, contentMd5: string | undefined) {
  const blobHTTPHeaders: BlobHTTPHeaders = {
    blobContentType: blob.contentType ?? OCTET_STREAM,
    ...(blob.contentEncoding === undefined ? {} : { blobContentEncoding: blob.contentEncoding }),
    ...(blob.contentLanguage === undefined ? {} : { blobContentLanguage: blob.contentLanguage }),
    ...(blob.cacheControl === undefined ? {} : { blobCacheControl: blob.cacheControl }),
    ...(contentMd5 === undefined ? {} : { blobContentMD5: fromHex(contentMd5) }),
  };
  return {
    blobHTTPHeaders,
    metadata: { ...blob.metadata },
    conditions: conditionsOf(blob),
  };
}

function conditionsOf({ condition }: NewBlob) {
  if (condition === 'replace') return {};
  return typeof condition === 'object' ? { ifMatch: condition.etag } : { ifNoneMatch: '*' };
}
