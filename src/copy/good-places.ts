import { isStationError, StationError } from '../errors.ts';
import { GOOD_PLACES, UNCHECKED_BLOCKS_MAX, UNSURE_BLOCKS_MAX } from '../limits.ts';
import { alignedBuffer } from './aligned-buffer.ts';
import type { SourceDevice } from './device.ts';
import type { Doubted } from './journal.ts';

interface GoodPlace {
  readonly offsetBytes: number;
  readonly bytes: Buffer;
}

/** One read of any disk, whatever its sectors. */
const PLACE_BYTES = 4096;
const PLACES_COMPARED = 2;

/**
 * A few places of the disk that were read without an error, spread over all of it by chance. After an
 * error two of them are read again, and from time to time without one: some drives return rubbish from
 * then on, without a word, and others return nothing any more.
 *
 * That may begin some time after the error. So from the first one on nothing is sure that was read since
 * the last check: it is not written down as safe, and gives no place to compare with, until one passed.
 * What was read since the last one is known, to be taken back.
 */
export class GoodPlaces {
  readonly #device: SourceDevice;
  readonly #random: () => number;
  #places: GoodPlace[] = [];
  /** Read since the last check. */
  #candidates: GoodPlace[] = [];
  readonly #again = alignedBuffer(PLACE_BYTES);
  #seen = 0;
  #isSick = false;
  #isInDoubt = false;
  #unsure: PromiseWithResolvers<void>[] = [];
  /** Blocks that were read since the last check. */
  #unchecked: Doubted[] = [];
  #hasLied = false;

  constructor(device: SourceDevice, random: () => number) {
    this.#device = device;
    this.#random = random;
  }

  /** `block`: what was just read from `offsetBytes` of the disk; a part of it is kept. */
  remember(offsetBytes: number, block: Buffer): void {
    if (block.length < PLACE_BYTES) return;
    const bytes = () => Buffer.from(block.subarray(0, PLACE_BYTES));
    if (this.#isSick) {
      const isWanted = this.#places.length + this.#candidates.length < GOOD_PLACES;
      if (isWanted) this.#candidates.push({ offsetBytes, bytes: bytes() });
      return;
    }
    this.#seen++;
    if (this.#places.length < GOOD_PLACES) this.#places.push({ offsetBytes, bytes: bytes() });
    else if (this.#random() < GOOD_PLACES / this.#seen) {
      const younger = 1 + Math.floor(this.#random() * (GOOD_PLACES - 1));
      this.#places[younger] = { offsetBytes, bytes: bytes() };
    }
  }

  /** The disk is known to have bad places: from now on it is believed from check to check. */
  suspect(): void {
    this.#isSick = true;
  }

  /** A read failed: `clearDoubt` is due before anything is taken from the disk or written down of it. */
  doubt(): void {
    this.suspect();
    this.#isInDoubt = true;
  }

  /** Checks a place once for all errors in a row; throws what `check` throws. */
  async clearDoubt(): Promise<void> {
    if (this.#isInDoubt) await this.check();
  }

  /**
   * A block was just read. Resolves when it is sure: at once while the disk never failed, else with the
   * next check that passes. Rejects with the error of one that does not, and with that of `giveUp`.
   */
  sure(blob: string, index: number): Promise<void> {
    this.#unchecked.push({ kind: 'doubted', blob, index });
    if (!this.#isSick) return Promise.resolve();
    const unsure = Promise.withResolvers<void>();
    // Whoever waits hears of it; nobody may be waiting yet.
    unsure.promise.catch(() => undefined);
    this.#unsure.push(unsure);
    return unsure.promise;
  }

  /** What was read before the disk was found to tell rubbish, and after it last told the truth. */
  get doubted(): readonly Doubted[] {
    return this.#hasLied ? this.#unchecked : [];
  }

  /** Whether so much waits for a check, or came since the last one, that one is due. */
  get isDue(): boolean {
    const isMuch = this.#unchecked.length >= UNCHECKED_BLOCKS_MAX;
    return isMuch || this.#unsure.length >= UNSURE_BLOCKS_MAX;
  }

  /** No check will come any more. */
  giveUp(error: unknown): void {
    for (const { reject } of this.#unsure.splice(0)) reject(error);
  }

  /**
   * Throws `disk-content-changed` when a place reads differently now, and `disk-read-failed` when none
   * of them can be read any more, though the disk is there: then it is not sectors that are bad.
   */
  async check(): Promise<void> {
    const unsure = this.#unsure.splice(0);
    const candidates = this.#candidates;
    this.#candidates = [];
    const read = this.#unchecked.length;
    try {
      await this.#compareSome();
    } catch (error) {
      this.#candidates.unshift(...candidates);
      for (const { reject } of unsure) reject(error);
      throw error;
    }
    this.#isInDoubt = false;
    this.#unchecked = this.#unchecked.slice(read);
    this.#places.push(...candidates);
    for (const { resolve } of unsure) resolve();
  }

  /**
   * The oldest place, which nothing can have spoilt, and another one; or whichever still read. One that
   * does not read any more is forgotten, so that it is not tried for ever.
   */
  async #compareSome(): Promise<void> {
    const [oldest, ...others] = this.#places;
    if (oldest === undefined) return;
    const from = Math.floor(this.#random() * others.length);
    const order = [oldest, ...others.slice(from), ...others.slice(0, from)];
    let compared = 0;
    let failure: unknown;
    const unreadable = new Set<GoodPlace>();
    for (const place of order) {
      if (compared === PLACES_COMPARED) break;
      try {
        await this.#compare(place);
        compared++;
      } catch (error) {
        if (!isStationError(error, 'disk-read-failed')) throw error;
        failure = error;
        unreadable.add(place);
      }
    }
    if (compared === 0) throw failure;
    this.#places = this.#places.filter((place) => !unreadable.has(place));
  }

  async #compare({ offsetBytes, bytes }: GoodPlace): Promise<void> {
    const again = this.#again;
    await this.#device.readInto(again, offsetBytes);
    if (again.equals(bytes)) return;
    this.#hasLied = true;
    const { devicePath } = this.#device;
    const words = `${devicePath} reads differently at byte ${offsetBytes} after a read error`;
    throw new StationError('disk-content-changed', words, { devicePath, offsetBytes });
  }
}
