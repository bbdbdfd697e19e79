import type { Extent } from '../../domain/plan.ts';
import { isStationError, StationError } from '../../errors.ts';
import {
  LANDMARK_TRIES,
  LANDMARKS_IN_TURN,
  UNPROVED_FILES_MAX,
  VOLUME_LANDMARKS,
} from '../../limits.ts';
import { isBlank, LANDMARK_BYTES, landmarkDigest } from '../landmarks.ts';
import { forgetStranger, isConfirmed } from '../stranger.ts';
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
  readonly disk: { readonly diskseq: number };
}

/**
 * A few places of the disk whose bytes were written down before the first file was sent. Nothing was
 * promised of the files of a tree, so only these tell whether the disk is still what it was: the one
 * that the copy began with, when it is plugged in again, and one that tells no rubbish, after an error.
 *
 * After the first sign of an error nothing of the disk is taken for good before these were read again. While
 * there is none they are read again from time to time, and the journal is told up to where that vouches.
 */
export class VolumeLandmarks {
  /** Called when a check of all begins; what it gives is called when it found them as they were. */
  onProving: () => () => Promise<void> = () => async () => undefined;
  readonly #order: Order;
  readonly #disk: BareDisk;
  #landmarks: readonly VolumeLandmark[] = [];
  #id = '';
  #isSecond = false;
  #isProved = false;
  #isInDoubt = false;
  /** The next check is to be one of all. */
  #isAllDue = false;
  #unproved = { bytes: 0, files: 0 };
  #checking: Promise<void> = Promise.resolve();
  #nextCheck: Promise<void> | undefined;

  private constructor(order: Order, disk: BareDisk) {
    this.#order = order;
    this.#disk = disk;
  }

  /**
   * What earlier attempts of the copy know of its disk; nothing when a person says that it is the right one
   * though it is not what they know. Throws what `prove` throws.
   */
  static async proved(order: Order, disk: BareDisk): Promise<VolumeLandmarks> {
    const { landmarks: known, isSecond } = await readLandmarks(order.journalFile, order.nonce);
    const landmarks = new VolumeLandmarks(order, disk);
    landmarks.#know(known);
    landmarks.#isSecond = isSecond;
    try {
      await landmarks.prove();
      if (known.length > 0) await forgetStranger(order.journalFile);
    } catch (error) {
      await landmarks.#requireConfirmed(known, error);
      landmarks.#know([]);
      landmarks.#isSecond = true;
    }
    landmarks.#isProved = true;
    return landmarks;
  }

  /** Throws the error unless it is about a disk that a person has confirmed. */
  async #requireConfirmed(known: readonly VolumeLandmark[], error: unknown): Promise<void> {
    if (!isStationError(error, 'disk-content-changed', 'disk-read-failed')) throw error;
    const found: (string | null)[] = [];
    for (const { offsetBytes } of known) {
      const looked = await this.#lookAt(offsetBytes);
      found.push(looked?.landmark.sha256 ?? null);
    }
    const { journalFile, disk } = this.#order;
    const stranger = { landmarks: this.#id, diskseq: disk.diskseq, found };
    if (!(await isConfirmed(journalFile, stranger))) throw error;
  }

  /** Whether the copy began with a disk that held something else, for all that a person can tell. */
  get isSecond(): boolean {
    return this.#isSecond;
  }

  /** By it they are told from others that were chosen before. */
  get id(): string {
    return this.#id;
  }

  /**
   * Chooses them in the volume, if none are known, and writes them down. Throws `disk-read-failed` when no
   * place reads: a copy that nothing vouches for must not look like others.
   */
  async choose(volume: Extent, random: () => number): Promise<void> {
    if (this.#landmarks.length > 0) return;
    const found = new Map<number, Looked>();
    for (const offsetBytes of candidates(volume, random)) {
      const looked = found.has(offsetBytes) ? undefined : await this.#lookAt(offsetBytes);
      if (looked !== undefined) found.set(offsetBytes, looked);
      if (telling(found).length === VOLUME_LANDMARKS) break;
    }
    if (found.size === 0) throw noLandmark(this.#disk, volume);
    // A place that holds one byte over and over proves little, and still more than nothing.
    const chosen = telling(found).length > 0 ? telling(found) : [...found.values()];
    const landmarks = chosen.slice(0, VOLUME_LANDMARKS).map(({ landmark }) => landmark);
    const { journalFile, nonce } = this.#order;
    await writeLandmarks(journalFile, nonce, { landmarks, isSecond: this.#isSecond });
    this.#know(landmarks);
  }

  #know(landmarks: readonly VolumeLandmark[]): void {
    this.#landmarks = landmarks;
    this.#id = landmarkDigest(Buffer.from(JSON.stringify(landmarks)));
  }

  async #lookAt(offsetBytes: number): Promise<Looked | undefined> {
    try {
      const bytes = await this.#disk.readLandmark(offsetBytes);
      const landmark = { offsetBytes, sha256: landmarkDigest(bytes) };
      return { landmark, isBlank: isBlank(bytes) };
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
      ? `${devicePath} reads differently at byte ${offsetBytes} than before`
      : `${devicePath} does not hold at byte ${offsetBytes} what it held when its copy began`;
    throw new StationError('disk-content-changed', words, { devicePath, offsetBytes });
  }

  /** Something did not read. Some drives return rubbish from then on, without a word. */
  doubt(): void {
    this.#isInDoubt = true;
    this.#isAllDue = true;
  }

  /**
   * To be awaited between the reading of something and its being taken for good; nothing happens while
   * no read has failed. Throws what `prove` throws.
   */
  async cleared(): Promise<void> {
    if (this.#isInDoubt) await this.#checked();
  }

  /**
   * To be awaited when the end of a file is in the journal, because some drives return rubbish for no reason
   * that anybody saw. Nothing happens while there is little to read again. Throws what `prove` throws.
   */
  async ended(lengthBytes: number): Promise<void> {
    this.#unproved.bytes += lengthBytes;
    this.#unproved.files++;
    const { bytes, files } = UNPROVED_FILES_MAX;
    if (this.#unproved.bytes >= bytes || this.#unproved.files >= files) await this.vouch();
  }

  /** Reads all of them again, for what was read until now. Throws what `prove` throws. */
  async vouch(): Promise<void> {
    this.#isAllDue = true;
    await this.#checked();
  }

  /** Those who come together share one check. */
  async #checked(): Promise<void> {
    // One that is under way may have begun before what it is to vouch for was read.
    this.#nextCheck ??= this.#checking.then(() => {
      this.#nextCheck = undefined;
      this.#checking = this.#check();
      return this.#checking;
    });
    await this.#nextCheck;
  }

  async #check(): Promise<void> {
    // In turn, so that a disk that is only worn is not slowed down by its checks.
    if (!this.#isAllDue) return await this.#proveFirst(LANDMARKS_IN_TURN);
    this.#isAllDue = false;
    this.#unproved = { bytes: 0, files: 0 };
    const onProved = this.onProving();
    await this.prove();
    await onProved();
  }
}

interface Looked {
  readonly landmark: VolumeLandmark;
  readonly isBlank: boolean;
}

function telling(found: ReadonlyMap<number, Looked>): readonly Looked[] {
  return [...found.values()].filter((looked) => !looked.isBlank);
}

function noLandmark({ devicePath }: BareDisk, { offsetBytes, lengthBytes }: Extent) {
  const words = `${devicePath} gives no place by which it could be known again`;
  const payload = { devicePath, offsetBytes, lengthBytes, errno: 'EIO' };
  return new StationError('disk-read-failed', words, payload);
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
