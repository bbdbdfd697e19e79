import { createReadStream } from 'node:fs';
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BlobName } from '../domain/blob-name.ts';
import { errnoOf, StationError, throwIfCancelled } from '../errors.ts';
import { syncPath } from '../sync-path.ts';
import type { StorageRequest } from './azure-errors.ts';
import type {
  BlobContainer,
  BlobProperties,
  BlobState,
  BlobType,
  BlockLists,
  CommitBlob,
  CreatePages,
  ListBlobs,
  ListedBlob,
  Listing,
  ListPageRanges,
  NewBlob,
  PageRange,
  PutBlob,
  StageBlock,
  StoredBlock,
  WritePages,
  WrittenBlob,
} from './contract.ts';
import { forgetOldBlocks } from './directory-aging.ts';
import { assembleBlob, writeEmptyPages, writeHashed, writeWholeBlob } from './directory-commit.ts';
import { fromFileSystem } from './directory-errors.ts';
import {
  blockOfFile,
  CONTENT,
  type DirectoryLayout,
  fileOfBlock,
  keyOf,
  layoutOf,
} from './directory-layout.ts';
import { DirectoryListing } from './directory-listing.ts';
import { writeInto, writtenRanges } from './directory-pages.ts';
import {
  type BlobRecord,
  propertiesIn,
  readRecord,
  rewriteRecord,
  stateOf,
} from './directory-record.ts';
import { sweepTemporaries, temporaryName, unlessMissing, writeDurably } from './durable-file.ts';
import { GroupSync } from './group-sync.ts';
import { blobRefusal, damagedOnItsWay } from './refusals.ts';
import {
  checkBlobName,
  checkCommit,
  checkCreatePages,
  checkPlace,
  checkPut,
  checkStage,
  checkWritePages,
} from './rules.ts';

export interface DirectoryOptions {
  /** Must exist: an unmounted disk is waited for and never replaced by a new directory. */
  readonly directory: string;
  readonly container: string;
}

/** Block files looked at together when listing: below libuv's queue, above one at a time. */
const STAT_BATCH = 64;

/**
 * The blob contract on a local directory: for rehearsals, and for sites without a network. It takes
 * the room of a blob twice while committing. A directory belongs to one station; several processes of
 * that station may use it at once, each with its own blobs.
 *
 * A blob appears whole, by one rename. One that replaces another needs two, as no rename replaces a
 * directory: for a moment the name has no blob, and a power cut in that moment leaves it so until the
 * copy comes again.
 */
