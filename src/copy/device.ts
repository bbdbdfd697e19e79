import { readFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Extent } from '../domain/plan.ts';
import { endOf } from '../domain/rescue/map.ts';
import { meaningOf, type ReadErrorFacts } from '../domain/rescue/read-error.ts';
import { errnoOf, isOutOfResources, isStationError, StationError } from '../errors.ts';
import { DISK_GONE_GRACE_MS, DISK_REST_MS, DISK_UNPROVEN_MS } from '../limits.ts';
import { alignedBuffer } from './aligned-buffer.ts';
import { badPlace, diskGivenUp } from './disk-errors.ts';
import { KernelLog } from './kernel-log.ts';
import { type Given, NOTHING_GIVEN } from './messages.ts';
import { openExclusively, setReadOnly, sysfsOf } from './open-disk.ts';
import { readAt } from './read-at.ts';
import { SpinUp } from './spin-up.ts';

/** The attachment that was matched, as facts: what the open descriptor must turn out to be. */
export interface ExpectedDisk {
  readonly devicePath: string;
  readonly diskseq: number;
  readonly sizeBytes: number;
  /** World-wide names seen at matching; when the kernel shows one, it must be among them. */
  readonly wwns: readonly string[];
}

/** What the copy of an image needs of its disk. */
export type DiskToRead = Pick<
  SourceDevice,
  | 'devicePath'
  | 'sizeBytes'
  | 'sectorBytes'
  | 'mayBeAsleep'
  | 'readInto'
  | 'proveAlive'
  | 'stillSame'
  | 'writesCompleted'
>;

/**
 * A disk, open for reading and proved to be the one that was matched. Only the copy process of a
 * drive opens its disk. Opened with O_EXCL, so that a mounted disk, or one that an earlier copy
 * process still holds, is refused; with O_DIRECT, so that errors are exact and no page cache hides
 * or multiplies them.
 */
export class SourceDevice {
  readonly devicePath: string;
  readonly sizeBytes: number;
  readonly #expected: ExpectedDisk;
  readonly #handle: FileHandle;
  readonly #sysfs: string;
  readonly #kernelLog: KernelLog;
  #reading: { readonly offsetBytes: number; readonly sinceMs: number } | undefined;
  readonly #given = { ...NOTHING_GIVEN };
  /** Where the last longer read succeeded. */
  #lastGood: number | undefined;
  /** When the last read succeeded. */
  #goodAt = Number.NEGATIVE_INFINITY;
  /** When the kernel last had its time to take the disk away, while nothing of it could be read. */
  #graceEndedAt: number | undefined;
  #isUnproven = false;
  #spinUp: SpinUp | undefined;
  readonly #probe = alignedBuffer(PROBE_BYTES);

  private constructor(expected: ExpectedDisk, handle: FileHandle, sysfs: string) {
    this.#expected = expected;
    this.#handle = handle;
    this.#sysfs = sysfs;
    const sinceMs = Number(process.hrtime.bigint() / 1_000_000n);
    this.#kernelLog = new KernelLog(basename(expected.devicePath), sinceMs);
    this.devicePath = expected.devicePath;
    this.sizeBytes = expected.sizeBytes;
  }

