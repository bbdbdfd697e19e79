import { DISK_RESETS_MAX, DISK_RESETS_WINDOW_MS } from '../limits.ts';

/** How often disks were reset lately, by what they call themselves: a disk that is back is a new one. */
export class ResetCount {
  readonly #now: () => number;
  readonly #at = new Map<string, readonly number[]>();

  /** @param now milliseconds of a clock that never runs backwards. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether one more reset would only begin the same again. */
  isUsedUp(disk: string): boolean {
    return this.#lately(disk).length >= DISK_RESETS_MAX;
  }

  wasReset(disk: string): void {
    const times = [...this.#lately(disk), this.#now()];
    for (const other of this.#at.keys()) {
      if (this.#lately(other).length === 0) this.#at.delete(other);
    }
    this.#at.set(disk, times);
  }

  #lately(disk: string): readonly number[] {
    const from = this.#now() - DISK_RESETS_WINDOW_MS;
    return (this.#at.get(disk) ?? []).filter((at) => at > from);
  }
}
