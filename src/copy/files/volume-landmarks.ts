import type { Extent } from '../../domain/plan.ts';
import { isStationError, StationError } from '../../errors.ts';
import { LANDMARK_TRIES, LANDMARKS_IN_TURN, VOLUME_LANDMARKS } from '../../limits.ts';
import { isBlank, LANDMARK_BYTES, landmarkDigest } from '../landmarks.ts';
import { readLandmarks, type VolumeLandmark, writeLandmarks } from './landmarks-file.ts';

/** The disk itself, below every filesystem and past the page cache. */
export interface BareDisk {
  readonly devicePath: string;
  /**
   * `LANDMARK_BYTES` from the offset, a multiple of that; good until the next call. Throws what
   * `SourceDevice.readInto` throws.
   */
  readLandmark(offsetBytes: number): Promise<Buffer>;
}

interface Order {
  readonly journalFile: string;
  readonly nonce: string;
}

/**
 * A few places of the disk whose bytes were written down before the first file was sent. Nothing was
 * promised of the files of a tree, so only these tell whether the disk is still what it was: the one
 * that the copy began with, when it is plugged in again, and one that tells no rubbish, after an error.
 *
 * After the first sign of an error nothing of the disk is taken for good before these were read again.
 */
export class VolumeLandmarks {
  /** Told when a check of all after an error found them as they were. */
  onProved: () => Promise<void> = async () => undefined;
  readonly #order: Order;
  readonly #disk: BareDisk;
  #landmarks: readonly VolumeLandmark[];
  #isProved = false;
  #isInDoubt = false;
  /** Something did not read since the last check began. */
  #isDoubtNew = false;
  #checking: Promise<void> = Promise.resolve();
  #nextCheck: Promise<void> | undefined;

  private constructor(order: Order, disk: BareDisk, landmarks: readonly VolumeLandmark[]) {
    this.#order = order;
    this.#disk = disk;
    this.#landmarks = landmarks;
  }

  /** What earlier attempts of the copy know of its disk. Throws what `prove` throws. */
  static async proved(order: Order, disk: BareDisk): Promise<VolumeLandmarks> {
    const known = await readLandmarks(order.journalFile, order.nonce);
    const landmarks = new VolumeLandmarks(order, disk, known);
    await landmarks.prove();
    landmarks.#isProved = true;
    return landmarks;
  }

  /** Chooses them in the volume, if none are known, and writes them down. */
  async choose(volume: Extent, random: () => number): Promise<void> {
    if (this.#landmarks.length > 0) return;
    const found = new Map<number, VolumeLandmark>();
    for (const offsetBytes of candidates(volume, random)) {
      const landmark = found.has(offsetBytes) ? undefined : await this.#landmarkAt(offsetBytes);
      if (landmark !== undefined) found.set(offsetBytes, landmark);
      if (found.size === VOLUME_LANDMARKS) break;
    }
    this.#landmarks = [...found.values()];
    const { journalFile, nonce } = this.#order;
    await writeLandmarks(journalFile, nonce, this.#landmarks);
  }

  /** A place that holds one byte over and over proves little, and one that does not read nothing. */
  async #landmarkAt(offsetBytes: number): Promise<VolumeLandmark | undefined> {
    try {
      const bytes = await this.#disk.readLandmark(offsetBytes);
      return isBlank(bytes) ? undefined : { offsetBytes, sha256: landmarkDigest(bytes) };
    } catch (error) {
      if (!isStationError(error, 'disk-read-failed')) throw error;
      return undefined;
    }
  }

  /**
   * Reads all of them again. One that does not read proves nothing and is not asked again. Throws
   * `disk-content-changed` for one that reads differently, and `disk-read-failed` when none reads.
   */
  async prove(): Promise<void> {
    await this.#proveFirst(this.#landmarks.length);
  }

  /** Those that read come last then, so that others are the next ones. */
  async #proveFirst(count: number): Promise<void> {
    const rest = this.#landmarks.slice(count);
    const readable: VolumeLandmark[] = [];
    let failure: unknown;
    for (const landmark of this.#landmarks.slice(0, count)) {
      try {
        await this.#compare(landmark);
        readable.push(landmark);
      } catch (error) {
        if (!isStationError(error, 'disk-read-failed')) throw error;
        failure = error;
      }
    }
    this.#landmarks = [...rest, ...readable];
    if (readable.length > 0 || failure === undefined) return;
    // What was not compared proves nothing: the next ones are asked.
    if (rest.length === 0) throw failure;
    await this.#proveFirst(count);
  }

  async #compare({ offsetBytes, sha256 }: VolumeLandmark): Promise<void> {
    if (landmarkDigest(await this.#disk.readLandmark(offsetBytes)) === sha256) return;
    const { devicePath } = this.#disk;
    const words = this.#isProved
      ? `${devicePath} reads differently at byte ${offsetBytes} after a read error`
      : `${devicePath} does not hold at byte ${offsetBytes} what it held when its copy began`;
    throw new StationError('disk-content-changed', words, { devicePath, offsetBytes });
  }

  /** Something did not read. Some drives return rubbish from then on, without a word. */
  doubt(): void {
    this.#isInDoubt = true;
    this.#isDoubtNew = true;
  }

  /**
   * To be awaited between the reading of something and its being taken for good; nothing happens while
   * no read has failed. Those who come together share one check. Throws what `prove` throws.
   */
  async cleared(): Promise<void> {
    if (!this.#isInDoubt) return;
    // One that is under way may have begun before what it is to vouch for was read.
    this.#nextCheck ??= this.#checking.then(() => {
      this.#nextCheck = undefined;
      this.#checking = this.#check();
      return this.#checking;
    });
    await this.#nextCheck;
  }

  async #check(): Promise<void> {
    const isNew = this.#isDoubtNew;
    this.#isDoubtNew = false;
    // In turn, so that a disk that is only worn is not slowed down by its checks.
    if (!isNew) return await this.#proveFirst(LANDMARKS_IN_TURN);
    await this.prove();
    await this.onProved();
  }
}

/** The volume's beginning, then by chance; most in front, where a volume that is not full has its data. */
function* candidates({ offsetBytes, lengthBytes }: Extent, random: () => number) {
  const first = Math.ceil(offsetBytes / LANDMARK_BYTES);
  const count = Math.floor((offsetBytes + lengthBytes) / LANDMARK_BYTES) - first;
  if (count <= 0) return;
  yield first * LANDMARK_BYTES;
  for (let tries = 1; tries < LANDMARK_TRIES; tries++) {
    yield (first + Math.floor(random() ** 3 * count)) * LANDMARK_BYTES;
  }
}
