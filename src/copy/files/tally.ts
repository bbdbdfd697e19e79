import type { FileItem } from '../../domain/file-item.ts';
import type { FromCopy } from '../messages.ts';

/** The part of the progress that one file makes. */
export interface ItemTally {
  /** The store has verified a range; told again for a range that was sent again. */
  readonly safe: (lengthBytes: number) => void;
  /** The file has ended, with so many of its bytes read back. */
  readonly ended: (bytes: number) => void;
  /** It is copied another time; what was counted of it stays counted. */
  readonly putOff: () => void;
}

/** Progress of a copy of files: a file never counts for more than its length, whatever was repeated. */
export class FilesTally {
  readonly #totalBytes: number;
  readonly #report: (message: FromCopy) => void;
  /** What was counted of files that were put off, by their index. */
  readonly #putOff = new Map<number, number>();
  #stagedBytes: number;
  verifiedBytes: number;

  constructor(totalBytes: number, heldBytes: number, report: (message: FromCopy) => void) {
    this.#totalBytes = totalBytes;
    this.#report = report;
    this.#stagedBytes = heldBytes;
    this.verifiedBytes = heldBytes;
    this.#tell();
  }

  of({ index, lengthBytes }: FileItem): ItemTally {
    let counted = this.#putOff.get(index) ?? 0;
    this.#putOff.delete(index);
    const count = (bytes: number) => {
      const more = Math.min(bytes, lengthBytes - counted);
      counted += more;
      this.#stagedBytes += more;
    };
    return {
      safe: (bytes) => {
        count(bytes);
        this.#tell();
      },
      ended: (bytes) => {
        count(bytes - counted);
        this.verifiedBytes += bytes;
        this.#tell();
      },
      putOff: () => {
        if (counted > 0) this.#putOff.set(index, counted);
      },
    };
  }

  #tell(): void {
    const progress = {
      totalBytes: this.#totalBytes,
      stagedBytes: this.#stagedBytes,
      verifiedBytes: this.verifiedBytes,
    };
    this.#report({ kind: 'progress', progress });
  }
}
