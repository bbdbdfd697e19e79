import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
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
import { unlessMissing, writeAll, writeSynced } from './durable-file.ts';
import { refused } from './rules.ts';

/** `properties.json` of a blob: all that a service would keep beside the bytes. */
const recordSchema = z.object({
  name: z.string().optional(),
  type: z.enum(['block', 'page', 'append']).default('block'),
  /** Drawn when the blob was made. */
  version: z.string().default(''),
  md5: z.string().optional(),
  contentType: z.string().default(OCTET_STREAM),
  contentEncoding: z.string().optional(),
  contentLanguage: z.string().optional(),
  cacheControl: z.string().optional(),
  metadata: z.record(z.string(), z.string()),
  blocks: z.array(z.object({ id: z.string(), lengthBytes: z.int().min(0) })).default([]),
});
export type BlobRecord = z.output<typeof recordSchema>;

/** What a new blob is beside what its maker says. */
export interface Made {
  readonly type: BlobType;
  /** What to keep as Content-MD5. */
  readonly md5: string | undefined;
  readonly blocks: readonly StoredBlock[];
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
    md5: made.md5?.toLowerCase(),
    contentType: blob.contentType ?? OCTET_STREAM,
    contentEncoding,
    contentLanguage,
    cacheControl,
    metadata: lowerCaseNames(blob.metadata),
    blocks: [...made.blocks],
  };
  await writeSynced(path.join(folder, PROPERTIES), (handle) =>
    writeAll(handle, Buffer.from(JSON.stringify(record))),
  );
  return record;
}

/**
 * The state of the content. The time of the last write is in the etag beside the version of the record,
 * so that pages which were written show, and so does a file that somebody edited.
 */
export async function stateOf(
  folder: string,
  { version }: BlobRecord,
): Promise<WrittenBlob & { readonly lengthBytes: number }> {
  const { size, mtimeNs } = await stat(path.join(folder, CONTENT), { bigint: true });
  return {
    etag: `"${version}-${mtimeNs.toString(36)}"`,
    lastModified: wholeSeconds(Number(mtimeNs / 1_000_000n)),
    // The length is what is there, not what was written down: a cut file must be seen.
    lengthBytes: Number(size),
  };
}

export async function propertiesIn(folder: string, record: BlobRecord): Promise<BlobProperties> {
  const { name: _, version: __, blocks: ___, ...told } = record;
  const { contentEncoding, contentLanguage, cacheControl, md5 } = told;
  return {
    ...told,
    md5,
    contentEncoding,
    contentLanguage,
    cacheControl,
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
