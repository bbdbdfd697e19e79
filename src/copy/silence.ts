export interface SilenceLimits {
  /** Nothing was heard for so long. */
  readonly silenceMs: number;
  /** What was said while nobody could hear it is heard within this. */
  readonly hearingMs: number;
}

/**
 * Tells when a process that says each second that it lives says so no more. A daemon that stood still
 * itself (a paused machine, a write that its disk did not take) finds both at once, the time that has
 * passed and all that was said meanwhile: so it listens once more before it believes the silence.
 */
export class Silence {
  readonly #limits: SilenceLimits;
  readonly #onSilent: () => void;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(limits: SilenceLimits, onSilent: () => void) {
    this.#limits = limits;
    this.#onSilent = onSilent;
    this.heard();
  }

  heard(): void {
    clearTimeout(this.#timer);
    if (this.#hasEnded) return;
    const { silenceMs, hearingMs } = this.#limits;
    this.#timer = setTimeout(() => {
      this.#timer = setTimeout(this.#onSilent, hearingMs);
    }, silenceMs - hearingMs);
  }

  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }
}
