import { setTimeout as sleepFor } from 'node:timers/promises';
import type { BlobName } from '../domain/blob-name.ts';
import { isStationError, isStorageAway, throwIfCancelled } from '../errors.ts';
import type {
  BlobContainer,
  BlobProperties,
  BlockLists,
  CommitBlob,
  StageBlock,
} from './contract.ts';
import { Deadline } from './deadline.ts';
import { Outage, type OutageListeners } from './outage.ts';

export interface RetryOptions {
  /** One attempt, in ms; of a read, the wait for one piece. A local store has no time-out. */
  readonly attemptTimeoutMs: number;
  /** An outage shorter than this is not told, in ms. */
  readonly awayAfterMs: number;
  /** Without any answer for this long the store is told to be away, in ms; never unless given. */
  readonly silenceMs?: number;
  /** Pause after the first failure, in ms; doubled for each further one. */
  readonly firstDelayMs?: number;
  /** Longest pause, in ms: also how late the end of an outage can be noticed. */
  readonly maxDelayMs?: number;
  /** Times that a body is sent which does not arrive as sent: once may be the line, always is not. */
  readonly checksumAttempts?: number;
}

export interface RetryDependencies extends OutageListeners {
  /** Milliseconds of a clock that never runs backwards. */
  readonly now?: () => number;
  /** From 0 to below 1. */
  readonly random?: () => number;
  /** Must reject, whatever with, when the signal fires. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

const RETRY_DEFAULTS = {
  silenceMs: Number.POSITIVE_INFINITY,
  firstDelayMs: 250,
  maxDelayMs: 10_000,
  checksumAttempts: 4,
};

/** A silence is noticed at most this part of it late. */
const SILENCE_LOOKS = 10;

/**
 * A container that is patient: a store that is away is waited for as long as the signal lives, with
 * growing pauses, since no drive is to blame for it; a body that arrived damaged is sent again a few
 * times; a refusal is passed on at once. The outage is shared by all requests of this one container
 * and lives in it.
 *
 * Put `withLimit` around it and not inside, or waiting for a slot would count as a slow answer.
 */
export function withRetry(
  container: BlobContainer,
  options: RetryOptions,
  dependencies: RetryDependencies,
): BlobContainer {
  return new RetryingContainer(container, options, dependencies);
}

class RetryingContainer implements BlobContainer {
  readonly local?: true;
  readonly #inner: BlobContainer;
  readonly #options: Required<RetryOptions>;
  readonly #timeoutMs: number;
  readonly #clock: Required<Omit<RetryDependencies, keyof OutageListeners>>;
  readonly #outage: Outage;

  constructor(inner: BlobContainer, options: RetryOptions, dependencies: RetryDependencies) {
    if (inner.local) this.local = inner.local;
    this.#inner = inner;
    this.#options = { ...RETRY_DEFAULTS, ...options };
    this.#timeoutMs = inner.local ? Number.POSITIVE_INFINITY : options.attemptTimeoutMs;
    this.#clock = {
      now: dependencies.now ?? (() => performance.now()),
      random: dependencies.random ?? Math.random,
      sleep: dependencies.sleep ?? ((ms, signal) => sleepFor(ms, undefined, { signal })),
    };
    this.#outage = new Outage(options, dependencies);
  }

  urlOf(name: BlobName): string {
    return this.#inner.urlOf(name);
  }

