import type { BlockBlobClient, ContainerClient, PageBlobClient } from '@azure/storage-blob';
import type { BlobName } from '../domain/blob-name.ts';
import { fromHex } from '../domain/bytes.ts';
import { isStationError, throwIfCancelled } from '../errors.ts';
import { listedBlob, pageRangeOf, propertiesOf, storedBlocks, writtenOf } from './azure-answers.ts';
import { fromAzure, READ_PROPERTIES } from './azure-errors.ts';
import { headersOf } from './azure-headers.ts';
import { AzureRequests } from './azure-requests.ts';
import type {
  BlobContainer,
  BlobProperties,
  BlobState,
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
  WriteCondition,
  WritePages,
  WrittenBlob,
} from './contract.ts';
import { blobRefusal } from './refusals.ts';
import {
  checkBlobName,
  checkCommit,
  checkCreatePages,
  checkPlace,
  checkPut,
  checkStage,
  checkWritePages,
} from './rules.ts';

/** The most that List Blobs gives in one answer. */
const LIST_MAX_BLOBS = 5000;
/** The most that Get Page Ranges gives in one answer. */
const LIST_MAX_RANGES = 10_000;

/**
 * A container of Azure Blob Storage, or of anything that speaks its REST API.
 *
 * Each method sends one request and never repeats it: the client must come with the SDK's own retries
 * off, because only `withRetry` knows the difference between a store that is away and a drive in
 * trouble. (Only what the first answer leaves open is asked in a second one.) A body goes to the socket
 * from where it lies; neither this class nor the SDK copies it (`test/contract/azure-wire.test.ts`
 * proves it).
 */
export class AzureContainer implements BlobContainer {
  readonly #client: ContainerClient;
  readonly #requests: AzureRequests;

  constructor(client: ContainerClient) {
    this.#client = client;
    this.#requests = new AzureRequests(client);
  }

