import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfCancelled } from '../errors.ts';
import { DISK_REST_MS, SPIN_UP_POLL_MS } from '../limits.ts';

/** A disk that may sleep, as far as waking it goes. */
export interface Sleeper {
  /** Whether something of it reads, or it says by itself that it is awake: a bad sector says so too. */
  isAwake(): Promise<boolean>;
  /** `false` when the kernel has given it up. Throws `disk-gone`, `disk-changed`. */
  isThere(): Promise<boolean>;
}

export interface SpinUpClock {
  /** Milliseconds of a clock that never steps back. */
  now(): number;
  /** Rejects when the signal fires. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<unknown>;
}

const MACHINE: SpinUpClock = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
};

/**
 * A disk that sleeps answers its first read late, or with errors, until its platters turn. Neither says
 * anything about the medium, so the first read, and the first one after a rest, is a wait of its own.
 * Past the limit whatever the disk answers counts as it is.
 */
export class SpinUp {
  readonly #limitMs: number;
  readonly #sleeper: Sleeper;
  readonly #signal: AbortSignal;
  readonly #clock: SpinUpClock;
  #sinceMs: number | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(limitMs: number, sleeper: Sleeper, signal: AbortSignal, clock = MACHINE) {
    this.#limitMs = limitMs;
    this.#sleeper = sleeper;
    this.#signal = signal;
    this.#clock = clock;
  }

  /** The disk has answered a read: it is awake for a while. */
  noteRead(): void {
    this.#readAtMs = this.#clock.now();
  }

  /** For how long it is waited for; `undefined` while nobody waits, and past the limit. */
  get waitedMs(): number | undefined {
    if (this.#sinceMs === undefined) return undefined;
    const waitedMs = this.#clock.now() - this.#sinceMs;
    return waitedMs < this.#limitMs ? waitedMs : undefined;
  }

  /** Resolves when the disk can be read, or is late. Throws `disk-gone`, `disk-changed`, `cancelled`. */
  async ready(): Promise<void> {
    const beganMs = this.#clock.now();
    if (beganMs - this.#readAtMs < DISK_REST_MS || this.#sinceMs !== undefined) return;
    this.#sinceMs = beganMs;
    try {
      while (!(await this.#sleeper.isAwake())) {
        const isOver = this.#clock.now() - beganMs + SPIN_UP_POLL_MS > this.#limitMs;
        if (!(await this.#sleeper.isThere()) || isOver) break;
        await this.#clock.sleep(SPIN_UP_POLL_MS, this.#signal).catch(() => undefined);
        throwIfCancelled(this.#signal);
      }
    } finally {
      this.#sinceMs = undefined;
      this.noteRead();
    }
  }
}
