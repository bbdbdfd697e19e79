import type { Doubted } from './journal.ts';

/** A block that was read, and that no check of the disk has passed since. */
export class BlockOnTrust {
  readonly blob: string;
  readonly index: number;
  /** It is not to be written down before a check has passed: the disk is known to be sick. */
  readonly isHeldBack: boolean;
  /** Resolves when it may be written down; rejects with the error of a check that did not pass. */
  readonly sure: Promise<void>;
  readonly #sure = Promise.withResolvers<void>();
  #isChecked = false;

  constructor(blob: string, index: number, isHeldBack: boolean) {
    this.blob = blob;
    this.index = index;
    this.isHeldBack = isHeldBack;
    this.sure = this.#sure.promise;
    // Whoever waits hears of it; nobody may be waiting yet.
    this.sure.catch(() => undefined);
    if (!isHeldBack) this.#sure.resolve();
  }

  /** A check that began after it was read has passed. */
  passed(): void {
    this.#isChecked = true;
    this.#sure.resolve();
  }

  /** Such a check did not pass, or none will come any more. */
  failed(error: unknown): void {
    this.#sure.reject(error);
  }

  /** What the journal is to say of it beside what it is, at the moment that it is written down. */
  get noted(): { readonly isUnchecked?: true } {
    return this.#isChecked ? {} : { isUnchecked: true };
  }

  get doubted(): Doubted {
    return { kind: 'doubted', blob: this.blob, index: this.index };
  }
}

/** A block of which nothing was read since the last check. */
export const CHECKED: Pick<BlockOnTrust, 'sure' | 'noted'> = {
  sure: Promise.resolve(),
  noted: {},
};
