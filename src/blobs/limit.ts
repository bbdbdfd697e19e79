import type { BlobName } from '../domain/blob-name.ts';
import { throwIfCancelled } from '../errors.ts';
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
  PageRange,
  PutBlob,
  ResetSequence,
  StageBlock,
  WritePages,
  WrittenBlob,
} from './contract.ts';
import { Slots } from './slots.ts';

/**
 * A container with at most `maxConcurrent` requests in flight; further ones wait their turn in the
 * order in which they came. A read holds its slot until its last piece was taken or it is given up.
 */
export function withLimit(container: BlobContainer, maxConcurrent: number): BlobContainer {
  return new LimitedContainer(container, new Slots(maxConcurrent));
}

class LimitedContainer implements BlobContainer {
  readonly local?: true;
  readonly #inner: BlobContainer;
  readonly #slots: Slots;

  constructor(inner: BlobContainer, slots: Slots) {
    if (inner.local) this.local = inner.local;
    this.#inner = inner;
    this.#slots = slots;
  }

  urlOf(name: BlobName): string {
    return this.#inner.urlOf(name);
  }

  ensure(signal: AbortSignal): Promise<void> {
    return this.#inTurn(() => this.#inner.ensure(signal), signal);
  }

  stageBlock(block: StageBlock, signal: AbortSignal): Promise<void> {
    return this.#inTurn(() => this.#inner.stageBlock(block, signal), signal);
  }

  listBlocks(name: BlobName, signal: AbortSignal): Promise<BlockLists> {
    return this.#inTurn(() => this.#inner.listBlocks(name, signal), signal);
  }

  commit(blob: CommitBlob, signal: AbortSignal): Promise<WrittenBlob> {
    return this.#inTurn(() => this.#inner.commit(blob, signal), signal);
  }

  put(blob: PutBlob, signal: AbortSignal): Promise<WrittenBlob> {
    return this.#inTurn(() => this.#inner.put(blob, signal), signal);
  }

  createPages(blob: CreatePages, signal: AbortSignal): Promise<WrittenBlob> {
    return this.#inTurn(() => this.#inner.createPages(blob, signal), signal);
  }

  writePages(pages: WritePages, signal: AbortSignal): Promise<void> {
    return this.#inTurn(() => this.#inner.writePages(pages, signal), signal);
  }

  resetSequence(blob: ResetSequence, signal: AbortSignal): Promise<WrittenBlob> {
    return this.#inTurn(() => this.#inner.resetSequence(blob, signal), signal);
  }

  pageRanges(request: ListPageRanges, signal: AbortSignal): Promise<Listing<PageRange>> {
    return this.#inTurn(() => this.#inner.pageRanges(request, signal), signal);
  }

  properties(name: BlobName, signal: AbortSignal): Promise<BlobProperties> {
    return this.#inTurn(() => this.#inner.properties(name, signal), signal);
  }

  listBlobs(request: ListBlobs, signal: AbortSignal): Promise<Listing<ListedBlob>> {
    return this.#inTurn(() => this.#inner.listBlobs(request, signal), signal);
  }

  async *read(name: BlobName, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    throwIfCancelled(signal);
    using _slot = await this.#slots.take(signal);
    yield* this.#inner.read(name, signal);
  }

  remove(blob: BlobState, signal: AbortSignal): Promise<void> {
    return this.#inTurn(() => this.#inner.remove(blob, signal), signal);
  }

  async #inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    throwIfCancelled(signal);
    using _slot = await this.#slots.take(signal);
    return await work();
  }
}
