import { RESCUE_SAVE_MS, RESCUE_SAVE_SHARE } from '../limits.ts';

/** Writes a state that was taken. */
export type WriteTaken = () => Promise<void>;

/**
 * Writes something down while its owner goes on: one write at a time, each of the state at the moment it
 * was asked for. Of states that wait for a write that takes long, the latest alone is written. A write
 * that failed is thrown at every later call.
 */
export class MapKeeper {
  readonly #take: () => WriteTaken;
  #waiting: WriteTaken | undefined;
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #tookMs = 0;
  #endedAt = 0;

  /** `take` takes the state as it is and gives what writes it. */
  constructor(take: () => WriteTaken) {
    this.#take = take;
  }

  /** Whether to write again: for what a crash would repeat at a price, sooner than for the rest. */
  isDue(isDear: boolean): boolean {
    if (this.#running !== undefined) return false;
    const pauseMs = isDear
      ? Math.min(this.#tookMs * (RESCUE_SAVE_SHARE - 1), RESCUE_SAVE_MS)
      : RESCUE_SAVE_MS;
    return performance.now() - this.#endedAt >= pauseMs;
  }

  /** Takes the state at once; it is written when the write before has ended. */
  async begin(): Promise<void> {
    this.#throwFailure();
    this.#waiting = this.#take();
    this.#running ??= this.#writeWaiting();
  }

  /** Resolves when all that was begun is on the medium. */
  async ended(): Promise<void> {
    await this.#running;
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Throws nothing: whoever calls next hears of it, and nobody may be waiting now. */
  async #writeWaiting(): Promise<void> {
    try {
      for (let write = this.#next(); write !== undefined; write = this.#next()) {
        const begun = performance.now();
        await write();
        this.#endedAt = performance.now();
        this.#tookMs = this.#endedAt - begun;
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#running = undefined;
    }
  }

  #next(): WriteTaken | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}
