export interface OutageListeners {
  /** The store has been away for longer than the grace; `detail` says how it failed last. */
  readonly onAway: (detail: string) => void;
  /** The store answers again; told only after `onAway`. */
  readonly onBack: () => void;
}

type OutageState =
  | { readonly kind: 'answering'; readonly lastAnswerAt: number }
  | { readonly kind: 'failing'; readonly since: number }
  | { readonly kind: 'away' };

/**
 * What the concurrent requests of one container know together about their store. However many of them
 * fail, an outage is told once when it has lasted, and its end once. Times are milliseconds of any
 * clock that never runs backwards.
 */
export class Outage {
  readonly #awayAfterMs: number;
  readonly #listeners: OutageListeners;
  #state: OutageState = { kind: 'answering', lastAnswerAt: Number.NEGATIVE_INFINITY };

  constructor(options: { readonly awayAfterMs: number }, listeners: OutageListeners) {
    this.#awayAfterMs = options.awayAfterMs;
    this.#listeners = listeners;
  }

  /** A request that began at `startedAt` was given up at `now` without an answer. */
  failed(startedAt: number, now: number, detail: string): void {
    if (this.#state.kind === 'away') return;
    // An answer to another request in the meantime proves that the store was there until then.
    const since =
      this.#state.kind === 'failing'
        ? Math.min(this.#state.since, startedAt)
        : Math.max(this.#state.lastAnswerAt, startedAt);
    if (now - since < this.#awayAfterMs) {
      this.#state = { kind: 'failing', since };
      return;
    }
    this.#state = { kind: 'away' };
    this.#listeners.onAway(detail);
  }

  /**
   * A request that began at `startedAt` still waits at `now`. When none was answered for `silenceMs`
   * either, the store is away.
   */
  waited(startedAt: number, now: number, silenceMs: number): void {
    if (this.#state.kind === 'away') return;
    const { kind } = this.#state;
    const lastSign = kind === 'failing' ? this.#state.since : this.#state.lastAnswerAt;
    if (now - Math.max(lastSign, startedAt) < silenceMs) return;
    this.#state = { kind: 'away' };
    this.#listeners.onAway(`no answer for ${Math.round(silenceMs / 1000)} s`);
  }

  /** The store answered at `now`; a refusal is an answer too. */
  answered(now: number): void {
    const wasAway = this.#state.kind === 'away';
    this.#state = { kind: 'answering', lastAnswerAt: now };
    if (wasAway) this.#listeners.onBack();
  }
}
