import { STORAGE_REWORD_MS } from '../limits.ts';

export interface OutageListeners {
  /**
   * The store has been away for longer than the grace; `detail` says how it failed last. Told again
   * during the same outage when it fails in other words, at most once in `STORAGE_REWORD_MS`.
   */
  readonly onAway: (detail: string) => void;
  /** The store is there, but slow: no request was answered for a while, though bytes move. */
  readonly onSlow?: (() => void) | undefined;
  /** The store answers again, or at its usual speed; told only after `onAway` or `onSlow`. */
  readonly onBack: () => void;
}

export interface OutageOptions {
  /** An outage shorter than this is not told, in ms. */
  readonly awayAfterMs: number;
  /** Without any answer for this long the store is slow or away, in ms. */
  readonly silenceMs: number;
}

type OutageState =
  | { readonly kind: 'answering' | 'slow'; readonly lastAnswerAt: number }
  | { readonly kind: 'failing'; readonly since: number; readonly wasSlow: boolean }
  | Away;

interface Away {
  readonly kind: 'away';
  readonly told: string;
  readonly toldAt: number;
  /** How it failed last, while that is too early to be told; `undefined` when nothing waits to be told. */
  next: string | undefined;
}

/** Runs something after so many ms. */
export type Later = (ms: number, run: () => void) => void;

/**
 * What the concurrent requests of one container know together about their store. However many of them
 * fail, an outage is told once when it has lasted and once each time its reason is another, and its end
 * once. Times are milliseconds of any clock that never runs backwards.
 */
export class Outage {
  readonly #options: OutageOptions;
  readonly #listeners: OutageListeners;
  readonly #later: Later;
  #state: OutageState = { kind: 'answering', lastAnswerAt: Number.NEGATIVE_INFINITY };

  constructor(options: OutageOptions, listeners: OutageListeners, later: Later = unrefTimer) {
    this.#options = options;
    this.#listeners = listeners;
    this.#later = later;
  }

  /** A request that began at `startedAt` was given up at `now` without an answer. */
  failed(startedAt: number, now: number, detail: string): void {
    const before = this.#state;
    if (before.kind === 'away') {
      this.#reword(before, detail, now);
      return;
    }
    // An answer to another request in the meantime proves that the store was there until then.
    const since =
      before.kind === 'failing'
        ? Math.min(before.since, startedAt)
        : Math.max(before.lastAnswerAt, startedAt);
    if (now - since < this.#options.awayAfterMs) {
      this.#state = { kind: 'failing', since, wasSlow: wasSlow(before) };
      return;
    }
    this.#tellAway(detail, now);
  }

  /**
   * A request that began at `startedAt` still waits at `now`. When none was answered for `silenceMs`
   * either, the store is slow when a byte moved since then (at `movedAt`), and else away.
   */
  waited(startedAt: number, now: number, movedAt: number): void {
    if (this.#state.kind === 'away') return;
    const { silenceMs } = this.#options;
    const { kind } = this.#state;
    const lastSign = kind === 'failing' ? this.#state.since : this.#state.lastAnswerAt;
    if (now - Math.max(lastSign, startedAt) < silenceMs) return;
    if (now - movedAt < silenceMs) {
      if (kind === 'answering') this.#slow(lastSign);
      return;
    }
    this.#tellAway(`no answer for ${Math.round(silenceMs / 1000)} s`, now);
  }

  /** The store answered at `now`, to a request of `startedAt`; a refusal is an answer too. */
  answered(startedAt: number, now: number): void {
    const before = this.#state;
    const isSlow = wasSlow(before) && now - startedAt >= this.#options.silenceMs;
    this.#state = { kind: isSlow ? 'slow' : 'answering', lastAnswerAt: now };
    if (before.kind === 'away' || (wasSlow(before) && !isSlow)) this.#listeners.onBack();
  }

  #tellAway(detail: string, now: number): void {
    this.#state = { kind: 'away', told: detail, toldAt: now, next: undefined };
    this.#listeners.onAway(detail);
  }

  /** A store that asks for peace may not be asked again for minutes: what comes too early is kept. */
  #reword(away: Away, detail: string, now: number): void {
    if (away.next !== undefined) {
      away.next = detail;
      return;
    }
    if (detail === away.told) return;
    const dueAt = away.toldAt + STORAGE_REWORD_MS;
    if (now >= dueAt) {
      this.#tellAway(detail, now);
      return;
    }
    away.next = detail;
    this.#later(dueAt - now, () => this.#tellNext(away, dueAt));
  }

  #tellNext(away: Away, now: number): void {
    const { next } = away;
    away.next = undefined;
    if (this.#state !== away || next === undefined || next === away.told) return;
    this.#tellAway(next, now);
  }

  #slow(lastAnswerAt: number): void {
    this.#state = { kind: 'slow', lastAnswerAt };
    this.#listeners.onSlow?.();
  }
}

/** Whether it was told that the store is slow, and nothing else since. */
function wasSlow(state: OutageState): boolean {
  return state.kind === 'slow' || (state.kind === 'failing' && state.wasSlow);
}

/** What is still to be told keeps no process alive. */
function unrefTimer(ms: number, run: () => void): void {
  setTimeout(run, ms).unref();
}
