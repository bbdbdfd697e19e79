import { isStationError, StationError } from '../errors.ts';
import { GOOD_PLACES } from '../limits.ts';
import type { SourceDevice } from './device.ts';

interface GoodPlace {
  readonly offsetBytes: number;
  readonly bytes: Buffer;
}

/** One read of any disk, whatever its sectors. */
const PLACE_BYTES = 4096;

/**
 * A few places of the disk that were read without an error and whose bytes the store has taken, spread
 * over all of it by chance. After an error one of them is read again: some drives return rubbish from
 * then on, without a word, and others return nothing any more.
 */
export class GoodPlaces {
  readonly #device: SourceDevice;
  readonly #random: () => number;
  readonly #places: GoodPlace[] = [];
  /** Page-aligned, as reads past the page cache need it. */
  readonly #again = Buffer.from(new WebAssembly.Memory({ initial: 1 }).buffer, 0, PLACE_BYTES);
  #seen = 0;
  #isInDoubt = false;

  constructor(device: SourceDevice, random: () => number) {
    this.#device = device;
    this.#random = random;
  }

  /** `block`: what the store has taken, from `offsetBytes` of the disk; a part of it is kept. */
  remember(offsetBytes: number, block: Buffer): void {
    if (block.length < PLACE_BYTES) return;
    this.#seen++;
    const isKept = this.#places.length < GOOD_PLACES || this.#random() < GOOD_PLACES / this.#seen;
    if (!isKept) return;
    const place = { offsetBytes, bytes: Buffer.from(block.subarray(0, PLACE_BYTES)) };
    if (this.#places.length < GOOD_PLACES) this.#places.push(place);
    else this.#places[Math.floor(this.#random() * GOOD_PLACES)] = place;
  }

  /** A read failed: `clearDoubt` is due before anything is taken from the disk or written down of it. */
  doubt(): void {
    this.#isInDoubt = true;
  }

  /** Checks a place once for all errors in a row; throws what `check` throws. */
  async clearDoubt(): Promise<void> {
    if (!this.#isInDoubt) return;
    await this.check();
    this.#isInDoubt = false;
  }

  /**
   * Throws `disk-content-changed` when a place reads differently now, and `disk-read-failed` when none
   * of them can be read any more, though the disk is there: then it is not sectors that are bad.
   */
  async check(): Promise<void> {
    const from = Math.floor(this.#random() * this.#places.length);
    let failure: unknown;
    for (let step = 0; step < this.#places.length; step++) {
      const place = this.#places[(from + step) % this.#places.length];
      if (place === undefined) return;
      try {
        return await this.#compare(place);
      } catch (error) {
        if (!isStationError(error, 'disk-read-failed')) throw error;
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
  }

  async #compare({ offsetBytes, bytes }: GoodPlace): Promise<void> {
    const again = this.#again;
    await this.#device.readInto(again, offsetBytes);
    if (again.equals(bytes)) return;
    const { devicePath } = this.#device;
    const words = `${devicePath} reads differently at byte ${offsetBytes} after a read error`;
    throw new StationError('disk-content-changed', words, { devicePath, offsetBytes });
  }
}
