import { setTimeout as sleepFor } from 'node:timers/promises';
import { isStationError, isStorageAway, throwIfCancelled } from '../errors.ts';
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
 * How requests to one store are repeated: one that gets no answer for as long as the signal lives, one
 * whose body arrived damaged a few times, any other never. What they learn about the store they share.
 */
export class Patience {
  readonly #isLocal: boolean;
  readonly #options: Required<RetryOptions>;
  readonly #timeoutMs: number;
  readonly #clock: Required<Omit<RetryDependencies, keyof OutageListeners>>;
  readonly #outage: Outage;

  /** A local store takes as long as its disk takes: its attempts have no time-out. */
  constructor(options: RetryOptions & { readonly isLocal: boolean }, deps: RetryDependencies) {
    this.#isLocal = options.isLocal;
    this.#options = { ...RETRY_DEFAULTS, ...options };
    this.#timeoutMs = options.isLocal ? Number.POSITIVE_INFINITY : options.attemptTimeoutMs;
    this.#clock = {
      now: deps.now ?? (() => performance.now()),
      random: deps.random ?? Math.random,
      sleep: deps.sleep ?? ((ms, signal) => sleepFor(ms, undefined, { signal })),
    };
    this.#outage = new Outage(options, deps);
  }

  now(): number {
    return this.#clock.now();
  }

  /** A time-out of one attempt, not armed yet. */
  deadline(signal: AbortSignal): Deadline {
    return new Deadline({ timeoutMs: this.#timeoutMs }, signal);
  }

  /** One attempt with its time-out. */
  async ask<T>(
    operation: string,
    send: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    using deadline = this.deadline(signal);
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
    if (this.#isLocal || !Number.isFinite(silenceMs)) return { [Symbol.dispose]: () => {} };
    const look = () => this.#outage.waited(startedAt, this.#clock.now(), silenceMs);
    const timer = setInterval(look, silenceMs / SILENCE_LOOKS);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  /** Attempts with pauses between them, until one is answered for good. */
  async untilAnswered<T>(
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
