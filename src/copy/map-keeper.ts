import { RESCUE_SAVE_MS, RESCUE_SAVE_SHARE } from '../limits.ts';

/**
 * Writes something down while its owner goes on: one write at a time, each of the state at the moment it
 * began. A write that failed is thrown at the next call.
 */
export class MapKeeper {
  readonly #write: () => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #tookMs = 0;
  #endedAt = 0;

  /** `write` takes the state before it waits for anything. */
  constructor(write: () => Promise<void>) {
    this.#write = write;
  }

  /** Whether to write again: for what a crash would repeat at a price, sooner than for the rest. */
  isDue(isDear: boolean): boolean {
    if (this.#isRunning) return false;
    const pauseMs = isDear
      ? Math.min(this.#tookMs * (RESCUE_SAVE_SHARE - 1), RESCUE_SAVE_MS)
      : RESCUE_SAVE_MS;
    return performance.now() - this.#endedAt >= pauseMs;
  }

  /** Begins to write, after the write before this one has ended. */
  async begin(): Promise<void> {
    await this.#running;
    this.#isRunning = true;
    this.#running = this.#timed();
    // Whoever calls next hears of it; nobody may be waiting now.
    this.#running.catch(() => undefined);
  }

  /** Resolves when what began is on the medium. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #timed(): Promise<void> {
    const begun = performance.now();
    try {
      await this.#write();
    } finally {
      this.#endedAt = performance.now();
      this.#tookMs = this.#endedAt - begun;
      this.#isRunning = false;
    }
  }
}