  ensure(signal: AbortSignal): Promise<void> {
    return this.#untilAnswered(
      (live) => this.#ask('create container', (attempt) => this.#inner.ensure(attempt), live),
      signal,
    );
  }

  stageBlock(block: StageBlock, signal: AbortSignal): Promise<void> {
    return this.#untilAnswered(
      (live) => this.#ask('stage block', (attempt) => this.#inner.stageBlock(block, attempt), live),
      signal,
    );
  }

  listBlocks(name: BlobName, signal: AbortSignal): Promise<BlockLists> {
    return this.#untilAnswered(
      (live) => this.#ask('list blocks', (attempt) => this.#inner.listBlocks(name, attempt), live),
      signal,
    );
  }

  commit(blob: CommitBlob, signal: AbortSignal): Promise<void> {
    let unanswered = false;
    return this.#untilAnswered(async (live) => {
      try {
        await this.#ask('commit', (attempt) => this.#inner.commit(blob, attempt), live);
      } catch (error) {
        // An attempt without an answer may have arrived all the same; then the blob is our own.
        const existing = unanswered && isStationError(error, 'destination-exists');
        if (existing && (await this.#isCommitted(blob, live))) return;
        unanswered ||= isStorageAway(error);
        throw error;
      }
    }, signal);
  }

  properties(name: BlobName, signal: AbortSignal): Promise<BlobProperties> {
    return this.#untilAnswered(
      (live) =>
        this.#ask('read properties', (attempt) => this.#inner.properties(name, attempt), live),
      signal,
    );
  }

  /** Repeated until the first piece is here; what fails after it is the caller's to begin again. */
  async *read(name: BlobName, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const reading = await this.#untilAnswered((live) => this.#startReading(name, live), signal);
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
    const deadline = new Deadline({ timeoutMs: this.#timeoutMs }, signal);
    try {
      deadline.arm();
      const pieces = this.#inner.read(name, deadline.signal)[Symbol.asyncIterator]();
      return { deadline, pieces, first: await pieces.next() };
    } catch (error) {
      deadline[Symbol.dispose]();
      throw deadline.explain(error, 'read');
    }
  }

  /** Whether the committed blob is made of exactly our blocks; their ids carry our nonce. */
  async #isCommitted(blob: CommitBlob, signal: AbortSignal): Promise<boolean> {
    const { committed } = await this.#ask(
      'list blocks',
      (attempt) => this.#inner.listBlocks(blob.name, attempt),
      signal,
    );
    if (committed?.length !== blob.blocks.length) return false;
    return committed.every((block, index) => block.id === blob.blocks[index]);
  }

  /** One attempt with its time-out. */
  async #ask<T>(
    operation: string,
    send: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    using deadline = new Deadline({ timeoutMs: this.#timeoutMs }, signal);
    using _watch = this.#watchSilence();
    deadline.arm();
    try {
      return await send(deadline.signal);
    } catch (error) {
      throw deadline.explain(error, operation);
    }
  }

  /** Looks at an attempt that waits, so that silence is told long before its time-out. */
  #watchSilence(): Disposable {
    const { silenceMs } = this.#options;
    const startedAt = this.#clock.now();
    if (this.#inner.local || !Number.isFinite(silenceMs)) return { [Symbol.dispose]: () => {} };
    const look = () => this.#outage.waited(startedAt, this.#clock.now(), silenceMs);
    const timer = setInterval(look, silenceMs / SILENCE_LOOKS);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  async #untilAnswered<T>(
    attempt: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    let damaged = 0;
    for (let failures = 0; ; failures++) {
      throwIfCancelled(signal);
      const startedAt = this.#clock.now();
      try {
        const answer = await attempt(signal);
        this.#outage.answered(this.#clock.now());
        return answer;
      } catch (error) {
        throwIfCancelled(signal);
        this.#note(error, startedAt);
        if (isStationError(error, 'checksum-mismatch')) damaged++;
        else if (!isStorageAway(error)) throw error;
        if (damaged >= this.#options.checksumAttempts) throw error;
      }
      await this.#pause(failures, signal);
    }
  }

  #note(error: unknown, startedAt: number): void {
    const now = this.#clock.now();
    if (isStorageAway(error)) this.#outage.failed(startedAt, now, error.payload.detail);
    else this.#outage.answered(now);
  }

  /** Half of the pause is random, so that requests that failed together do not return together. */
  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const { firstDelayMs, maxDelayMs } = this.#options;
    const full = Math.min(maxDelayMs, firstDelayMs * 2 ** failures);
    await this.#clock.sleep(full * (0.5 + this.#clock.random() / 2), signal).catch((error) => {
      throwIfCancelled(signal);
      throw error;
    });
  }
}
