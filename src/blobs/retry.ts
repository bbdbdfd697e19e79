import type { BlobName } from '../domain/blob-name.ts';
import { isStationError, isStorageAway } from '../errors.ts';
import { lookFor } from './clear-name.ts';
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
import { type ExpectedBlob, isAsExpected, resetOf } from './expected-blob.ts';
import {
  Patience,
  type Repeatable,
  type RetryDependencies,
  type RetryOptions,
} from './patience.ts';

/**
 * A container that is patient: a store that is away is waited for as long as the signal lives, with
 * growing pauses, since no drive is to blame for it; a body that arrived damaged is sent again a few
 * times; a refusal is passed on at once. The outage is shared by all requests of this one container
 * and lives in it.
 *
 * A request without an answer may have arrived all the same. What is sent again is therefore safe to
 * repeat, or what it meets is looked at: a blob that may not exist and is there now is our own when it
 * is in all that we sent, and not older than our first attempt.
 *
 * A pace bounds what is sent at once; `withLimit` around it bounds what is asked for, retries included.
 */
export function withRetry(
  container: BlobContainer,
  options: RetryOptions,
  dependencies: RetryDependencies,
): BlobContainer {
  return new RetryingContainer(container, options, dependencies);
}

type Send<T> = (signal: AbortSignal) => Promise<T>;

class RetryingContainer implements BlobContainer {
  readonly local?: true;
  readonly #inner: BlobContainer;
  readonly #patience: Patience;

  constructor(inner: BlobContainer, options: RetryOptions, dependencies: RetryDependencies) {
    if (inner.local) this.local = inner.local;
    this.#inner = inner;
    this.#patience = new Patience({ ...options, isLocal: inner.local ?? false }, dependencies);
  }

  urlOf(name: BlobName): string {
    return this.#inner.urlOf(name);
  }

  ensure(signal: AbortSignal): Promise<void> {
    return this.#repeat((attempt) => this.#inner.ensure(attempt), signal);
  }

  stageBlock(block: StageBlock, signal: AbortSignal): Promise<void> {
    return this.#carry(block.body, (attempt) => this.#inner.stageBlock(block, attempt), signal);
  }

  listBlocks(name: BlobName, signal: AbortSignal): Promise<BlockLists> {
    return this.#repeat((attempt) => this.#inner.listBlocks(name, attempt), signal);
  }

  commit(blob: CommitBlob, signal: AbortSignal): Promise<WrittenBlob> {
    const { contentMd5 = blob.md5, ...rest } = blob;
    const kept = contentMd5 === undefined ? {} : { contentMd5 };
    const expected = { ...rest, ...kept, type: 'block' } as const;
    const attempt: Send<WrittenBlob> = (live) => this.#inner.commit(blob, live);
    return this.#make(expected, { attempt, isCommit: true }, signal);
  }

  put(blob: PutBlob, signal: AbortSignal): Promise<WrittenBlob> {
    const { body, md5: contentMd5 } = blob;
    const kind = { type: 'block', lengthBytes: body.length } as const;
    const expected = { ...blob, ...kind, contentMd5 };
    const attempt: Send<WrittenBlob> = (live) => this.#inner.put(blob, live);
    return this.#make(expected, { attempt, lengthBytes: body.length }, signal);
  }

  createPages(blob: CreatePages, signal: AbortSignal): Promise<WrittenBlob> {
    const expected = { ...blob, type: 'page' } as const;
    return this.#make(expected, { attempt: (live) => this.#inner.createPages(blob, live) }, signal);
  }

  writePages(pages: WritePages, signal: AbortSignal): Promise<void> {
    return this.#carry(pages.body, (attempt) => this.#inner.writePages(pages, attempt), signal);
  }

  /** Done without a word, it is told as `blob-changed` the next time. */
  resetSequence(blob: ResetSequence, signal: AbortSignal): Promise<WrittenBlob> {
    const startedAt = this.#patience.now();
    let unanswered = false;
    let changed: unknown;
    const attempt = async (live: AbortSignal) => {
      if (changed === undefined) {
        try {
          return await this.#patience.ask((asked) => this.#inner.resetSequence(blob, asked), live);
        } catch (error) {
          if (!unanswered || !isStationError(error, 'blob-changed')) {
            unanswered ||= isStorageAway(error);
            throw error;
          }
          changed = error;
        }
      }
      // Where only this look has no answer, only it is repeated.
      return await this.#resetByUs({ ...blob, startedAt, changed }, live);
    };
    return this.#patience.untilAnswered({ attempt }, signal);
  }

