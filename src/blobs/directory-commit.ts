import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, throwIfCancelled } from '../errors.ts';
import { syncPath } from '../sync-path.ts';
import type { CommitBlob, CreatePages, PutBlob, StoredBlock } from './contract.ts';
import { CONTENT, fileOfBlock } from './directory-layout.ts';
import { type BlobRecord, writeRecord } from './directory-record.ts';
import { writeAll, writeSynced } from './durable-file.ts';
import { damagedOnItsWay } from './refusals.ts';
import { refused } from './rules.ts';

/**
 * Makes the directory of a blob, content and properties, apart from where blobs are, all forced to the
 * disk. Renaming it into place is what makes the blob.
 */

/** Read at once while blocks are put together. */
const READ_BYTES = 1024 * 1024;
/** Bytes that are hashed and written between two looks at the signal. */
const SLICE_BYTES = 1024 * 1024;

/**
 * Puts a blob together out of its staged blocks. Throws `checksum-mismatch` when they do not make up
 * the digest that the blob is to have.
 */
export async function assembleBlob(
  blob: CommitBlob,
  places: { readonly staged: string; readonly target: string },
  signal: AbortSignal,
): Promise<BlobRecord> {
  const { staged, target } = places;
  await mkdir(target, { mode: 0o750 });
  const blocks: StoredBlock[] = [];
  const hash = createHash('md5');
  await writeSynced(path.join(target, CONTENT), async (handle) => {
    for (const id of blob.blocks) {
      throwIfCancelled(signal);
      const block = path.join(staged, fileOfBlock(id));
      blocks.push({ id, lengthBytes: await append(block, { handle, hash }, signal) });
    }
  });
  const md5 = hash.digest('hex');
  if ((blob.md5?.toLowerCase() ?? md5) !== md5) throw damagedOnItsWay('commit', blob.name);
  const made = { type: 'block', md5: blob.contentMd5 ?? blob.md5, blocks } as const;
  const record = await writeRecord(target, blob, made);
  await syncPath(target);
  return record;
}

/** A block blob of one body. Both files are forced at once: the disk is asked to wait only once. */
export async function writeWholeBlob(
  blob: PutBlob,
  target: string,
  signal: AbortSignal,
): Promise<BlobRecord> {
  await mkdir(target, { mode: 0o750 });
  const [record] = await settleAll([
    writeRecord(target, blob, { type: 'block', md5: blob.md5, blocks: [] }),
    writeSynced(path.join(target, CONTENT), async (handle) => {
      const md5 = await writeHashed(handle, blob.body, signal);
      if (md5 !== blob.md5.toLowerCase()) throw damagedOnItsWay('put', blob.name);
    }),
  ]);
  await syncPath(target);
  return record;
}

/** A page blob of zeros: a file with nothing in it but its length. */
export async function writeEmptyPages(blob: CreatePages, target: string): Promise<BlobRecord> {
  const { contentMd5: md5, sequenceNumber } = blob;
  await mkdir(target, { mode: 0o750 });
  const [record] = await settleAll([
    writeRecord(target, blob, { type: 'page', md5, blocks: [], sequenceNumber }),
    writeSynced(path.join(target, CONTENT), (handle) => handle.truncate(blob.lengthBytes)),
  ]);
  await syncPath(target);
  return record;
}

/** Writes all of it and gives its MD5, 32 hex digits. */
export async function writeHashed(
  handle: FileHandle,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('md5');
  for (let at = 0; at < body.length; at += SLICE_BYTES) {
    throwIfCancelled(signal);
    const slice = body.subarray(at, at + SLICE_BYTES);
    hash.update(slice);
    await writeAll(handle, slice);
  }
  return hash.digest('hex');
}

/** `Promise.all` that comes back only when nothing is under way any more, so that one can clean up. */
async function settleAll<A, B>(both: readonly [Promise<A>, Promise<B>]): Promise<[A, B]> {
  await Promise.allSettled(both);
  return Promise.all(both);
}

async function append(
  block: string,
  into: { readonly handle: FileHandle; readonly hash: Hash },
  signal: AbortSignal,
): Promise<number> {
  let length = 0;
  try {
    for await (const chunk of createReadStream(block, { signal, highWaterMark: READ_BYTES })) {
      const bytes: Uint8Array = chunk;
      into.hash.update(bytes);
      await writeAll(into.handle, bytes);
      length += bytes.length;
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw refused('commit', 'a block of the list was never staged', error);
  }
  return length;
}
