import { setTimeout as sleepFor } from 'node:timers/promises';
import { isStationError, isStorageAway, throwIfCancelled } from '../errors.ts';
import { Deadline } from './deadline.ts';
import { Outage, type OutageListeners } from './outage.ts';
import type { Pace } from './pace.ts';

export interface RetryOptions {
  /** Of a read, the wait for one piece, in ms; a local store has no time-out. */
  readonly pieceTimeoutMs: number;
  /** An outage shorter than this is not told, in ms. */
  readonly awayAfterMs: number;
  /** Without any answer for this long the store is told to be slow or away, in ms; never unless given. */
  readonly silenceMs?: number;
  /** Pause after the first failure, in ms; doubled for each further one. */
  readonly firstDelayMs?: number;
  /** Longest pause, in ms: also how late the end of an outage can be noticed. */
  readonly maxDelayMs?: number;
  /** Times that a body is sent which does not arrive as sent: once may be the line, always is not. */
  readonly checksumAttempts?: number;
}

export interface RetryDependencies extends OutageListeners {
  /** How many requests are sent at once; no bound unless given. */
  readonly pace?: Pace;
  /** What is known of the connections to the store. */
  readonly wire?: {
    /** When a byte moved last on one of them, by the clock of `now`. */
    readonly movedAt: number;
    /** Whether a commit was sent whole on one of them and waits for its answer. */
    readonly isCommitting: boolean;
  };
  /** Milliseconds of a clock that never runs backwards. */
  readonly now?: () => number;
  /** From 0 to below 1. */
  readonly random?: () => number;
  /** Must reject, whatever with, when the signal fires. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** A request that may be sent more than once. */
export interface Repeatable<T> {
  /** Bytes that it carries. */
  readonly lengthBytes?: number;
  readonly isCommit?: boolean;
  attempt(signal: AbortSignal): Promise<T>;
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
 * How requests to one store are repeated: one that gets no answer for as long as the signal lives, one
 * whose body arrived damaged a few times, any other never. What they learn about the store they share.
 * Whoever pauses gives his turn to another.
 */
export class Patience {
  readonly #isLocal: boolean;
  readonly #options: Required<RetryOptions>;
  readonly #pace: Pace | undefined;
  readonly #wire: NonNullable<RetryDependencies['wire']>;
  readonly #clock: Required<Pick<RetryDependencies, 'now' | 'random' | 'sleep'>>;
  readonly #outage: Outage;

  /** A local store takes as long as its disk takes: its reads have no time-out. */
  constructor(options: RetryOptions & { readonly isLocal: boolean }, deps: RetryDependencies) {
    this.#isLocal = options.isLocal;
    this.#options = { ...RETRY_DEFAULTS, ...options };
    this.#pace = deps.pace;
    this.#wire = deps.wire ?? { movedAt: Number.NEGATIVE_INFINITY, isCommitting: false };
    this.#clock = {
      now: deps.now ?? (() => performance.now()),
      random: deps.random ?? Math.random,
      sleep: deps.sleep ?? ((ms, signal) => sleepFor(ms, undefined, { signal })),
    };
    const onSlow = () => {
      this.#pace?.pressed();
      deps.onSlow?.();
    };
    const { onAway, onCommitting, onBack } = deps;
    const listeners = { onAway, onSlow, onCommitting, onBack };
    // Of a local store nobody looks while a request waits: that shows no standstill.
    const silenceMs = this.#isLocal ? Number.POSITIVE_INFINITY : this.#options.silenceMs;
    this.#outage = new Outage({ ...this.#options, silenceMs }, listeners);
  }

  now(): number {
    return this.#clock.now();
  }

  /** A time-out of one piece of a read, not armed yet. */
  deadline(signal: AbortSignal): Deadline {
    const timeoutMs = this.#isLocal ? Number.POSITIVE_INFINITY : this.#options.pieceTimeoutMs;
    return new Deadline({ timeoutMs }, signal);
  }

  /** One attempt, looked at while it waits: silence is told long before the connection is given up. */
  async ask<T>(
    send: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
    isCommit = false,
  ): Promise<T> {
    using _watch = this.#watchSilence(isCommit);
    return await send(signal);
  }

  #watchSilence(isCommit: boolean): Disposable {
    const { silenceMs } = this.#options;
    const startedAt = this.#clock.now();
    if (this.#isLocal || !Number.isFinite(silenceMs)) return { [Symbol.dispose]: () => {} };
    const look = () => {
      const { movedAt, isCommitting } = this.#wire;
      const isSentCommit = isCommit && isCommitting;
      this.#outage.waited({ startedAt, isSentCommit }, this.#clock.now(), movedAt);
    };
    const timer = setInterval(look, silenceMs / SILENCE_LOOKS);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  /** Attempts with pauses between them, until one is answered for good. */
  async untilAnswered<T>(
    { attempt, lengthBytes = 0 }: Repeatable<T>,
    signal: AbortSignal,
  ): Promise<T> {
    let damaged = 0;
    for (let failures = 0; ; failures++) {
      throwIfCancelled(signal);
      const turn = await this.#pace?.turn(signal);
      const startedAt = this.#clock.now();
      try {
        const answer = await attempt(signal);
        this.#outage.answered(startedAt, this.#clock.now());
        this.#pace?.worked(lengthBytes);
        return answer;
      } catch (error) {
        throwIfCancelled(signal);
        this.#note(error, startedAt);
        if (isStationError(error, 'checksum-mismatch')) damaged++;
        else if (!isStorageAway(error)) throw error;
        if (damaged >= this.#options.checksumAttempts) throw error;
      } finally {
        turn?.[Symbol.dispose]();
      }
      await this.#pause(failures, signal);
    }
  }

  #note(error: unknown, startedAt: number): void {
    const now = this.#clock.now();
    if (!isStorageAway(error)) {
      this.#outage.answered(startedAt, now);
      return;
    }
    const { detail, retryAfterMs } = error.payload;
    this.#pace?.pressed();
    if (retryAfterMs !== undefined) this.#pace?.holdFor(retryAfterMs);
    this.#outage.failed(startedAt, now, detail);
  }

  /** Half of the pause is random, so that requests that failed together do not return together. */
  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const { firstDelayMs, maxDelayMs } = this.#options;
    const full = Math.min(maxDelayMs, firstDelayMs * 2 ** failures);
    const pauseMs = full * (0.5 + this.#clock.random() / 2);
    const dueAt = this.#clock.now() + pauseMs;
    await this.#clock.sleep(pauseMs, signal).catch((error) => {
      throwIfCancelled(signal);
      throw error;
    });
    this.#outage.paused(dueAt, this.#clock.now());
  }
}
