import type { ImagePlan } from '../domain/plan.ts';
import type { FromCopy } from './messages.ts';

/** Progress is what the journal has, never what was merely sent. */
export class Tally {
  readonly #totalBytes: number;
  readonly #report: (message: FromCopy) => void;
  #stagedBytes: number;
  #verifiedBytes = 0;

  /** @param heldBytes what the store has of earlier attempts. */
  constructor(plan: ImagePlan, heldBytes: number, report: (message: FromCopy) => void) {
    this.#totalBytes = plan.totalBytes;
    this.#stagedBytes = heldBytes;
    this.#report = report;
    this.#tell();
  }

  staged(lengthBytes: number): void {
    this.#stagedBytes += lengthBytes;
    this.#tell();
  }

  verified(lengthBytes: number): void {
    this.#verifiedBytes += lengthBytes;
    this.#tell();
  }

  #tell(): void {
    const progress = {
      totalBytes: this.#totalBytes,
      stagedBytes: this.#stagedBytes,
      verifiedBytes: this.#verifiedBytes,
    };
    this.#report({ kind: 'progress', progress });
  }
}
