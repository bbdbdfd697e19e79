import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { BlobName } from '../domain/blob-name.ts';
import { errnoOf, StationError, throwIfCancelled } from '../errors.ts';
import type { StorageRequest } from './azure-errors.ts';
import {
  type BlobContainer,
  type BlobProperties,
  type BlockLists,
  type CommitBlob,
  OCTET_STREAM,
  type StageBlock,
  type StoredBlock,
} from './contract.ts';
import { assembleBlob } from './directory-commit.ts';
import { fromFileSystem } from './directory-errors.ts';
import {
  blockOfFile,
  CONTENT,
  type DirectoryLayout,
  fileOfBlock,
  keyOf,
  layoutOf,
  PROPERTIES,
} from './directory-layout.ts';
import {
  sweepTemporaries,
  syncDirectory,
  temporaryName,
  writeAll,
  writeDurably,
} from './durable-file.ts';
import { checkBlobName, checkCommit, checkStage, refused } from './rules.ts';

export interface DirectoryOptions {
  /** Must exist: an unmounted disk is waited for and never replaced by a new directory. */
  readonly directory: string;
  readonly container: string;
}

/** Bytes that are hashed and written between two looks at the signal. */
const SLICE_BYTES = 1024 * 1024;
/** Block files looked at together when listing: below libuv's queue, above one at a time. */
const STAT_BATCH = 64;

const recordSchema = z.object({
  md5: z.string(),
  contentType: z.string().default(OCTET_STREAM),
  metadata: z.record(z.string(), z.string()),
  blocks: z.array(z.object({ id: z.string(), lengthBytes: z.int().min(0) })),
});
type BlobRecord = z.output<typeof recordSchema>;

/**
 * The blob contract on a local directory: for rehearsals, and for sites without a network. It takes
 * the room of a blob twice while committing. A directory belongs to one station; several processes of
 * that station may use it at once, each with its own blobs.
 */
export class DirectoryContainer implements BlobContainer {
  readonly local = true;
  readonly #directory: string;
  readonly #layout: DirectoryLayout;

  constructor(options: DirectoryOptions) {
    this.#directory = options.directory;
    this.#layout = layoutOf(options.directory, options.container);
  }

  urlOf(name: BlobName): string {
    return pathToFileURL(path.join(this.#blob(name), CONTENT)).href;
  }

  ensure(signal: AbortSignal): Promise<void> {
    return this.#do({ operation: 'create container' }, signal, async () => {
      const { container, staged, blobs } = this.#layout;
      for (const directory of [container, staged, blobs]) await makeDirectory(directory);
    });
  }

