import { type FromCopy, type Given, NOTHING_GIVEN } from '../copy/messages.ts';
import { conditionOf, type DriveCondition, WELL } from '../domain/condition.ts';
import {
  CALM,
  climb,
  type DiskWait,
  type HangLadder,
  type KernelAnswer,
  type LadderEvent,
  type LadderTimes,
  ladderTimes,
  type ResetOutcome,
  type SpinUpWait,
} from '../domain/hang-ladder.ts';
import {
  HANG_ASK_MS,
  HANG_LANE_MS,
  HANG_SHOWN_MS,
  SLOW_READ_BYTES_PER_S,
  SLOW_WINDOW_MS,
  WELL_AGAIN_MS,
} from '../limits.ts';

export interface VitalSignsOptions {
  /** A disk that has not answered for this long is given up. */
  readonly readHangMs: number;
  /** A disk that sleeps gets this long until it reads. */
  readonly spinUpMs: number;
  /** An earlier attempt failed at the disk. */
  readonly failedBefore: boolean;
}

export interface VitalSignsDependencies {
  /** `waitedMs`: what it said before that is of no interest. */
  askKernel(waitedMs: number): Promise<KernelAnswer>;
  reset(): Promise<ResetOutcome>;
  /** The copy is well, sick or hangs from now on. */
  onCondition(condition: DriveCondition): void;
  /** Milliseconds of a clock that never steps back. */
  now(): number;
}

/** The pulse of one attempt at a copy: how it gets on, and what is done while its disk says nothing. */
export class VitalSigns {
  readonly #deps: VitalSignsDependencies;
  readonly #times: LadderTimes;
  readonly #failedBefore: boolean;
  readonly #spinUpMs: number;
  #spinUp: SpinUpWait | undefined;
  #ladder = CALM;
  #condition: DriveCondition = WELL;
  #isRescuing = false;
  #calmSinceMs: number;
  #given = NOTHING_GIVEN;
  #windowFrom = NOTHING_GIVEN;
  #diskBytesPerSecond: number | undefined;

  constructor(options: VitalSignsOptions, dependencies: VitalSignsDependencies) {
    this.#deps = dependencies;
    this.#failedBefore = options.failedBefore;
    const { readHangMs, spinUpMs } = options;
    this.#spinUpMs = spinUpMs;
    this.#times = ladderTimes(readHangMs, { shownMs: HANG_SHOWN_MS, askMs: HANG_ASK_MS });
    this.#calmSinceMs = dependencies.now();
  }

  get ladder(): HangLadder {
    return this.#ladder;
  }

  /** How the disk is waited for that slept; `undefined` when it is not worth telling. */
  get spinUp(): { readonly waitedMs: number; readonly limitMs: number } | undefined {
    if (this.#spinUp === undefined) return undefined;
    return { waitedMs: this.#spinUp.waitedMs, limitMs: this.#spinUpMs };
  }

  get condition(): DriveCondition {
    return this.#condition;
  }

  /** What the disk gave so far, as the copy process last said. */
  get given(): Given {
    return this.#given;
  }

  get giveUpMs(): number {
    return this.#times.giveUpMs;
  }

  /** Each message of the copy process. */
  hear(message: FromCopy): void {
    switch (message.kind) {
      case 'alive':
        this.#given = message.given;
        this.#measure(message.given);
        this.waits(message.wait);
        break;
      case 'rescuing':
        this.#isRescuing = true;
        this.#judge(0);
        break;
      case 'phase':
        this.#isRescuing = false;
        break;
      case 'ready':
      case 'planned':
      case 'reconciled':
      case 'volume-opened':
      case 'tool-abandoned':
      case 'progress':
      case 'storage-away':
      case 'storage-back':
      case 'settled':
      case 'failed':
        break;
    }
  }

  /** What waits for the disk at this moment, and for how long. */
  waits(wait: DiskWait): void {
    this.#spinUp = undefined;
    if (wait.kind === 'spin-up') {
      this.#ladder = CALM;
      const shownMs = Math.min(HANG_SHOWN_MS, this.#spinUpMs / 4);
      const isShown = wait.waitedMs >= shownMs && wait.waitedMs < this.#spinUpMs;
      if (isShown) this.#spinUp = wait;
      return;
    }
    if (wait.waitedMs >= this.#times.shownMs) this.#calmSinceMs = this.#deps.now();
    this.#climb({ kind: 'waited', wait });
    this.#judge(wait.waitedMs);
  }

  #climb(event: LadderEvent): void {
    const { ladder, step } = climb(this.#ladder, event, this.#times);
    this.#ladder = ladder;
    if (step === 'ask-kernel') {
      this.#told(
        this.#deps
          .askKernel(ladder.wait?.waitedMs ?? 0)
          .then((answer) => ({ kind: 'kernel-answered', answer })),
      );
    }
    if (step === 'reset') {
      this.#told(this.#deps.reset().then((outcome) => ({ kind: 'reset-ended', outcome })));
    }
  }

  /** The clock does not wait for what asking and resetting come to. */
  #told(event: Promise<LadderEvent>): void {
    void event.then(
      (told) => this.#climb(told),
      () => undefined,
    );
  }

  #judge(waitedMs: number): void {
    const signs = {
      waitedMs,
      isRescuing: this.#isRescuing,
      diskBytesPerSecond: this.#diskBytesPerSecond,
      failedBefore: this.#failedBefore,
      calmMs: this.#deps.now() - this.#calmSinceMs,
    };
    const before = this.#condition;
    const hangLaneMs = Math.min(HANG_LANE_MS, this.#times.askMs);
    const limits = { slowBytesPerSecond: SLOW_READ_BYTES_PER_S, wellAgainMs: WELL_AGAIN_MS };
    this.#condition = conditionOf(before, signs, { ...limits, hangLaneMs });
    if (this.#condition.kind !== before.kind) this.#deps.onCondition(this.#condition);
  }

  /** The rate of the disk alone, over each minute that it spent in reads. */
  #measure(given: Given): void {
    const ms = given.ms - this.#windowFrom.ms;
    if (ms < SLOW_WINDOW_MS) return;
    this.#diskBytesPerSecond = ((given.bytes - this.#windowFrom.bytes) / ms) * 1000;
    this.#windowFrom = given;
  }
}
