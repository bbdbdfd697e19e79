/** Samples older than this say nothing about the rate now. */
const WINDOW_MS = 10_000;

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/** The rate of a growing byte count over the last ten seconds; a stall brings it down to zero. */
export class RateMeter {
  readonly #now: () => number;
  #samples: Sample[] = [];

  /** @param now milliseconds of a clock that never steps back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  record(bytes: number): void {
    this.#samples.push({ atMs: this.#now(), bytes });
    this.#forget();
  }

  get bytesPerSecond(): number {
    this.#forget();
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined) return 0;
    const seconds = (this.#now() - first.atMs) / 1000;
    return seconds < 0.2 ? 0 : (last.bytes - first.bytes) / seconds;
  }

  /** Keeps one sample from before the window, so that a rate has a beginning. */
  #forget(): void {
    const from = this.#now() - WINDOW_MS;
    const keep = this.#samples.findLastIndex((sample) => sample.atMs <= from);
    if (keep > 0) this.#samples = this.#samples.slice(keep);
  }
}
