/** Calls back when wanted, but not more often than the interval; the last wish is never lost. */
export class Ticker {
  readonly #intervalMs: number;
  #listener: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  onTick(listener: () => void): void {
    this.#listener = listener;
  }

  want(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#listener();
    }, this.#intervalMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
