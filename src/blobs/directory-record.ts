import { randomUUID } from 'node:crypto';
import { type FileHandle, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import {
  type BlobProperties,
  type BlobType,
  type NewBlob,
  OCTET_STREAM,
  type StoredBlock,
  type WrittenBlob,
} from './contract.ts';
import { CONTENT, PROPERTIES } from './directory-layout.ts';
import {
  sweepTemporaries,
  unlessMissing,
  writeAll,
  writeDurably,
  writeSynced,
} from './durable-file.ts';
import { refused } from './rules.ts';

/** `properties.json` of a blob: all that a service would keep beside the bytes. */
const recordSchema = z.object({
  name: z.string().optional(),
  type: z.enum(['block', 'page', 'append']).default('block'),
  /** Drawn when the blob was made. */
  version: z.string().default(''),
  /** How often more than its bytes was changed since. */
  changes: z.int().min(0).default(0),
  md5: z.string().optional(),
  contentType: z.string().default(OCTET_STREAM),
  contentEncoding: z.string().optional(),
  contentLanguage: z.string().optional(),
  cacheControl: z.string().optional(),
  metadata: z.record(z.string(), z.string()),
  /** Of a page blob. */
  sequenceNumber: z.int().min(0).optional(),
  blocks: z.array(z.object({ id: z.string(), lengthBytes: z.int().min(0) })).default([]),
});
export type BlobRecord = z.output<typeof recordSchema>;

/** What a new blob is beside what its maker says. */
export interface Made {
  readonly type: BlobType;
  /** What to keep as Content-MD5. */
  readonly md5: string | undefined;
  readonly blocks: readonly StoredBlock[];
  readonly sequenceNumber?: number | undefined;
}

/** The record of the blob in a directory; `undefined` when there is none. */
export async function readRecord(folder: string): Promise<BlobRecord | undefined> {
  const file = path.join(folder, PROPERTIES);
  const text = await unlessMissing(readFile(file, 'utf8'));
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw refused('read properties', `the properties in ${file} are damaged`, cause);
  }
}

/** Writes the record of a new blob and forces it to the disk. */
export async function writeRecord(folder: string, blob: NewBlob, made: Made): Promise<BlobRecord> {
  const { name, contentEncoding, contentLanguage, cacheControl } = blob;
  const record: BlobRecord = {
    name,
    type: made.type,
    version: randomUUID(),
    changes: 0,
    md5: made.md5?.toLowerCase(),
    contentType: blob.contentType ?? OCTET_STREAM,
    contentEncoding,
    contentLanguage,
    cacheControl,
    metadata: lowerCaseNames(blob.metadata),
    sequenceNumber: made.sequenceNumber,
    blocks: [...made.blocks],
  };
  await writeSynced(path.join(folder, PROPERTIES), (handle) => writeText(handle, record));
  return record;
}

/** Replaces the record of a blob that is in its place: its state is another then. */
export async function rewriteRecord(folder: string, changed: BlobRecord): Promise<BlobRecord> {
  const record = { ...changed, changes: changed.changes + 1 };
  await sweepTemporaries(folder);
  await writeDurably(path.join(folder, PROPERTIES), (handle) => writeText(handle, record));
  return record;
}

function writeText(handle: FileHandle, record: BlobRecord): Promise<void> {
  return writeAll(handle, Buffer.from(JSON.stringify(record)));
}

/**
 * The state of a blob. The time of the last write is in the etag beside the version of the record, so
 * that pages which were written show, and so does a file that somebody edited.
 */
export async function stateOf(
  folder: string,
  { version, changes }: BlobRecord,
): Promise<WrittenBlob & { readonly lengthBytes: number }> {
  const { size, mtimeNs } = await stat(path.join(folder, CONTENT), { bigint: true });
  return {
    etag: `"${version}-${mtimeNs.toString(36)}-${changes}"`,
    lastModified: wholeSeconds(Number(mtimeNs / 1_000_000n)),
    // The length is what is there, not what was written down: a cut file must be seen.
    lengthBytes: Number(size),
  };
}

export async function propertiesIn(folder: string, record: BlobRecord): Promise<BlobProperties> {
  const { name: _, version: __, changes: ___, blocks: ____, ...told } = record;
  const { contentEncoding, contentLanguage, cacheControl, md5 } = told;
  const sequenceNumber = record.type === 'page' ? (record.sequenceNumber ?? 0) : undefined;
  return {
    ...told,
    md5,
    contentEncoding,
    contentLanguage,
    cacheControl,
    sequenceNumber,
    ...(await stateOf(folder, record)),
    answeredAt: wholeSeconds(Date.now()),
  };
}

function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

/** As headers come back from a service. */
function lowerCaseNames(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