export class DirectoryContainer implements BlobContainer {
  readonly local = true;
  readonly #options: DirectoryOptions;
  readonly #layout: DirectoryLayout;
  readonly #listing: DirectoryListing;
  readonly #syncs = new GroupSync(syncPath);

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#layout = layoutOf(options.directory, options.container);
    this.#listing = new DirectoryListing(this.#layout.blobs);
  }

  urlOf(name: BlobName): string {
    return pathToFileURL(path.join(this.#blob(name), CONTENT)).href;
  }

  ensure(signal: AbortSignal): Promise<void> {
    return this.#do({ operation: 'create container' }, signal, async () => {
      const { container, staged, unfinished, blobs } = this.#layout;
      for (const directory of [container, staged, unfinished, blobs]) {
        await makeDirectory(directory);
      }
      // Whoever made them first may have been killed before their names were safe.
      await syncPath(container);
      await syncPath(this.#options.directory);
      await sweepTemporaries(unfinished);
      await forgetOldBlocks(staged);
    });
  }

  stageBlock(block: StageBlock, signal: AbortSignal): Promise<void> {
    return this.#do({ operation: 'stage block', blob: block.name }, signal, async () => {
      checkStage(block);
      await this.#recordOf(block.name, 'block');
      const folder = this.#stagedOf(block.name);
      await makeDirectory(folder);
      await writeDurably(path.join(folder, fileOfBlock(block.id)), async (handle) => {
        const md5 = await writeHashed(handle, block.body, signal);
        if (md5 !== block.md5.toLowerCase()) throw damagedOnItsWay('stage block', block.name);
        checkLength(block, (await handle.stat()).size);
      });
    });
  }

  listBlocks(name: BlobName, signal: AbortSignal): Promise<BlockLists> {
    return this.#do({ operation: 'list blocks', blob: name }, signal, async () => {
      checkBlobName(name, 'list blocks');
      await access(this.#layout.staged);
      const record = await this.#recordOf(name, 'block');
      return { committed: record?.blocks, uncommitted: await stagedIn(this.#stagedOf(name)) };
    });
  }

  commit(blob: CommitBlob, signal: AbortSignal): Promise<WrittenBlob> {
    return this.#do({ operation: 'commit', blob: blob.name }, signal, async () => {
      checkCommit(blob);
      await this.#refuseExisting(blob);
      await this.#recordOf(blob.name, 'block');
      const staged = this.#stagedOf(blob.name);
      await sweepTemporaries(staged);
      return await this.#make(blob, (target) => assembleBlob(blob, { staged, target }, signal));
    });
  }

  put(blob: PutBlob, signal: AbortSignal): Promise<WrittenBlob> {
    return this.#do({ operation: 'put', blob: blob.name }, signal, async () => {
      checkPut(blob);
      await this.#refuseExisting(blob);
      return await this.#make(blob, (target) => writeWholeBlob(blob, target, signal));
    });
  }

  createPages(blob: CreatePages, signal: AbortSignal): Promise<WrittenBlob> {
    return this.#do({ operation: 'create page blob', blob: blob.name }, signal, async () => {
      checkCreatePages(blob);
      await this.#refuseExisting(blob);
      return await this.#make(blob, (target) => writeEmptyPages(blob, target));
    });
  }

  writePages(pages: WritePages, signal: AbortSignal): Promise<void> {
    return this.#do({ operation: 'write pages', blob: pages.name }, signal, async () => {
      checkWritePages(pages);
      const { sequenceNumber: has = 0 } = await this.#existing(pages.name, 'page');
      if ((pages.sequenceNumber ?? has) !== has) throw blobRefusal('blob-changed', pages.name);
      await writeInto(this.#blob(pages.name), pages, this.#syncs);
    });
  }

  resetSequence(blob: BlobState, signal: AbortSignal): Promise<WrittenBlob> {
    return this.#do({ operation: 'reset sequence', blob: blob.name }, signal, async () => {
      checkBlobName(blob.name, 'reset sequence');
      const record = await this.#inState(blob, 'page');
      const folder = this.#blob(blob.name);
      const changed = await rewriteRecord(folder, { ...record, sequenceNumber: 0 });
      const { etag, lastModified } = await stateOf(folder, changed);
      return { etag, lastModified };
    });
  }

  pageRanges({ name }: ListPageRanges, signal: AbortSignal): Promise<Listing<PageRange>> {
    return this.#do({ operation: 'list page ranges', blob: name }, signal, async () => {
      checkBlobName(name, 'list page ranges');
      await this.#existing(name, 'page');
      return { items: await writtenRanges(this.#blob(name)), next: undefined };
    });
  }

  properties(name: BlobName, signal: AbortSignal): Promise<BlobProperties> {
    return this.#do({ operation: 'read properties', blob: name }, signal, async () => {
      checkBlobName(name, 'read properties');
      return await propertiesIn(this.#blob(name), await this.#existing(name));
    });
  }

  listBlobs(request: ListBlobs, signal: AbortSignal): Promise<Listing<ListedBlob>> {
    return this.#do({ operation: 'list blobs' }, signal, () => this.#listing.part(request));
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
      if (errnoOf(error) === 'ENOENT') throw blobRefusal('blob-not-found', name, error);
      throw fromFileSystem(error, { operation: 'read', blob: name }, signal);
    }
  }

  remove(blob: BlobState, signal: AbortSignal): Promise<void> {
    const { name } = blob;
    return this.#do({ operation: 'remove', blob: name }, signal, async () => {
      checkBlobName(name, 'remove');
      await this.#inState(blob);
      const aside = await this.#setAside(name);
      await this.#syncs.sync(this.#layout.blobs);
      await this.#discard(aside, this.#stagedOf(name));
    });
  }

  #blob(name: BlobName): string {
    checkPlace(this.#options.container, name);
    return path.join(this.#layout.blobs, keyOf(name));
  }

  #stagedOf(name: BlobName): string {
    return path.join(this.#layout.staged, keyOf(name));
  }

  #temporary(): string {
    return path.join(this.#layout.unfinished, temporaryName());
  }

  /** The record of a blob that must be of this type if there is one. */
  async #recordOf(name: BlobName, type?: BlobType): Promise<BlobRecord | undefined> {
    const record = await readRecord(this.#blob(name));
    const isOther = record !== undefined && type !== undefined && record.type !== type;
    if (isOther) throw blobRefusal('blob-of-other-type', name);
    return record;
  }

  async #existing(name: BlobName, type?: BlobType): Promise<BlobRecord> {
    const record = await this.#recordOf(name, type);
    if (record === undefined) throw blobRefusal('blob-not-found', name);
    return record;
  }

  /** The record of a blob that must be in this state. */
  async #inState({ name, etag }: BlobState, type?: BlobType): Promise<BlobRecord> {
    const record = await this.#existing(name, type);
    if ((await stateOf(this.#blob(name), record)).etag === etag) return record;
    throw blobRefusal('blob-changed', name);
  }

  async #refuseExisting({ name, condition }: NewBlob): Promise<void> {
    if (condition === 'replace') return;
    const isFitting =
      typeof condition === 'object'
        ? (await this.#etagOf(name)) === condition.etag
        : !(await exists(this.#blob(name)));
    if (!isFitting) throw blobRefusal('destination-exists', name);
  }

  async #etagOf(name: BlobName): Promise<string | undefined> {
    const record = await this.#recordOf(name);
    return record === undefined ? undefined : (await stateOf(this.#blob(name), record)).etag;
  }

  /** Makes a blob apart and puts it in its place; what was staged under the name is spent then. */
  async #make(blob: NewBlob, write: (target: string) => Promise<BlobRecord>): Promise<WrittenBlob> {
    const temporary = this.#temporary();
    try {
      const { etag, lastModified } = await stateOf(temporary, await write(temporary));
      const aside = await this.#publish(temporary, blob);
      await this.#syncs.sync(this.#layout.blobs);
      await this.#discard(this.#stagedOf(blob.name), aside);
      return { etag, lastModified };
    } catch (error) {
      await this.#discard(temporary);
      // Whoever committed first has removed the blocks, or holds the name.
      await this.#refuseExisting(blob);
      throw error;
    }
  }

  /** Gives where the blob is now that had the name before. */
  async #publish(temporary: string, blob: NewBlob): Promise<string | undefined> {
    let aside: string | undefined;
    for (;;) {
      try {
        await rename(temporary, this.#blob(blob.name));
        return aside;
      } catch (error) {
        const isTaken = errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST';
        if (!isTaken || (blob.condition ?? 'must-not-exist') === 'must-not-exist') throw error;
      }
      aside = await this.#setAside(blob.name);
    }
  }

  /** Takes a blob out of its place; `undefined` when somebody else did. */
  async #setAside(name: BlobName): Promise<string | undefined> {
    const aside = this.#temporary();
    return await unlessMissing(rename(this.#blob(name), aside).then(() => aside));
  }

  async #discard(...folders: readonly (string | undefined)[]): Promise<void> {
    for (const folder of folders) {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    }
  }

  async #do<T>(request: StorageRequest, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    throwIfCancelled(signal);
    try {
      return await work();
    } catch (error) {
      const { directory } = this.#options;
      if (errnoOf(error) === 'ENOENT' && !(await exists(directory))) {
        const { operation } = request;
        const detail = `the directory ${directory} is not there`;
        throw new StationError('storage-unavailable', detail, { operation, detail }, error);
      }
      throw fromFileSystem(error, request, signal);
    }
  }
}

function checkLength(block: StageBlock, sentBytes: number): void {
  const expectedBytes = block.body.length;
  if (sentBytes === expectedBytes) return;
  const words = `${block.name}: ${sentBytes} of ${expectedBytes} bytes of a block were written`;
  throw new StationError('short-write', words, { blob: block.name, expectedBytes, sentBytes });
}

/** Makes one directory whose parent must exist, and forces its entry to the disk. */
async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o750 });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    throw error;
  }
  await syncPath(path.dirname(directory));
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
