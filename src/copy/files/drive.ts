import { isStationError, StationError } from '../../errors.ts';
import { DISK_REST_MS } from '../../limits.ts';
import type { OpenVolume, SkipReason, VolumeEntry, VolumeFile } from '../../volumes/contract.ts';
import { parseVolumePath, type VolumePath } from '../../volumes/windows-path.ts';
import type { BareDisk } from './volume-landmarks.ts';

/** The drive as a copy of files sees it. */
export interface DriveUnderCopy extends BareDisk {
  /** Below its volume it was not read for so long that it may sleep. */
  readonly mayBeAsleep: boolean;
  /** Opens the first data volume. Throws `volume-refused` and `drive-refused`. */
  openVolume(signal: AbortSignal): Promise<OpenVolume>;
  /**
   * The second fact after something could not be read: a pulled disk, and a helper that died, make
   * every file look unreadable or not there. Throws `disk-gone`, `disk-changed`, `disk-read-failed`.
   */
  proveStillThere(): Promise<void>;
  /** Writes that the kernel counted since the disk was plugged in; `undefined`: it does not say. */
  kernelWrites(): Promise<number | undefined>;
}

/** What every errno of a filesystem helper that is no longer there comes to. */
const HELPER_GONE = new Set(['ENOTCONN', 'ECONNABORTED', 'ENODEV', 'ENXIO', 'EBADF']);

export interface OpenFile
  extends Pick<VolumeFile, 'sizeBytes' | 'read' | 'forget'>,
    AsyncDisposable {}

/** Files of one volume; whatever cannot be read is only the file's fault if the drive is still there. */
export class DriveFiles {
  readonly #volume: OpenVolume;
  readonly #drive: DriveUnderCopy;
  readonly #onBadRead: () => void;
  readonly #pending = new Set<number>();
  /** When a file was last read. */
  #goodAt = Number.NEGATIVE_INFINITY;

  /** @param onBadRead told of each sign that something of the disk did not read. */
  constructor(volume: OpenVolume, drive: DriveUnderCopy, onBadRead: () => void) {
    this.#volume = volume;
    this.#drive = drive;
    this.#onBadRead = onBadRead;
  }

  get devicePath(): string {
    return this.#drive.devicePath;
  }

  /** Neither a file nor the disk below was read for so long that it may sleep. */
  get mayBeAsleep(): boolean {
    return this.#drive.mayBeAsleep && performance.now() - this.#goodAt >= DISK_REST_MS;
  }

  /** How long the oldest open, read or look into a folder has not been answered, in milliseconds; 0: none is under way. */
  get pendingMs(): number {
    const [oldest] = this.#pending;
    return oldest === undefined ? 0 : performance.now() - oldest;
  }

  /** Opens a file by its path on the drive. Throws what `parseVolumePath` and `openFile` throw. */
  async open(path: string, signal: AbortSignal): Promise<OpenFile> {
    return await this.#opened(() => this.#volume.openFile(parseVolumePath(path), signal));
  }

  /** Opens a file by names that were read on the volume itself. */
  async openAt(path: VolumePath, signal: AbortSignal): Promise<OpenFile> {
    return await this.#opened(() => this.#volume.openFile(path, signal));
  }

  /** Every file of the volume; to read the folders can hang as well. */
  async *walk(signal: AbortSignal): AsyncGenerator<VolumeEntry> {
    const entries = this.#volume.walk(signal, this.#onBadRead)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.#timed(() => entries.next());
        if (done === true) return;
        if (value.kind === 'skipped' && isOfDisk(value.reason)) this.#onBadRead();
        yield value;
      }
    } finally {
      await entries.return?.();
    }
  }

  async #opened(open: () => Promise<VolumeFile>): Promise<OpenFile> {
    const file = await this.#watched(open);
    return {
      sizeBytes: file.sizeBytes,
      forget: () => file.forget(),
      read: (...place) => this.#watched(() => this.#read(file, place)),
      [Symbol.asyncDispose]: () => file.close(),
    };
  }

  /** The kernel tells of an error behind what it could read by an answer that is shorter than it need be. */
  async #read(file: VolumeFile, place: Parameters<VolumeFile['read']>): Promise<number> {
    const [, offsetBytes, lengthBytes] = place;
    const length = await file.read(...place);
    this.#goodAt = performance.now();
    if (length < Math.min(lengthBytes, file.sizeBytes - offsetBytes)) this.#onBadRead();
    return length;
  }

  async #watched<T>(work: () => Promise<T>): Promise<T> {
    return await this.#timed(async () => {
      try {
        return await work();
      } catch (error) {
        await this.#judge(error);
        throw error;
      }
    });
  }

  async #timed<T>(work: () => Promise<T>): Promise<T> {
    let since = performance.now();
    while (this.#pending.has(since)) since += 1e-6;
    this.#pending.add(since);
    try {
      return await work();
    } finally {
      this.#pending.delete(since);
    }
  }

  async #judge(error: unknown): Promise<void> {
    const ofName = isStationError(error, 'file-name-invalid', 'file-name-too-long', 'cancelled');
    if (!isStationError(error) || ofName) return;
    if (isStationError(error, 'file-read-failed')) this.#onBadRead();
    await this.#drive.proveStillThere();
    if (isStationError(error, 'file-read-failed') && HELPER_GONE.has(error.payload.errno)) {
      throw volumeLost(error);
    }
  }
}

function isOfDisk(reason: SkipReason): boolean {
  return reason === 'unreadable' || reason === 'folder-unreadable';
}

function volumeLost(error: StationError): StationError {
  const words = `the volume is no longer mounted: ${error.message}`;
  const payload = { tool: 'mount', exitCode: null, detail: error.message };
  return new StationError('tool-failed', words, payload, error);
}