  urlOf(name: BlobName): string {
    const url = new URL(this.#client.getBlockBlobClient(name).url);
    url.search = '';
    return url.href;
  }

  async ensure(signal: AbortSignal): Promise<void> {
    await this.#requests.createContainer(signal);
  }

  async stageBlock(block: StageBlock, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    checkStage(block);
    const { name, id, body } = block;
    await this.#requests.send({ operation: 'stage block', blob: name }, signal, () =>
      this.#blocks(name).stageBlock(id, body, body.length, {
        abortSignal: signal,
        transactionalContentMD5: fromHex(block.md5),
      }),
    );
  }

  async listBlocks(name: BlobName, signal: AbortSignal): Promise<BlockLists> {
    throwIfCancelled(signal);
    checkBlobName(name, 'list blocks');
    const lists = await this.#blockList(name, signal);
    if (lists === undefined) return { committed: undefined, uncommitted: [] };
    const committed = storedBlocks(lists.committedBlocks);
    const uncommitted = storedBlocks(lists.uncommittedBlocks);
    // An empty list says nothing yet: a blob of no bytes or one that was put has one, and so has a name
    // with nothing but staged blocks. Only the latter has no properties.
    const exists = committed.length > 0 || (await this.#exists(name, signal));
    return { committed: exists ? committed : undefined, uncommitted };
  }

  async commit(blob: CommitBlob, signal: AbortSignal): Promise<WrittenBlob> {
    throwIfCancelled(signal);
    checkCommit(blob);
    const { name, condition, contentMd5 = blob.md5 } = blob;
    const answer = await this.#requests.send(
      { operation: 'commit', blob: name, condition },
      signal,
      () =>
        this.#blocks(name).commitBlockList([...blob.blocks], {
          ...headersOf(blob, contentMd5),
          abortSignal: signal,
        }),
    );
    return writtenOf(answer, 'commit');
  }

  put(blob: PutBlob, signal: AbortSignal): Promise<WrittenBlob> {
    return this.#replacing(blob, signal, async (condition) => {
      checkPut(blob);
      const { name, body, md5 } = blob;
      // Of a block blob the service checks the digest that it is to keep ("Put Blob", Microsoft Learn).
      const answer = await this.#requests.send(
        { operation: 'put', blob: name, condition },
        signal,
        () =>
          this.#blocks(name).upload(body, body.length, {
            ...headersOf({ ...blob, condition }, md5),
            abortSignal: signal,
          }),
      );
      return writtenOf(answer, 'put');
    });
  }

  createPages(blob: CreatePages, signal: AbortSignal): Promise<WrittenBlob> {
    return this.#replacing(blob, signal, async (condition) => {
      checkCreatePages(blob);
      const { name, lengthBytes, contentMd5, sequenceNumber = 0 } = blob;
      const what = { operation: 'create page blob', blob: name, condition };
      const answer = await this.#requests.send(what, signal, () =>
        this.#pages(name).create(lengthBytes, {
          ...headersOf({ ...blob, condition }, contentMd5),
          blobSequenceNumber: sequenceNumber,
          abortSignal: signal,
        }),
      );
      return writtenOf(answer, what.operation);
    });
  }

  async writePages(pages: WritePages, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    checkWritePages(pages);
    const { name, offsetBytes, body, md5, sequenceNumber } = pages;
    await this.#requests.send({ operation: 'write pages', blob: name }, signal, () =>
      this.#pages(name).uploadPages(body, offsetBytes, body.length, {
        abortSignal: signal,
        transactionalContentMD5: fromHex(md5),
        ...(sequenceNumber === undefined
          ? {}
          : { conditions: { ifSequenceNumberEqualTo: sequenceNumber } }),
      }),
    );
  }

  async resetSequence({ name, etag }: BlobState, signal: AbortSignal): Promise<WrittenBlob> {
    throwIfCancelled(signal);
    checkBlobName(name, 'reset sequence');
    const what = { operation: 'reset sequence', blob: name, condition: 'same-etag' } as const;
    const answer = await this.#requests
      .send(what, signal, () =>
        this.#pages(name).updateSequenceNumber('update', 0, {
          abortSignal: signal,
          conditions: { ifMatch: etag },
        }),
      )
      .catch((error) => this.#changedOrMissing(error, name, signal));
    return writtenOf(answer, what.operation);
  }

  async pageRanges(
    { name, from }: ListPageRanges,
    signal: AbortSignal,
  ): Promise<Listing<PageRange>> {
    throwIfCancelled(signal);
    checkBlobName(name, 'list page ranges');
    const answer = await this.#requests.send(
      { operation: 'list page ranges', blob: name },
      signal,
      () =>
        firstPage(
          this.#pages(name)
            .listPageRanges(0, undefined, { abortSignal: signal })
            .byPage(pageSettings(LIST_MAX_RANGES, from)),
        ),
    );
    return {
      items: (answer?.pageRange ?? []).map(pageRangeOf),
      next: answer?.continuationToken || undefined,
    };
  }

  async properties(name: BlobName, signal: AbortSignal): Promise<BlobProperties> {
    throwIfCancelled(signal);
    checkBlobName(name, 'read properties');
    const answer = await this.#requests.send(
      { operation: READ_PROPERTIES, blob: name },
      signal,
      () => this.#blocks(name).getProperties({ abortSignal: signal }),
    );
    return propertiesOf(answer);
  }

  async listBlobs({ prefix, from }: ListBlobs, signal: AbortSignal): Promise<Listing<ListedBlob>> {
    throwIfCancelled(signal);
    const answer = await this.#requests.send({ operation: 'list blobs' }, signal, () =>
      firstPage(
        this.#client
          .listBlobsFlat({ abortSignal: signal, ...(prefix === '' ? {} : { prefix }) })
          .byPage(pageSettings(LIST_MAX_BLOBS, from)),
      ),
    );
    return {
      items: (answer?.segment.blobItems ?? []).map(listedBlob),
      next: answer?.continuationToken || undefined,
    };
  }

  async *read(name: BlobName, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    throwIfCancelled(signal);
    checkBlobName(name, 'read');
    const what = { operation: 'read', blob: name };
    const { readableStreamBody: body } = await this.#requests.send(what, signal, () =>
      this.#blocks(name).download(0, undefined, { abortSignal: signal }),
    );
    try {
      for await (const chunk of body ?? [])
        yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    } catch (error) {
      throw fromAzure(error, what, signal);
    }
  }

  async remove({ name, etag }: BlobState, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    checkBlobName(name, 'remove');
    const what = { operation: 'remove', blob: name, condition: 'same-etag' } as const;
    await this.#requests
      .send(what, signal, () =>
        this.#blocks(name).delete({ abortSignal: signal, conditions: { ifMatch: etag } }),
      )
      .catch((error) => this.#changedOrMissing(error, name, signal));
  }

  /**
   * Put Blob overwrites whatever is there, says the service's documentation, but services are reported
   * that refuse to change a blob's type. There the old blob goes first, and only in the state in which
   * it was met.
   */
  async #replacing(
    { name, condition = 'must-not-exist' }: NewBlob,
    signal: AbortSignal,
    write: (condition: WriteCondition) => Promise<WrittenBlob>,
  ): Promise<WrittenBlob> {
    throwIfCancelled(signal);
    try {
      return await write(condition);
    } catch (error) {
      const mayGo = condition !== 'must-not-exist' && isStationError(error, 'blob-of-other-type');
      if (!mayGo) throw error;
    }
    const { etag } = condition === 'replace' ? await this.properties(name, signal) : condition;
    await this.remove({ name, etag }, signal);
    return await write('must-not-exist');
  }

  #blockList(name: BlobName, signal: AbortSignal) {
    return this.#requests
      .send({ operation: 'list blocks', blob: name }, signal, () =>
        this.#blocks(name).getBlockList('all', { abortSignal: signal }),
      )
      .catch(ignoreMissing);
  }

  async #exists(name: BlobName, signal: AbortSignal): Promise<boolean> {
    return (await this.properties(name, signal).catch(ignoreMissing)) !== undefined;
  }

  /** No blob at all has another etag as well. */
  async #changedOrMissing(error: unknown, name: BlobName, signal: AbortSignal): Promise<never> {
    if (!isStationError(error, 'blob-changed') || (await this.#exists(name, signal))) throw error;
    throw blobRefusal('blob-not-found', name, error);
  }

  #blocks(name: BlobName): BlockBlobClient {
    checkPlace(this.#client.containerName, name);
    return this.#client.getBlockBlobClient(name);
  }

  #pages(name: BlobName): PageBlobClient {
    checkPlace(this.#client.containerName, name);
    return this.#client.getPageBlobClient(name);
  }
}

function ignoreMissing(error: unknown): undefined {
  if (!isStationError(error, 'blob-not-found')) throw error;
}

function pageSettings(maxPageSize: number, from: string | undefined) {
  return { maxPageSize, ...(from === undefined ? {} : { continuationToken: from }) };
}

/** The SDK's iterators would go on by themselves; a page is one request. */
async function firstPage<T>(pages: AsyncIterableIterator<T>): Promise<T | undefined> {
  const page = await pages.next();
  return page.done ? undefined : page.value;
}
