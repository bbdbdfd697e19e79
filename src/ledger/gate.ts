/** Keeps work from starting while there is a reason to; several reasons add up. */
export class Gate {
  readonly #reasons = new Set<string>();
  #opened = Promise.withResolvers<void>();

  get isOpen(): boolean {
    return this.#reasons.size === 0;
  }

  get reasons(): readonly string[] {
    return [...this.#reasons];
  }

  shut(reason: string): void {
    if (this.isOpen) this.#opened = Promise.withResolvers<void>();
    this.#reasons.add(reason);
  }

  /** Withdraws one reason; answers whether none is left. */
  open(reason: string): boolean {
    this.#reasons.delete(reason);
    if (this.isOpen) this.#opened.resolve();
    return this.isOpen;
  }

  /** Waits until it is open or the signal has fired. */
  async passed(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    const stop = () => aborted.resolve();
    signal.addEventListener('abort', stop, { once: true });
    while (!this.isOpen && !signal.aborted) {
      await Promise.race([this.#opened.promise, aborted.promise]);
    }
    signal.removeEventListener('abort', stop);
  }
}
