import { describe, expect, it } from 'vitest';
import type { BlobProperties } from '../../../src/blobs/contract.ts';
import { type ExpectedBlob, isAsExpected } from '../../../src/blobs/expected-blob.ts';
import { blobName } from '../../contract/blobs.ts';

const MD5 = '900150983cd24fb0d6963f7d28e17f72';

const expected: ExpectedBlob = {
  name: blobName('report.pdf'),
  type: 'block',
  lengthBytes: 3,
  contentMd5: MD5.toUpperCase(),
  contentType: 'application/pdf',
  metadata: { Place: 'Uyuni' },
};
const found: BlobProperties = {
  type: 'block',
  lengthBytes: 3,
  md5: MD5,
  contentType: 'application/pdf',
  contentEncoding: undefined,
  contentLanguage: undefined,
  cacheControl: undefined,
  metadata: { place: 'Uyuni' },
  sequenceNumber: undefined,
  etag: '"0x1"',
  lastModified: new Date('2026-11-23T04:00:00Z'),
  answeredAt: new Date('2026-11-23T04:00:05Z'),
};

describe('a blob that is there after a lost answer', () => {
  it('is ours when it is all that we sent and no older than our request', () => {
    expect(isAsExpected(found, expected, 5000)).toBe(true);
    // Both times are cut to seconds, which can make it look one second older.
    expect(isAsExpected(found, expected, 4001)).toBe(true);
  });

  it('is somebody else’s when it is older, whatever our own clock says', () => {
    expect(isAsExpected(found, expected, 3999)).toBe(false);
  });

  it.each<Partial<BlobProperties>>([
    { type: 'page' },
    { lengthBytes: 4 },
    { md5: undefined },
    { contentType: 'text/plain' },
    { contentEncoding: 'gzip' },
    { contentLanguage: 'de' },
    { cacheControl: 'no-cache' },
    { metadata: {} },
    { metadata: { place: 'La Paz' } },
    { metadata: { place: 'Uyuni', more: 'x' } },
  ])('is somebody else’s with %j', (difference) => {
    expect(isAsExpected({ ...found, ...difference }, expected, 60_000)).toBe(false);
  });

  it('is somebody else’s with another sequence number than the one that it was given', () => {
    const page = { ...found, type: 'page', sequenceNumber: 7 } as const;
    const made = { ...expected, type: 'page', sequenceNumber: 7 } as const;
    expect(isAsExpected(page, made, 60_000)).toBe(true);
    expect(isAsExpected({ ...page, sequenceNumber: 0 }, made, 60_000)).toBe(false);
  });
});
