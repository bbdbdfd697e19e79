import type { Standing } from '../domain/rescue/rescue.ts';
import { type BadPlaces, START } from './bad-places.ts';
import type { PlannedBlock } from './planned-block.ts';

/**
 * The open blocks of a disk in order, as many at a time as there is room to keep, and one at least. Each
 * window has its own passes; the time is that of the drive.
 *
 * Retries that an earlier attempt began go on with the blocks that had them, however many of these fit
 * now: they are those that have bad sectors already. All others begin at the beginning.
 */
export class RescueWindows {
  readonly #badPlaces: BadPlaces;
  readonly #blocks: readonly PlannedBlock[];
  readonly #before: Standing;
  #at = 0;

  constructor(badPlaces: BadPlaces) {
    this.#badPlaces = badPlaces;
    this.#blocks = [...badPlaces.open()];
    this.#before = badPlaces.standing;
  }

  /** The next window; `standing` is then where it begins. `undefined` behind the last one. */
  async next(): Promise<readonly PlannedBlock[] | undefined> {
    const first = this.#blocks[this.#at];
    if (first === undefined) return undefined;
    const isRetried = this.#isRetried(first);
    const end = this.#endOf(isRetried, await this.#badPlaces.allowedBytes());
    const window = this.#blocks.slice(this.#at, end);
    this.#at = end;
    const { spentMs } = this.#badPlaces.standing;
    this.#badPlaces.standing = { ...(isRetried ? this.#before : START), spentMs };
    return window;
  }

  #endOf(isRetried: boolean, allowedBytes: number): number {
    const { scratch } = this.#badPlaces;
    let neededBytes = scratch.keptBytes;
    let end = this.#at;
    for (; ; end++) {
      const block = this.#blocks[end];
      if (block === undefined) return end;
      const { offsetBytes, lengthBytes } = block.extent;
      neededBytes += lengthBytes - scratch.keptOf(offsetBytes);
      const fits = neededBytes <= allowedBytes && this.#isRetried(block) === isRetried;
      if (end > this.#at && !fits) return end;
    }
  }

  #isRetried({ extent }: PlannedBlock): boolean {
    const { status } = this.#before;
    if (status !== 'bad' && status !== 'finished') return false;
    return this.#badPlaces.map.within(extent).some((area) => area.status === 'bad');
  }
}
