/** A piece of work at the start and again after each interval, never twice at a time. */
export class Rounds {
  readonly #intervalMs: number;
  readonly #work: (signal: AbortSignal) => Promise<void>;
  readonly #stop = new AbortController();
  #last: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /** The work tells of its errors itself: it must not reject. */
  constructor(intervalMs: number, work: (signal: AbortSignal) => Promise<void>) {
    this.#intervalMs = intervalMs;
    this.#work = work;
  }

  start(): void {
    const next = () => {
      this.#last = this.#last.then(() => this.#round());
    };
    this.#timer = setInterval(next, this.#intervalMs);
    next();
  }

  /** Resolves when the round that is under way has ended. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#last;
  }

  async #round(): Promise<void> {
    if (!this.#stop.signal.aborted) await this.#work(this.#stop.signal);
  }
}
