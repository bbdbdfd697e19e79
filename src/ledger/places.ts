interface Waiter {
  readonly id: string;
  readonly admit: () => void;
}

/** Places for what runs at once; whoever finds none waits in line. */
export class Places {
  readonly #count: number;
  /** In the order in which they came in. */
  readonly #holders = new Set<string>();
  readonly #line: Waiter[] = [];

  constructor(count: number) {
    this.#count = count;
  }

  has(id: string): boolean {
    return this.#holders.has(id);
  }

  get isFree(): boolean {
    return this.#holders.size < this.#count && this.#line.length === 0;
  }

  get isAwaited(): boolean {
    return this.#line.length > 0;
  }

  /** Who has been here the longest. */
  get eldest(): string | undefined {
    const [eldest] = this.#holders;
    return eldest;
  }

  /** Takes a place, also one more than there are; nobody enters then until it is made up for. */
  take(id: string): void {
    this.#forget(id);
    this.#holders.add(id);
  }

  /** Waits for a place and takes it; resolves without one when the signal fires. */
  async enter(id: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#line.push({ id, admit: resolve });
    this.#admit();
    const giveUp = () => {
      this.#forget(id);
      resolve();
    };
    signal.addEventListener('abort', giveUp, { once: true });
    await promise;
    signal.removeEventListener('abort', giveUp);
  }

  /** Stands at the head of the line; `admit` is called when a place has been taken. */
  enterFirst(id: string, admit: () => void): void {
    if (this.has(id) || this.#line.some((waiter) => waiter.id === id)) return;
    this.#line.unshift({ id, admit });
    this.#admit();
  }

  /** Gives up the place, or the wait for one. */
  leave(id: string): void {
    this.#holders.delete(id);
    this.#forget(id);
    this.#admit();
  }

  #forget(id: string): void {
    const at = this.#line.findIndex((waiter) => waiter.id === id);
    if (at >= 0) this.#line.splice(at, 1);
  }

  #admit(): void {
    while (this.#holders.size < this.#count) {
      const next = this.#line.shift();
      if (next === undefined) return;
      this.#holders.add(next.id);
      next.admit();
    }
  }
}