  stageBlock(block: StageBlock, signal: AbortSignal): Promise<void> {
    return this.#do({ operation: 'stage block', blob: block.name }, signal, async () => {
      checkStage(block);
      const folder = this.#stagedOf(block.name);
      await makeDirectory(folder);
      await writeDurably(path.join(folder, fileOfBlock(block.id)), async (handle) => {
        const hash = createHash('md5');
        for (let at = 0; at < block.body.length; at += SLICE_BYTES) {
          throwIfCancelled(signal);
          const slice = block.body.subarray(at, at + SLICE_BYTES);
          hash.update(slice);
          await writeAll(handle, slice);
        }
        checkDigest(block, hash.digest('hex'));
        checkLength(block, (await handle.stat()).size);
      });
    });
  }

  listBlocks(name: BlobName, signal: AbortSignal): Promise<BlockLists> {
    return this.#do({ operation: 'list blocks', blob: name }, signal, async () => {
      checkBlobName(name, 'list blocks');
      await access(this.#layout.staged);
      const record = await this.#record(name);
      return { committed: record?.blocks, uncommitted: await stagedIn(this.#stagedOf(name)) };
    });
  }

  commit(blob: CommitBlob, signal: AbortSignal): Promise<void> {
    return this.#do({ operation: 'commit', blob: blob.name }, signal, async () => {
      checkCommit(blob);
      await this.#refuseExisting(blob.name);
      const staged = this.#stagedOf(blob.name);
      await makeDirectory(staged);
      await sweepTemporaries(staged);
      const temporary = path.join(staged, temporaryName());
      try {
        await assembleBlob(blob, { staged, target: temporary }, signal);
        await rename(temporary, this.#blob(blob.name));
      } catch (error) {
        await rm(temporary, { recursive: true, force: true });
        // Whoever committed first has removed the blocks, or holds the name.
        await this.#refuseExisting(blob.name);
        throw error;
      }
      await syncDirectory(this.#layout.blobs);
      await rm(staged, { recursive: true, force: true });
    });
  }

  properties(name: BlobName, signal: AbortSignal): Promise<BlobProperties> {
    return this.#do({ operation: 'read properties', blob: name }, signal, async () => {
      checkBlobName(name, 'read properties');
      const record = await this.#record(name);
      if (record === undefined) throw blobNotFound(name);
      // The length is what is there, not what was written down: a cut file must be seen.
      const { size } = await stat(path.join(this.#blob(name), CONTENT));
      const { md5, contentType, metadata } = record;
      return { lengthBytes: size, md5, contentType, metadata };
    });
  }

  async *read(name: BlobName, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    throwIfCancelled(signal);
    checkBlobName(name, 'read');
    const stream = createReadStream(path.join(this.#blob(name), CONTENT), { signal });
    try {
      for await (const chunk of stream) {
        const bytes: Uint8Array = chunk;
        yield bytes;
      }
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') throw blobNotFound(name);
      throw fromFileSystem(error, { operation: 'read', blob: name }, signal);
    }
  }

  #blob(name: BlobName): string {
    return path.join(this.#layout.blobs, keyOf(name));
  }

  #stagedOf(name: BlobName): string {
    return path.join(this.#layout.staged, keyOf(name));
  }

  async #refuseExisting(name: BlobName): Promise<void> {
    if (!(await exists(this.#blob(name)))) return;
    const words = `${name} exists already and is never replaced`;
    throw new StationError('destination-exists', words, { blob: name });
  }

  async #record(name: BlobName): Promise<BlobRecord | undefined> {
    const text = await unlessMissing(readFile(path.join(this.#blob(name), PROPERTIES), 'utf8'));
    if (text === undefined) return undefined;
    try {
      return recordSchema.parse(JSON.parse(text));
    } catch (cause) {
      throw refused('read properties', `the properties of ${name} are damaged`, cause);
    }
  }

  async #do<T>(request: StorageRequest, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    throwIfCancelled(signal);
    try {
      return await work();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' && !(await exists(this.#directory))) {
        const { operation } = request;
        const detail = `the directory ${this.#directory} is not there`;
        throw new StationError('storage-unavailable', detail, { operation, detail }, error);
      }
      throw fromFileSystem(error, request, signal);
    }
  }
}

function checkDigest(block: StageBlock, md5: string): void {
  if (md5 === block.md5.toLowerCase()) return;
  const words = `stage block of ${block.name}: the bytes did not arrive as they were sent`;
  throw new StationError('checksum-mismatch', words, {
    operation: 'stage block',
    blob: block.name,
  });
}

function checkLength(block: StageBlock, sentBytes: number): void {
  const expectedBytes = block.body.length;
  if (sentBytes === expectedBytes) return;
  const words = `${block.name}: ${sentBytes} of ${expectedBytes} bytes of a block were written`;
  throw new StationError('short-write', words, { blob: block.name, expectedBytes, sentBytes });
}

function blobNotFound(name: BlobName): StationError {
  return new StationError('blob-not-found', `there is no blob ${name}`, { blob: name });
}

/** Makes one directory whose parent must exist, and forces its entry to the disk. */
async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o750 });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    throw error;
  }
  await syncDirectory(path.dirname(directory));
}

async function stagedIn(folder: string): Promise<StoredBlock[]> {
  const files = (await unlessMissing(readdir(folder))) ?? [];
  const blocks: StoredBlock[] = [];
  for (let at = 0; at < files.length; at += STAT_BATCH) {
    const batch = files.slice(at, at + STAT_BATCH).map((file) => stagedBlock(folder, file));
    for (const block of await Promise.all(batch)) if (block !== undefined) blocks.push(block);
  }
  return blocks;
}

async function stagedBlock(folder: string, file: string): Promise<StoredBlock | undefined> {
  const id = blockOfFile(file);
  if (id === undefined) return undefined;
  const found = await unlessMissing(stat(path.join(folder, file)));
  return found && { id, lengthBytes: found.size };
}

async function exists(file: string): Promise<boolean> {
  return (await unlessMissing(stat(file))) !== undefined;
}

async function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
