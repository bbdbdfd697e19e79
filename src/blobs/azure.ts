import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import type { BlobName } from '../domain/blob-name.ts';
import { fromHex, toHex } from '../domain/bytes.ts';
import { isStationError, StationError, throwIfCancelled } from '../errors.ts';
import { fromAzure, type StorageRequest } from './azure-errors.ts';
import {
  type BlobContainer,
  type BlobProperties,
  type BlockLists,
  type CommitBlob,
  OCTET_STREAM,
  type StageBlock,
  type StoredBlock,
} from './contract.ts';
import { checkBlobName, checkCommit, checkStage } from './rules.ts';

/** A name that no copy uses, asked for only to see how the store answers. */
const PROBE_NAME = 'drive-station-probe';

/**
 * A container of Azure Blob Storage, or of anything that speaks its REST API.
 *
 * Each method sends one request and never repeats it: the client must come with the SDK's own retries
 * off, because only `withRetry` knows the difference between a store that is away and a drive in
 * trouble. A staged body goes to the socket from where it lies; neither this class nor the SDK copies
 * it (`test/contract/azure-wire.test.ts` proves it).
 */
export class AzureContainer implements BlobContainer {
  readonly #client: ContainerClient;

  constructor(client: ContainerClient) {
    this.#client = client;
  }

  urlOf(name: BlobName): string {
    const url = new URL(this.#client.getBlockBlobClient(name).url);
    url.search = '';
    return url.href;
  }

  async ensure(signal: AbortSignal): Promise<void> {
    try {
      await request({ operation: 'create container' }, signal, () =>
        this.#client.createIfNotExists({ abortSignal: signal }),
      );
    } catch (error) {
      // A SAS for one container may not create it. Whether it lets us work shows at the first question.
      if (!isStationError(error, 'storage-denied')) throw error;
      await this.#probe(signal);
    }
  }

  async stageBlock(block: StageBlock, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    checkStage(block);
    const { name, id, body } = block;
    await request({ operation: 'stage block', blob: name }, signal, () =>
      this.#client.getBlockBlobClient(name).stageBlock(id, body, body.length, {
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
    // An empty list says nothing yet: a blob of no bytes has one, and so has a name with nothing but
    // staged blocks. Only the former has properties.
    const exists = committed.length > 0 || (await this.#exists(name, signal));
    return { committed: exists ? committed : undefined, uncommitted };
  }

  async commit(blob: CommitBlob, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    checkCommit(blob);
    await request({ operation: 'commit', blob: blob.name }, signal, () =>
      this.#client.getBlockBlobClient(blob.name).commitBlockList([...blob.blocks], {
        abortSignal: signal,
        blobHTTPHeaders: {
          blobContentMD5: fromHex(blob.md5),
          blobContentType: blob.contentType ?? OCTET_STREAM,
        },
        metadata: { ...blob.metadata },
        conditions: { ifNoneMatch: '*' },
      }),
    );
  }

  async properties(name: BlobName, signal: AbortSignal): Promise<BlobProperties> {
    throwIfCancelled(signal);
    checkBlobName(name, 'read properties');
    const answer = await request({ operation: 'read properties', blob: name }, signal, () =>
      this.#client.getBlockBlobClient(name).getProperties({ abortSignal: signal }),
    );
    if (answer.etag === undefined) throw notAStore('read properties');
    return {
      lengthBytes: answer.contentLength ?? 0,
      md5: answer.contentMD5 && toHex(answer.contentMD5),
      contentType: answer.contentType ?? OCTET_STREAM,
      metadata: lowerCaseNames(answer.metadata ?? {}),
    };
  }

  async *read(name: BlobName, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    throwIfCancelled(signal);
    checkBlobName(name, 'read');
    const what = { operation: 'read', blob: name };
    const body = await request(what, signal, () =>
      download(this.#client.getBlockBlobClient(name), signal),
    );
    try {
      for await (const chunk of body) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    } catch (error) {
      throw fromAzure(error, what, signal);
    }
  }

  async #probe(signal: AbortSignal): Promise<void> {
    await request({ operation: 'open container', blob: PROBE_NAME }, signal, () =>
      this.#client.getBlockBlobClient(PROBE_NAME).getBlockList('all', { abortSignal: signal }),
    ).catch(ignoreMissing);
  }

  #blockList(name: BlobName, signal: AbortSignal) {
    return request({ operation: 'list blocks', blob: name }, signal, () =>
      this.#client.getBlockBlobClient(name).getBlockList('all', { abortSignal: signal }),
    ).catch(ignoreMissing);
  }

  async #exists(name: BlobName, signal: AbortSignal): Promise<boolean> {
    return (await this.properties(name, signal).catch(ignoreMissing)) !== undefined;
  }
}

async function request<T>(
  what: StorageRequest,
  signal: AbortSignal,
  send: () => Promise<T>,
): Promise<T> {
  throwIfCancelled(signal);
  try {
    return await send();
  } catch (error) {
    throw fromAzure(error, what, signal);
  }
}

/** Every blob has an ETag: an answer without one comes from something in between. */
function notAStore(operation: string): StationError {
  const detail = 'what answers is not a blob store';
  return new StationError('storage-unavailable', `${operation}: ${detail}`, { operation, detail });
}

function ignoreMissing(error: unknown): undefined {
  if (!isStationError(error, 'blob-not-found')) throw error;
}

async function download(blob: BlockBlobClient, signal: AbortSignal) {
  const answer = await blob.download(0, undefined, { abortSignal: signal });
  return answer.readableStreamBody ?? [];
}

function storedBlocks(blocks: readonly { name: string; size: number }[] = []): StoredBlock[] {
  return blocks.map(({ name, size }) => ({ id: name, lengthBytes: size }));
}

function lowerCaseNames(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
