import { isStationError, StationError } from '../errors.ts';
import { GOOD_PLACES, UNCHECKED_BLOCKS_MAX, UNCHECKED_MS, UNSURE_BLOCKS_MAX } from '../limits.ts';
import { alignedBuffer } from './aligned-buffer.ts';
import { BlockOnTrust } from './block-on-trust.ts';
import type { Doubted } from './journal.ts';
import { LANDMARK_BYTES } from './landmarks.ts';
import type { NotedReads } from './noted-reads.ts';

interface GoodPlace {
  readonly offsetBytes: number;
  readonly bytes: Buffer;
}

const PLACES_COMPARED = 2;

interface Compared {
  /** Those that are not known to be unreadable: one that is, is not to be tried for ever. */
  readonly readable: readonly GoodPlace[];
  readonly isSame: boolean;
  /** Of one that did not read. */
  readonly failure: unknown;
}

export interface GoodPlacesParts {
  readonly reads: Pick<NotedReads, 'devicePath' | 'readInto'>;
  random(): number;
  /** Whether any of a few places all over the disk reads. */
  readsSomewhere(): Promise<boolean>;
  /** A check has passed, and blocks that were written down without one are sure now. */
  onChecked(): Promise<void>;
}

/**
 * A few places of the disk that were read without an error, spread over all of it by chance. After an
 * error two of them are read again, and from time to time without one: some drives return rubbish from
 * then on, without a word, and others return nothing any more.
 *
 * That may begin some time after the error. So from the first one on nothing is sure that was read since
 * the last check: it is not written down as safe, and gives no place to compare with, until one passed.
 * What was read since the last one is known, to be taken back. Nothing is read while a check goes on.
 */
export class GoodPlaces {
  readonly #parts: GoodPlacesParts;
  #places: GoodPlace[] = [];
  /** Read since the last check. */
  #candidates: GoodPlace[] = [];
  readonly #again = alignedBuffer(LANDMARK_BYTES);
  #seen = 0;
  #isSick = false;
  #isInDoubt = false;
  /** Blocks that were read since the last check. */
  #unchecked: BlockOnTrust[] = [];
  #checkedAt = performance.now();
  #hasLied = false;

  constructor(parts: GoodPlacesParts) {
    this.#parts = parts;
  }

  /** `block`: what was just read from `offsetBytes` of the disk; a part of it is kept. */
  remember(offsetBytes: number, block: Buffer): void {
    if (block.length < LANDMARK_BYTES) return;
    const place = (at: number): GoodPlace => {
      const bytes = Buffer.from(block.subarray(at, at + LANDMARK_BYTES));
      return { offsetBytes: offsetBytes + at, bytes };
    };
    const known = this.#places.length + this.#candidates.length;
    const { random } = this.#parts;
    this.#seen++;
    if (known < GOOD_PLACES) {
      const list = this.#isSick ? this.#candidates : this.#places;
      list.push(place(0));
      // One bad sector is not to take all that there is to compare with.
      const last = Math.floor(block.length / LANDMARK_BYTES - 1) * LANDMARK_BYTES;
      if (known === 0 && last > 0) list.push(place(last));
    } else if (!this.#isSick && random() < GOOD_PLACES / this.#seen) {
      this.#places[1 + Math.floor(random() * (GOOD_PLACES - 1))] = place(0);
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

  /** A block was just read: while the disk never failed it may be written down before the next check. */
  read(blob: string, index: number): BlockOnTrust {
    const block = new BlockOnTrust(blob, index, this.#isSick);
    this.#unchecked.push(block);
    return block;
  }

  /** What was read before the disk was found to tell rubbish, and after it last told the truth. */
  get doubted(): readonly Doubted[] {
    return this.#hasLied ? this.#unchecked.map(({ doubted }) => doubted) : [];
  }

  /** Whether something was read since the last check. */
  get isUnchecked(): boolean {
    return this.#unchecked.length > 0;
  }

  /** Whether so much waits for a check, or came since the last one, that one is due. */
  get isDue(): boolean {
    if (!this.isUnchecked) return false;
    const heldBack = this.#unchecked.filter(({ isHeldBack }) => isHeldBack).length;
    const isMuch = this.#unchecked.length >= UNCHECKED_BLOCKS_MAX || heldBack >= UNSURE_BLOCKS_MAX;
    return isMuch || performance.now() - this.#checkedAt >= UNCHECKED_MS;
  }

  /** No check will come any more. */
  giveUp(error: unknown): void {
    for (const block of this.#unchecked) block.failed(error);
  }

  /**
   * Where no place is known yet, or none of those reads any more, what was read since the last check is
   * compared with itself.
   *
   * Throws `disk-content-changed` when a place reads differently now, and `disk-read-failed` when none
   * of them can be read any more, though the disk is there: then it is not sectors that are bad. While
   * nothing waits for the check, one that reads somewhere else has only lost what it was known by.
   */
  async check(): Promise<void> {
    const candidates = this.#candidates;
    this.#candidates = [];
    const checked = [...this.#unchecked];
    try {
      this.#places = await this.#goodOf(candidates);
    } catch (error) {
      this.#candidates.unshift(...candidates);
      this.giveUp(error);
      throw error;
    }
    this.#isInDoubt = false;
    this.#checkedAt = performance.now();
    this.#unchecked = this.#unchecked.slice(checked.length);
    for (const block of checked) block.passed();
    if (checked.some(({ isHeldBack }) => !isHeldBack)) await this.#parts.onChecked();
  }

  async #goodOf(candidates: readonly GoodPlace[]): Promise<GoodPlace[]> {
    const known = await this.#compareSome(this.#places);
    if (known.isSame) return [...known.readable, ...candidates];
    const fresh = await this.#compareSome(candidates);
    const { failure = known.failure } = fresh;
    const isLost = !fresh.isSame && failure !== undefined;
    if (isLost && (this.isUnchecked || !(await this.#parts.readsSomewhere()))) throw failure;
    return [...fresh.readable];
  }

  /** The oldest place, which nothing can have spoilt, and another one; or whichever still read. */
  async #compareSome(places: readonly GoodPlace[]): Promise<Compared> {
    const [oldest, ...others] = places;
    if (oldest === undefined) return { readable: [], isSame: false, failure: undefined };
    const from = Math.floor(this.#parts.random() * others.length);
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
    const readable = places.filter((place) => !unreadable.has(place));
    return { readable, isSame: compared > 0, failure };
  }

  async #compare({ offsetBytes, bytes }: GoodPlace): Promise<void> {
    const again = this.#again;
    const { reads } = this.#parts;
    await reads.readInto(again, offsetBytes);
    if (again.equals(bytes)) return;
    this.#hasLied = true;
    const { devicePath } = reads;
    const words = `${devicePath} reads differently at byte ${offsetBytes} than before`;
    throw new StationError('disk-content-changed', words, { devicePath, offsetBytes });
  }
}
