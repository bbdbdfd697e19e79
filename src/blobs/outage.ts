import { STORAGE_REWORD_MS } from '../limits.ts';

export interface OutageListeners {
  /**
   * The store has been away for longer than the grace; `detail` says how it failed last. Told again
   * during the same outage when it fails in other words, at most once in `STORAGE_REWORD_MS`.
   */
  readonly onAway: (detail: string) => void;
  /** The store is there, but slow: no request was answered for a while, though bytes move. */
  readonly onSlow?: (() => void) | undefined;
  /** The store has a commit whole and takes its time over it; nothing else waits for an answer. */
  readonly onCommitting?: (() => void) | undefined;
  /** The store answers again, or at its usual speed; told only after one of the others. */
  readonly onBack: () => void;
}

export interface OutageOptions {
  /** An outage shorter than this is not told, in ms. */
  readonly awayAfterMs: number;
  /** Without any answer for this long the store is slow or away, in ms. */
  readonly silenceMs: number;
}

/** A request that waits for its answer. */
export interface Waiting {
  readonly startedAt: number;
  /** It is a commit and was sent whole: it has a time of its own, at the end of which it fails. */
  readonly isSentCommit: boolean;
}

/** What was told of a store that is there, and nothing else since. */
type ToldBusy = 'slow' | 'committing' | undefined;

type OutageState =
  | { readonly kind: 'answering' | 'slow' | 'committing'; readonly lastAnswerAt: number }
  | { readonly kind: 'failing'; readonly since: number; readonly told: ToldBusy }
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

/** A look is late when it comes this part of a silence after the one before, or more. */
const LATE_PART = 4;
/** Failures on both sides of so many standstills are an outage all the same. */
const STANDSTILLS_MAX = 4;
/** After so many commits that ran out of their time, one after the other, the store is away. */
const LATE_COMMITS_MAX = 3;

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
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** From when silence counts, at the earliest: put off by the time in which the process stood still. */
  #countedFrom = Number.NEGATIVE_INFINITY;
  /** The same for bytes: when the last one moved, at the earliest. */
  #movedFrom = Number.NEGATIVE_INFINITY;
  /** When the process went on that had stood still. */
  #stillUntil = Number.NEGATIVE_INFINITY;
  /** How often it did so since the last answer. */
  #standstills = 0;
  /** Of so many commits more it is believed that the store is at work on them, until it answers. */
  #believed = LATE_COMMITS_MAX;

  constructor(options: OutageOptions, listeners: OutageListeners, later: Later = unrefTimer) {
    this.#options = options;
    this.#listeners = listeners;
    this.#later = later;
  }

  /**
   * A request that began at `startedAt` was given up at `now` without an answer. One that began before the
   * process stood still lost its connection meanwhile: what the store is like the next one shows.
   */
  failed(startedAt: number, now: number, detail: string): void {
    const before = this.#state;
    if (before.kind === 'away') {
      this.#reword(before, detail, now);
      return;
    }
    if (this.#isLate(Math.max(startedAt, this.#lookedAt), now)) this.#stoodStill(now);
    if (startedAt < this.#stillUntil) return;
    if (this.#standstills >= STANDSTILLS_MAX) {
      this.#tellAway(detail, now);
      return;
    }
    // An answer to another request in the meantime proves that the store was there until then.
    const since =
      before.kind === 'failing'
        ? Math.max(this.#stillUntil, Math.min(before.since, startedAt))
        : Math.max(before.lastAnswerAt, startedAt);
    if (now - since < this.#options.awayAfterMs) {
      this.#state = { kind: 'failing', since, told: toldBusy(before) };
      return;
    }
    this.#tellAway(detail, now);
  }

  /**
   * A request still waits at `now`. When none was answered for `silenceMs` either, the store is at work on
   * a commit that it has whole, or slow when a byte moved since then (at `movedAt`), or else away. One that
   * was away before is at work only on a commit begun since then: that it arrived shows that the way is
   * open. That is believed of a few commits in a row, and of none once others got no answer beside one.
   *
   * To be called ten times or so in `silenceMs` while a request waits. A call that comes late shows that
   * the process stood still (suspended, stopped, starved) and could see neither bytes nor answers: that
   * time is no silence of the store.
   */
  waited({ startedAt, isSentCommit }: Waiting, now: number, movedAt: number): void {
    const state = this.#state;
    const { kind } = state;
    if (kind === 'away') {
      const isNewCommit = isSentCommit && this.#believed > 0 && startedAt >= state.toldAt;
      if (!isNewCommit) return;
    }
    const { silenceMs } = this.#options;
    const lastSign = lastSignOf(state);
    const sign = Math.max(lastSign, startedAt);
    this.#look(sign, now, movedAt);
    if (now - Math.max(sign, this.#countedFrom) < silenceMs) return;
    if (isSentCommit) {
      if (toldBusy(state) !== 'committing') this.#committing(lastSign);
    } else if (now - Math.max(movedAt, this.#movedFrom) < silenceMs) {
      if (kind === 'answering') this.#slow(lastSign);
    } else {
      if (toldBusy(state) === 'committing') this.#believed = 0;
      this.#tellAway(`no answer for ${Math.round(silenceMs / 1000)} s`, now);
    }
  }

  /** The store answered at `now`, to a request of `startedAt`; a refusal is an answer too. */
  answered(startedAt: number, now: number): void {
    const before = this.#state;
    const told = toldBusy(before);
    this.#standstills = 0;
    this.#believed = LATE_COMMITS_MAX;
    const isSlow = told === 'slow' && now - startedAt >= this.#options.silenceMs;
    this.#state = { kind: isSlow ? 'slow' : 'answering', lastAnswerAt: now };
    if (before.kind === 'away' || (told !== undefined && !isSlow)) this.#listeners.onBack();
  }

  /** A pause between two requests was to end at `dueAt` and ended at `now`. */
  paused(dueAt: number, now: number): void {
    if (this.#isLate(dueAt, now)) this.#stoodStill(now);
  }

  #stoodStill(now: number): void {
    this.#stillUntil = now;
    this.#standstills += 1;
  }

  /** Whether so long nothing was looked at that the process stood still. */
  #isLate(from: number, now: number): boolean {
    return now - from >= this.#options.silenceMs / LATE_PART;
  }

  /** Puts off what silence is counted from when this look is late. */
  #look(sign: number, now: number, movedAt: number): void {
    const from = Math.max(sign, this.#countedFrom);
    const seenAt = Math.max(from, this.#lookedAt);
    this.#lookedAt = now;
    if (!this.#isLate(seenAt, now)) return;
    const unseenMs = now - seenAt;
    this.#stoodStill(now);
    this.#countedFrom = from + unseenMs;
    this.#movedFrom = Math.min(now, Math.max(movedAt, this.#movedFrom) + unseenMs);
  }

  #tellAway(detail: string, now: number): void {
    if (toldBusy(this.#state) === 'committing') this.#believed -= 1;
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

  #committing(lastAnswerAt: number): void {
    this.#state = { kind: 'committing', lastAnswerAt };
    this.#listeners.onCommitting?.();
  }
}

/** When it was known last how the store is. */
function lastSignOf(state: OutageState): number {
  if (state.kind === 'away') return state.toldAt;
  return state.kind === 'failing' ? state.since : state.lastAnswerAt;
}

function toldBusy(state: OutageState): ToldBusy {
  if (state.kind === 'failing') return state.told;
  return state.kind === 'slow' || state.kind === 'committing' ? state.kind : undefined;
}

/** What is still to be told keeps no process alive. */
function unrefTimer(ms: number, run: () => void): void {
  setTimeout(run, ms).unref();
}
