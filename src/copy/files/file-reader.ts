import type { Extent } from '../../domain/plan.ts';
import { isStationError } from '../../errors.ts';
import type { OpenFile } from './drive.ts';
import type { Patience } from './patience.ts';

export type Filled = 'whole' | 'ends-early' | 'unreadable';

/**
 * Reads stretches of one open file. Without patience the first bad place is thrown: the other files of
 * the drive come first, and this one is opened again when they are done.
 */
export class FileReader {
  readonly #file: OpenFile;
  readonly #patience: Patience | undefined;
  /** What could not be read, by the offset that was asked for: no bad place is gone through twice. */
  readonly #unreadable = new Map<number, readonly Extent[]>();

  constructor(file: OpenFile, patience: Patience | undefined) {
    this.#file = file;
    this.#patience = patience;
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  /** Extents of the file that were asked for and could not be read. */
  get unreadable(): readonly Extent[] {
    return [...this.#unreadable.values()].flat().sort((a, b) => a.offsetBytes - b.offsetBytes);
  }

  /** Throws `file-read-failed` where there is no patience, and what a drive that left throws. */
  async fill(buffer: Buffer, offsetBytes: number, signal: AbortSignal): Promise<Filled> {
    if (offsetBytes + buffer.length > this.sizeBytes) return 'ends-early';
    if (this.#unreadable.has(offsetBytes)) return 'unreadable';
    if (this.#patience === undefined) return await this.#fillAtOnce(buffer, offsetBytes);
    const stretch = { file: this.#file, offsetBytes, buffer };
    const lost = await this.#patience.fill(stretch, signal);
    if (lost.length === 0) return 'whole';
    this.#unreadable.set(offsetBytes, lost);
    return 'unreadable';
  }

  async #fillAtOnce(buffer: Buffer, offsetBytes: number): Promise<Filled> {
    for (let done = 0; done < buffer.length; ) {
      const rest = buffer.subarray(done);
      const length = await this.#file.read(rest, offsetBytes + done, rest.length);
      if (length === 0) return 'ends-early';
      done += length;
    }
    return 'whole';
  }
}

/** Whether it is about a place of a file, so that others may still be read. */
export function isBadPlace(error: unknown): boolean {
  return isStationError(error, 'file-read-failed');
}
