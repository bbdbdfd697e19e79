import { setTimeout as sleepFor } from 'node:timers/promises';
import { throwIfCancelled } from '../errors.ts';
import { PACE, RETRY_AFTER_MAX_MS } from '../limits.ts';
import { Slots } from './slots.ts';

export interface PaceOptions {
  /** Requests in flight at first. */
  readonly start: number;
  /** The most that may ever be in flight: what the buffers allow. */
  readonly max: number;
}

export interface PaceDependencies {
  /** Milliseconds of a clock that never runs backwards. */
  readonly now?: () => number;
  /** Must reject when the signal fires. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** The rate that a number of requests in flight came to. */
interface Measured {
  readonly limit: number;
  readonly rate: number;
}

/**
 * How many requests go to one store at once: as many as bring anything. It measures the throughput in
 * periods and climbs while more requests move more bytes; once that ends it stays, and tries fewer and
 * more from time to time. So it needs no rule about latency: requests that only wait for each
 * other show as no gain. A store that is overloaded, or a request that nothing came of, halves it.
 *
 * Growing by trial and measurement is AzCopy's way (`concurrencyTuner.go`), halving on trouble TCP's
 * (additive increase, multiplicative decrease; RFC 5681).
 *
 * What one request is told of `Retry-After` holds for all.
 */
export class Pace {
  readonly #max: number;
  readonly #slots: Slots;
  readonly #now: () => number;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
  #limit: number;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #cutAt = Number.NEGATIVE_INFINITY;
  #best: Measured;
  #trial: 'climb' | 'more' | 'fewer' | undefined = 'climb';
  #restingPeriods = 0;
  #wasFewer = false;
  #wasPressed = false;
  /** Of the period that runs. */
  #since: number;
  #workBytes = 0;
  #ended = 0;
  #mostHeld = 0;

  constructor({ start, max }: PaceOptions, dependencies: PaceDependencies = {}) {
    this.#max = max;
    this.#limit = Math.min(start, max);
    this.#best = { limit: this.#limit, rate: 0 };
    this.#slots = new Slots(this.#limit);
    this.#now = dependencies.now ?? (() => performance.now());
    this.#sleep = dependencies.sleep ?? ((ms, signal) => sleepFor(ms, undefined, { signal }));
    this.#since = this.#now();
  }

  /** Requests that may be in flight now. */
  get limit(): number {
    return this.#limit;
  }

  /** Waits for a turn; disposing it gives it back. Throws `cancelled`. */
  async turn(signal: AbortSignal): Promise<Disposable> {
    const slot = await this.#slots.take(signal);
    try {
      for (let ms = this.#heldUntil - this.#now(); ms > 0; ms = this.#heldUntil - this.#now()) {
        await this.#sleep(ms, signal);
      }
    } catch (error) {
      slot[Symbol.dispose]();
      throwIfCancelled(signal);
      throw error;
    }
    this.#mostHeld = Math.max(this.#mostHeld, this.#slots.held);
    return slot;
  }

  /** The store asks to be left alone for so long. */
  holdFor(ms: number): void {
    const until = this.#now() + Math.min(ms, RETRY_AFTER_MAX_MS);
    this.#heldUntil = Math.max(this.#heldUntil, until);
  }

  /** A request with so many bytes was answered. */
  worked(lengthBytes: number): void {
    this.#workBytes += lengthBytes + PACE.requestBytes;
    this.#ended++;
    const elapsedMs = this.#now() - this.#since;
    if (elapsedMs < PACE.periodMs || this.#ended < 2 * this.#limit) return;
    const isFull = this.#mostHeld >= this.#limit;
    const rate = this.#workBytes / elapsedMs;
    // Where not all turns were taken, it is the disk that is slow.
    if (isFull) this.#judge(rate);
    this.#newPeriod();
  }

  /** A request came to nothing: the store is overloaded or the line is. Requests in flight fail together. */
  pressed(): void {
    const now = this.#now();
    if (now - this.#cutAt < PACE.periodMs) return;
    this.#cutAt = now;
    this.#settle({ limit: Math.max(1, Math.floor(this.#limit / 2)), rate: 0 });
    this.#wasPressed = true;
    this.#newPeriod();
  }

  #judge(rate: number): void {
    const here = { limit: this.#limit, rate };
    switch (this.#trial) {
      case 'climb':
      case 'more':
        if (isWorthIt(this.#best, here)) this.#climbFrom(here);
        else this.#settle(this.#best);
        break;
      case 'fewer':
        this.#settle(isWorthIt(here, this.#best) ? this.#best : here);
        break;
      case undefined:
        this.#best = here;
        this.#restingPeriods++;
        if (this.#wasPressed && this.#restingPeriods >= PACE.calmPeriods) this.#climbAgain();
        else if (this.#restingPeriods >= PACE.restPeriods) this.#tryAnother();
    }
  }

  #climbFrom(reached: Measured): void {
    this.#best = reached;
    const step = Math.max(1, Math.floor(reached.limit / (this.#trial === 'climb' ? 2 : 4)));
    const next = Math.min(this.#max, reached.limit + step);
    if (next === reached.limit) this.#settle(reached);
    else this.#set(next);
  }

  /** The trouble is over. */
  #climbAgain(): void {
    this.#wasPressed = false;
    this.#trial = 'climb';
    this.#climbFrom(this.#best);
  }

  /** A quarter fewer or more, in turns as far as there are both. */
  #tryAnother(): void {
    this.#restingPeriods = 0;
    const [mayBeFewer, mayBeMore] = [this.#limit > 1, this.#limit < this.#max];
    if (!mayBeFewer && !mayBeMore) return;
    this.#wasFewer = mayBeFewer && !(this.#wasFewer && mayBeMore);
    this.#trial = this.#wasFewer ? 'fewer' : 'more';
    const step = Math.max(1, Math.floor(this.#limit / 4));
    this.#set(this.#wasFewer ? this.#limit - step : Math.min(this.#max, this.#limit + step));
  }

  #settle(at: Measured): void {
    this.#trial = undefined;
    this.#restingPeriods = 0;
    this.#best = at;
    this.#set(at.limit);
  }

  #set(limit: number): void {
    this.#limit = limit;
    this.#slots.resize(limit);
  }

  #newPeriod(): void {
    this.#since = this.#now();
    this.#workBytes = 0;
    this.#ended = 0;
    this.#mostHeld = this.#slots.held;
  }
}

/** Whether the requests that are more bring enough, measured by what those before them bring. */
function isWorthIt(fewer: Measured, more: Measured): boolean {
  const growth = more.limit / fewer.limit - 1;
  return more.rate >= fewer.rate * (1 + PACE.gain * growth);
}