  pageRanges(request: ListPageRanges, signal: AbortSignal): Promise<Listing<PageRange>> {
    return this.#repeat((attempt) => this.#inner.pageRanges(request, attempt), signal);
  }

  properties(name: BlobName, signal: AbortSignal): Promise<BlobProperties> {
    return this.#repeat((attempt) => this.#inner.properties(name, attempt), signal);
  }

  listBlobs(request: ListBlobs, signal: AbortSignal): Promise<Listing<ListedBlob>> {
    return this.#repeat((attempt) => this.#inner.listBlobs(request, attempt), signal);
  }

  remove(blob: BlobState, signal: AbortSignal): Promise<void> {
    let unanswered = false;
    const attempt = async (live: AbortSignal) => {
      try {
        await this.#patience.ask((asked) => this.#inner.remove(blob, asked), live);
      } catch (error) {
        if (unanswered && isStationError(error, 'blob-not-found')) return;
        unanswered ||= isStorageAway(error);
        throw error;
      }
    };
    return this.#patience.untilAnswered({ attempt }, signal);
  }

  /** Repeated until the first piece is here; what fails after it is the caller's to begin again. */
  async *read(name: BlobName, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const attempt = (live: AbortSignal) => this.#startReading(name, live);
    const reading = await this.#patience.untilAnswered({ attempt }, signal);
    using deadline = reading.deadline;
    const { pieces } = reading;
    try {
      for (let piece = reading.first; !piece.done; piece = await pieces.next()) {
        deadline.disarm();
        yield piece.value;
        deadline.arm();
      }
    } catch (error) {
      throw deadline.explain(error, 'read');
    } finally {
      await pieces.return?.();
    }
  }

  async #startReading(name: BlobName, signal: AbortSignal) {
    const deadline = this.#patience.deadline(signal);
    try {
      deadline.arm();
      const pieces = this.#inner.read(name, deadline.signal)[Symbol.asyncIterator]();
      const first = await this.#patience.ask(() => pieces.next(), signal);
      return { deadline, pieces, first };
    } catch (error) {
      deadline[Symbol.dispose]();
      throw deadline.explain(error, 'read');
    }
  }

  #repeat<T>(send: Send<T>, signal: AbortSignal): Promise<T> {
    const attempt = (live: AbortSignal) => this.#patience.ask(send, live);
    return this.#patience.untilAnswered({ attempt }, signal);
  }

  #carry<T>({ length: lengthBytes }: Buffer, send: Send<T>, signal: AbortSignal): Promise<T> {
    const attempt = (live: AbortSignal) => this.#patience.ask(send, live);
    return this.#patience.untilAnswered({ attempt, lengthBytes }, signal);
  }

  #make(
    expected: ExpectedBlob,
    work: Repeatable<WrittenBlob>,
    signal: AbortSignal,
  ): Promise<WrittenBlob> {
    const startedAt = this.#patience.now();
    let unanswered = false;
    const attempt = async (live: AbortSignal) => {
      try {
        return await this.#patience.ask(work.attempt, live, work.isCommit);
      } catch (error) {
        const existing = unanswered && isStationError(error, 'destination-exists');
        const ours = existing ? await this.#ourBlob(expected, startedAt, live) : undefined;
        if (ours !== undefined) return ours;
        unanswered ||= isStorageAway(error);
        throw error;
      }
    };
    return this.#patience.untilAnswered({ ...work, attempt }, signal);
  }

  /** Throws that the blob was changed unless all of its change is ours. */
  async #resetByUs(
    { name, was, startedAt, changed }: ResetSequence & { startedAt: number; changed: unknown },
    signal: AbortSignal,
  ): Promise<WrittenBlob> {
    if (was === undefined) throw changed;
    const found = await this.#patience.ask((asked) => lookFor(this.#inner, name, asked), signal);
    const sinceMs = this.#patience.now() - startedAt;
    if (found === undefined || !isAsExpected(found, resetOf(name, was), sinceMs)) throw changed;
    return found;
  }

  async #ourBlob(
    expected: ExpectedBlob,
    startedAt: number,
    signal: AbortSignal,
  ): Promise<WrittenBlob | undefined> {
    const ask = this.#patience.ask.bind(this.#patience);
    const { name, blocks } = expected;
    const found = await ask((attempt) => lookFor(this.#inner, name, attempt), signal);
    if (found === undefined || !isAsExpected(found, expected, this.#patience.now() - startedAt))
      return undefined;
    if (blocks === undefined) return found;
    const { committed } = await ask((attempt) => this.#inner.listBlocks(name, attempt), signal);
    const areOurs =
      committed?.length === blocks.length &&
      committed.every((block, index) => block.id === blocks[index]);
    return areOurs ? found : undefined;
  }
}
