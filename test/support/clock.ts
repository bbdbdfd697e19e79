import type { Clock } from '../../src/work/clock.ts';

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  readonly #listeners = new Set<() => void>();
  #ms: number;
  #uptimeMs = 60_000;

  constructor(start: string) {
    this.#ms = Date.parse(start);
  }

  now = (): Date => new Date(this.#ms);

  every(_intervalMs: number, callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  /** Moves on, and calls everybody who asked to be called now and then. */
  advance(byMs: number): void {
    this.#ms += byMs;
    this.#uptimeMs += byMs;
    this.#tick();
  }

  /** As somebody sets a clock: no time has passed. */
  jump(byMs: number): void {
    this.#ms += byMs;
    this.#tick();
  }

  uptimeMs = (): number => this.#uptimeMs;

  #tick(): void {
    for (const listener of this.#listeners) listener();
  }
}

export const DAY_MS = 24 * 60 * 60 * 1000;
