import { MAX_BACKOFF_MS, STORE_RETRY_MS } from './backoff.ts';
import type { CopyTask } from './contract.ts';

export interface DueTimersDependencies {
  /** Offers the task to the queue again; what it throws is logged, and it is asked anew. */
  readonly offer: (id: string) => Promise<void>;
  readonly logger: { error(data: object, message: string): void };
  readonly now: () => Date;
  /** Resolves after that time, earlier when the signal fires. */
  readonly slept: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** Tasks that are to be tried again later, one timer for each; none acts when the signal has fired. */
export class DueTimers {
  readonly #deps: DueTimersDependencies;
  readonly #signal: AbortSignal;
  /** By id; each ends its pause early when it is aborted. */
  readonly #timers = new Map<string, AbortController>();

  constructor(dependencies: DueTimersDependencies, signal: AbortSignal) {
    this.#deps = dependencies;
    this.#signal = signal;
  }

  /** Offers a task when it is due, in milliseconds since 1970; no later than the longest pause. */
  set({ id }: Pick<CopyTask, 'id'>, dueAtMs: number): void {
    const waitMs = Math.min(Math.max(dueAtMs - this.#deps.now().getTime(), 0), MAX_BACKOFF_MS);
    const timer = new AbortController();
    this.#timers.get(id)?.abort();
    this.#timers.set(id, timer);
    const signal = AbortSignal.any([timer.signal, this.#signal]);
    void this.#deps.slept(waitMs, signal).then(async () => {
      if (signal.aborted) return;
      this.#timers.delete(id);
      try {
        await this.#deps.offer(id);
      } catch (error) {
        this.#deps.logger.error({ err: error, task: id }, 'cannot queue a copy again');
        this.set({ id }, this.#deps.now().getTime() + STORE_RETRY_MS);
      }
    });
  }

  end(id: string): void {
    this.#timers.get(id)?.abort();
    this.#timers.delete(id);
  }
}