  /** Throws `disk-gone`, `disk-changed`, `disk-busy`, `disk-not-readonly`, `cancelled`. */
  static async open(expected: ExpectedDisk, signal: AbortSignal): Promise<SourceDevice> {
    const handle = await openExclusively(expected.devicePath, signal);
    try {
      const sysfs = await sysfsOf(handle);
      const device = new SourceDevice(expected, handle, sysfs);
      await device.#prove();
      await setReadOnly(handle, device.devicePath, () => device.#attribute('ro') === '1');
      return device;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Waits, for so many milliseconds at most, until the disk reads; from now on also before the first read
   * after each rest. Throws `disk-gone`, `disk-changed`, `cancelled`.
   */
  async wake(limitMs: number, signal: AbortSignal): Promise<void> {
    const isAwake = () => this.#isAwake();
    const isThere = async () => {
      await this.#prove();
      return this.#attribute('device/state') !== 'offline';
    };
    this.#spinUp = new SpinUp(limitMs, { isAwake, isThere }, signal);
    await this.#spinUp.ready();
  }

  /** It was not read for so long that it may sleep. */
  get mayBeAsleep(): boolean {
    return performance.now() - this.#goodAt >= DISK_REST_MS;
  }

  /** For how long the disk is waited for to spin up; `undefined` while it is not. */
  get spinningUpMs(): number | undefined {
    return this.#spinUp?.waitedMs;
  }

  /**
   * Fills the buffer from the offset. An early end of file is a removal, never an end: a pulled disk
   * reads as a clean end. Throws `disk-gone`, or `disk-read-failed` with the errno when the disk is
   * still there and this place of it is bad; and the system's error where the kernel has no memory for
   * the read.
   */
  async readInto(buffer: Buffer, offsetBytes: number): Promise<void> {
    await this.#spinUp?.ready();
    let done = 0;
    while (done < buffer.length) {
      const position = offsetBytes + done;
      let bytesRead = 0;
      try {
        bytesRead = await this.#read(buffer.subarray(done), position);
      } catch (cause) {
        if (isOutOfResources(cause)) throw cause;
        throw await this.#readError(position, buffer.length - done, cause);
      }
      if (bytesRead === 0) throw await this.#readError(position, buffer.length - done, undefined);
      done += bytesRead;
    }
    this.#isUnproven = false;
    this.#graceEndedAt = undefined;
    this.#goodAt = performance.now();
    if (buffer.length >= PROBE_BYTES) this.#lastGood = offsetBytes;
  }

  /**
   * Makes sure that the errors since the last good read were those of a disk that is there. Where
   * nothing of a disk can be read, only the kernel's patience tells. Throws `disk-gone`.
   */
  async proveAlive(): Promise<void> {
    if (!this.#isUnproven) return;
    if (await this.#readsElsewhere(NOWHERE)) {
      this.#isUnproven = false;
      return;
    }
    for (let waited = 0; waited <= DISK_GONE_GRACE_MS; waited += GONE_POLL_MS) {
      const { attachment, isOffline } = await this.#kernelFacts();
      if (attachment !== 'same' || isOffline) throw this.#gone(0);
      await sleep(GONE_POLL_MS);
    }
    this.#isUnproven = false;
    this.#graceEndedAt = performance.now();
  }

  /**
   * Makes sure that the disk is there and that something of it reads, after a filesystem on it failed.
   * Throws `disk-gone`, `disk-changed`, and `disk-given-up` when nothing of it reads any more.
   */
  async proveReadable(): Promise<void> {
    await this.#prove();
    await this.#spinUp?.ready();
    if (await this.#readsElsewhere(NOWHERE)) return;
    throw await this.#readError(0, PROBE_BYTES, undefined);
  }

  /** The read that is under way, and for how long the kernel has not answered it. */
  get pendingRead(): { readonly offsetBytes: number; readonly waitedMs: number } | undefined {
    if (this.#reading === undefined) return undefined;
    const { offsetBytes, sinceMs } = this.#reading;
    return { offsetBytes, waitedMs: performance.now() - sinceMs };
  }

  /** All that was read, and the time that the disk took for it; what waits for the store is not in it. */
  get given(): Given {
    return { ...this.#given };
  }

  /** The smallest read that the disk takes, and what the kernel knows its medium to hold in one piece, in bytes. */
  get sectorBytes(): { readonly logical: number; readonly physical: number } {
    const logical = Math.max(512, Number(this.#attribute('queue/logical_block_size')) || 0);
    const physical = Number(this.#attribute('queue/physical_block_size')) || 0;
    const isShifted = Number(this.#attribute('alignment_offset') ?? 0) !== 0;
    return { logical, physical: isShifted ? logical : Math.max(logical, physical) };
  }

  /** Completed writes that the kernel counts for the disk; `undefined` when it does not say. */
  async writesCompleted(): Promise<number | undefined> {
    const fields = this.#attribute('stat')?.split(/\s+/u);
    const writes = Number(fields?.[4]);
    return fields === undefined || Number.isNaN(writes) ? undefined : writes;
  }

  /** Proves again that the descriptor is still the matched attachment. */
  async stillSame(): Promise<void> {
    await this.#prove();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /**
   * The kernel's diskseq only grows and the descriptor stays bound to the disk it opened. So if the
   * device number shows the expected diskseq after the open, the descriptor is that disk: had another
   * one been opened, the number would now show a later diskseq, or nothing.
   */
  async #prove(): Promise<void> {
    const { devicePath, diskseq, sizeBytes, wwns } = this.#expected;
    const found = Number(this.#attribute('diskseq'));
    const size = Number(this.#attribute('size')) * 512;
    if (Number.isNaN(found) || size === 0) throw this.#gone(0);
    const wwn = this.#attribute('device/wwid');
    const wwnAgrees = wwn === undefined || wwns.length === 0 || wwns.includes(wwn);
    if (found === diskseq && size === sizeBytes && wwnAgrees) return;
    throw new StationError(
      'disk-changed',
      `${devicePath} is another disk now (diskseq ${found} instead of ${diskseq})`,
      { devicePath, expectedDiskseq: diskseq, foundDiskseq: found },
    );
  }

  /**
   * A bad sector and a pulled disk both begin as an error, and the errno does not tell. Second facts do:
   * whether the disk is still there, the same one, and reads elsewhere. The kernel needs a moment to
   * take a pulled disk away; it is not given that moment at each sector of a disk that never reads.
   */
  async #readError(position: number, lengthBytes: number, cause: unknown): Promise<StationError> {
    const errno = cause === undefined ? 'early-end' : (errnoOf(cause) ?? 'unknown');
    const hadGrace = this.#hadGrace() && errno !== 'early-end';
    const readLately = errno === MEDIUM_ERROR && performance.now() - this.#goodAt < READ_LATELY_MS;
    const readsElsewhere =
      readLately ||
      (!hadGrace && (await this.#readsElsewhere({ offsetBytes: position, lengthBytes })));
    if (readLately) this.#isUnproven = true;
    // Where another place reads, the log of the kernel cannot say more than that.
    const lines = readsElsewhere || hadGrace ? undefined : await this.#kernelLog.lines();
    const kernelLines = lines ?? [];
    for (let waited = 0; ; waited += GONE_POLL_MS) {
      const graceIsOver = hadGrace || waited > DISK_GONE_GRACE_MS;
      const known = {
        errno,
        kernelLines,
        readsElsewhere,
        graceIsOver,
        ...(await this.#kernelFacts()),
      };
      const meaning = meaningOf(known);
      if (meaning === 'gone') return this.#gone(position, cause);
      if (meaning === 'given-up')
        return diskGivenUp(this.devicePath, position, { errno, kernelLines, cause });
      if (meaning === 'media') {
        this.#noteGrace({ hadGrace, readsElsewhere });
        return badPlace(this.devicePath, position, { errno, lengthBytes, cause });
      }
      await sleep(GONE_POLL_MS);
    }
  }

  #hadGrace(): boolean {
    const since = this.#graceEndedAt;
    return since !== undefined && performance.now() - since < DISK_UNPROVEN_MS;
  }

  #noteGrace({ hadGrace, readsElsewhere }: { hadGrace: boolean; readsElsewhere: boolean }): void {
    if (hadGrace) this.#isUnproven = true;
    else if (!readsElsewhere) this.#graceEndedAt = performance.now();
  }

  async #kernelFacts(): Promise<Pick<ReadErrorFacts, 'attachment' | 'isOffline'>> {
    const isOffline = this.#attribute('device/state') === 'offline';
    try {
      await this.#prove();
      return { attachment: 'same', isOffline };
    } catch (error) {
      const attachment = isStationError(error, 'disk-changed') ? 'another' : 'none';
      return { attachment, isOffline };
    }
  }

  /** Where something was read before; else in the middle and at the ends, if that is elsewhere. */
  async #readsElsewhere(failed: Extent): Promise<boolean> {
    const middle = Math.floor(this.sizeBytes / 2 / PROBE_BYTES) * PROBE_BYTES;
    const last = Math.max(0, Math.floor(this.sizeBytes / PROBE_BYTES - 1) * PROBE_BYTES);
    const places = new Set([this.#lastGood, middle, 0, last].filter((at) => at !== undefined));
    for (const at of places) {
      const isElsewhere = at + PROBE_BYTES <= failed.offsetBytes || at >= endOf(failed);
      if (isElsewhere && (await this.#reads(at))) return true;
    }
    return false;
  }

  async #reads(offsetBytes: number): Promise<boolean> {
    try {
      return (await this.#read(this.#probe, offsetBytes)) > 0;
    } catch {
      return false;
    }
  }

  /** A disk that names a bad sector is awake, and one that ends early has left. */
  async #isAwake(): Promise<boolean> {
    const at = this.#lastGood ?? 0;
    const givenMs = this.#given.ms;
    try {
      await this.#read(this.#probe, at);
      return true;
    } catch (error) {
      if (errnoOf(error) === MEDIUM_ERROR) return true;
      return await this.#readsElsewhere({ offsetBytes: at, lengthBytes: PROBE_BYTES });
    } finally {
      // How long it took to spin up says nothing about how fast it reads.
      this.#given.ms = givenMs;
    }
  }

  /** Each read of the disk goes through here: no other is watched. */
  async #read(buffer: Buffer, offsetBytes: number): Promise<number> {
    const sinceMs = performance.now();
    this.#reading = { offsetBytes, sinceMs };
    try {
      const bytesRead = await readAt(this.#handle.fd, buffer, offsetBytes);
      this.#given.bytes += bytesRead;
      return bytesRead;
    } catch (error) {
      this.#given.failed++;
      if (errnoOf(error) === MEDIUM_ERROR) this.#given.mediumErrors++;
      throw error;
    } finally {
      this.#given.ms += performance.now() - sinceMs;
      this.#reading = undefined;
      this.#spinUp?.noteRead();
    }
  }

  #gone(offsetBytes: number, cause?: unknown): StationError {
    const { devicePath } = this.#expected;
    const words = `${devicePath} is gone (at byte ${offsetBytes})`;
    return new StationError('disk-gone', words, { devicePath, offsetBytes }, cause);
  }

  /** The kernel answers for its own memory, not for the disk, so nobody has to wait for this. */
  #attribute(name: string): string | undefined {
    try {
      return readFileSync(`${this.#sysfs}/${name}`, 'latin1').trim();
    } catch {
      return undefined;
    }
  }
}

/** One read for disks of either sector size. */
const PROBE_BYTES = 4096;
/** An extent that every other place is elsewhere of. */
const NOWHERE: Extent = { offsetBytes: 0, lengthBytes: 0 };
/** The drive's own word about one place: no other place has to be read each time to believe it. */
const MEDIUM_ERROR = 'ENODATA';
/** So long a read elsewhere counts for medium errors that follow it; none is made durable on it. */
const READ_LATELY_MS = 1000;
const GONE_POLL_MS = 50;
