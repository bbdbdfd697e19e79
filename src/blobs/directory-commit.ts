import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, StationError, throwIfCancelled } from '../errors.ts';
import { type CommitBlob, OCTET_STREAM, type StoredBlock } from './contract.ts';
import { CONTENT, fileOfBlock, PROPERTIES } from './directory-layout.ts';
import { syncDirectory, writeAll, writeSynced } from './durable-file.ts';
import { refused } from './rules.ts';

export interface CommitPlaces {
  /** Where the blocks lie. */
  readonly staged: string;
  /** The directory to make; renaming it into place is what commits the blob. */
  readonly target: string;
}

/** Read at once while blocks are put together. */
const READ_BYTES = 1024 * 1024;

/**
 * Puts a blob together out of its staged blocks: content and properties, all forced to the disk.
 * Throws `checksum-mismatch` when the blocks do not make up the digest that the blob is to carry.
 */
export async function assembleBlob(
  blob: CommitBlob,
  places: CommitPlaces,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(places.target, { mode: 0o750 });
  const blocks: StoredBlock[] = [];
  const hash = createHash('md5');
  await writeSynced(path.join(places.target, CONTENT), async (handle) => {
    for (const id of blob.blocks) {
      throwIfCancelled(signal);
      const block = path.join(places.staged, fileOfBlock(id));
      blocks.push({ id, lengthBytes: await append(block, { handle, hash }, signal) });
    }
  });
  if (hash.digest('hex') !== blob.md5.toLowerCase()) {
    const words = `commit of ${blob.name}: the staged blocks do not have the digest of the blob`;
    throw new StationError('checksum-mismatch', words, { operation: 'commit', blob: blob.name });
  }
  const record = {
    md5: blob.md5.toLowerCase(),
    contentType: blob.contentType ?? OCTET_STREAM,
    metadata: lowerCaseNames(blob.metadata),
    blocks,
  };
  await writeSynced(path.join(places.target, PROPERTIES), (handle) =>
    writeAll(handle, Buffer.from(JSON.stringify(record))),
  );
  await syncDirectory(places.target);
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

/** As headers come back from a service. */
function lowerCaseNames(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
