/** When and how far the fast copy leaves a bad neighbourhood. */
export interface SkipRules {
  /** Left behind the first bad read; doubled by each further one, forgotten with good ones. */
  readonly initialBytes: number;
  readonly maxBytes: number;
  /** A good read below this rate is slow, in bytes a second. */
  readonly slowBytesPerSecond: number;
  /** So many slow reads in a row make a slow area: one alone is a disk that spins up. */
  readonly slowReads: number;
  /** So many good bytes after an error make reads large again. */
  readonly carefulBytes: number;
}

/**
 * The fast copy reads forwards. After a read that failed, and in an area where reads are slow, it leaves
 * what comes next for later, and more of it each time: a drive spends its strength on the good areas
 * first.
 *
 * A drive with one bad place has others. From the first error on it is read with care, in small reads, so
 * that an error is about little and what came before it is kept.
 */
export class Skipping {
  readonly #rules: SkipRules;
  #skipBytes: number;
  #slow = 0;
  #goodBytes = Number.POSITIVE_INFINITY;

  constructor(rules: SkipRules) {
    this.#rules = rules;
    this.#skipBytes = rules.initialBytes;
  }

  /** Whether to read in small pieces. */
  get isCareful(): boolean {
    return this.#goodBytes < this.#rules.carefulBytes;
  }

  /** How many bytes behind a failed read are left for later. */
  failed(): number {
    this.#goodBytes = 0;
    return this.#leave();
  }

  #leave(): number {
    const bytes = this.#skipBytes;
    this.#skipBytes = Math.min(bytes * 2, this.#rules.maxBytes);
    return bytes;
  }

  /** The same behind a read that came: none, unless it is slow here. */
  read({ lengthBytes, elapsedMs }: { lengthBytes: number; elapsedMs: number }): number {
    this.#goodBytes += lengthBytes;
    const isSlow = lengthBytes / (elapsedMs / 1000) < this.#rules.slowBytesPerSecond;
    this.#slow = isSlow ? this.#slow + 1 : 0;
    if (this.#slow >= this.#rules.slowReads) return this.#leave();
    if (!isSlow) this.#skipBytes = this.#rules.initialBytes;
    return 0;
  }
}
