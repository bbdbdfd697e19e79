import type { FileSystem } from '../detect/free-space.ts';
import { isStationError, messageOf, type StationError } from '../errors.ts';
import { EMERGENCY_BYTES } from '../limits.ts';
import type { EmergencySlice } from './emergency-slice.ts';
import type { Troubles } from './troubles.ts';

export interface ReserveParts {
  readonly reserveBytes: number;
  readonly intervalMs: number;
  readonly directory: string;
  readonly slice: EmergencySlice;
  readonly troubles: Troubles;
  look(signal: AbortSignal): Promise<FileSystem>;
  onChange(state: { readonly below: boolean }): void;
  readonly logger: { warn(fields: object, message: string): void };
}

const MIB = 1024 * 1024;

/** Bytes of the state disk that are to be free: with less, what goes on would use them up at once. */
export function roomToKeep(reserveBytes: number): number {
  return Math.max(reserveBytes, 2 * EMERGENCY_BYTES);
}

/**
 * Watches the file system where state and journals lie. Below the reserve the station takes no new
 * drive and keeps the running ones: their journals have the room that is left. When even that is gone,
 * no copy is started, and the ledger gives up the emergency slice for its last changes; both until
 * there is room for the reserve and the slice again. The same goes for a disk that cannot be written.
 */
export class Reserve {
  readonly #parts: ReserveParts;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #fileSystem: FileSystem | undefined;
  #blindBecause: string | undefined;
  #sliceFailedBecause: string | undefined;

  constructor(parts: ReserveParts) {
    this.#parts = parts;
  }

  /** `null` until it is known. */
  get freeBytes(): number | null {
    return this.#fileSystem?.availableBytes ?? null;
  }

  get below(): boolean {
    return this.freeBytes !== null && this.freeBytes < this.#parts.reserveBytes;
  }

  start(): void {
    void this.#look();
  }

  close(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  /** The station could not do its part of a copy. */
  failed(error: unknown): void {
    const { troubles, intervalMs } = this.#parts;
    if (!isStationError(error, 'state-disk-failed')) {
      const again = `It is tried again every ${intervalMs / 1000} s.`;
      troubles.hold('cannot-start-copies', `${messageOf(error)}. ${again}`);
      return;
    }
    troubles.hold('state-disk', this.#wordsOf(error));
  }

  async #look(): Promise<void> {
    const before = this.below;
    const { logger, intervalMs, onChange, troubles } = this.#parts;
    try {
      this.#fileSystem = await this.#parts.look(this.#stop.signal);
      this.#blindBecause = undefined;
      // It was looked at by a process of its own: the machine gives those again.
      troubles.end('cannot-start-copies');
      if (this.below !== before) {
        const fields = { freeBytes: this.freeBytes, below: this.below };
        logger.warn(fields, 'free space and the reserve');
      }
      await this.#keepSlice(this.#fileSystem);
      onChange({ below: this.below });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#sayOnce(messageOf(error));
    }
    if (!this.#stop.signal.aborted) this.#timer = setTimeout(() => void this.#look(), intervalMs);
  }

  /** Takes the slice when there is room for it, which is also how the end of a trouble shows. */
  async #keepSlice({ availableBytes }: FileSystem): Promise<void> {
    const { slice, troubles } = this.#parts;
    const hadTrouble = troubles.has('state-disk');
    if (slice.isHeld && !hadTrouble) return;
    if (availableBytes < roomToKeep(this.#parts.reserveBytes)) return;
    try {
      await slice.take();
      troubles.end('state-disk');
    } catch (error) {
      if (isStationError(error, 'state-disk-failed')) this.failed(error);
      else this.#sayOfSlice(messageOf(error));
      return;
    }
    this.#sliceFailedBecause = undefined;
  }

  /** The machine refused something; the next look asks again, and nothing else waits for it. */
  #sayOfSlice(reason: string): void {
    if (this.#sliceFailedBecause !== reason) {
      this.#parts.logger.warn({ reason }, 'the emergency room could not be taken');
    }
    this.#sliceFailedBecause = reason;
  }

  #wordsOf({ payload: { problem } }: StationError<'state-disk-failed'>): string {
    const { directory } = this.#parts;
    const mount = this.#fileSystem?.mountpoint;
    const place =
      mount === undefined || mount === directory ? directory : `${mount} (${directory})`;
    const after = 'The copies then go on by themselves; nothing that arrived is lost.';
    switch (problem) {
      case 'full': {
        const needed = Math.ceil(roomToKeep(this.#parts.reserveBytes) / MIB);
        return `The file system of ${place} is full. Make room until ${needed} MiB are free. ${after}`;
      }
      case 'read-only':
        return `The file system of ${place} is read-only; the kernel's log says why. Repair it and mount it writable. ${after}`;
      case 'failing':
        return `The file system of ${place} gives input/output errors; the kernel's log says why. Repair it, or move the directory to a sound disk. ${after}`;
    }
  }

  #sayOnce(reason: string): void {
    if (this.#blindBecause !== reason) {
      this.#parts.logger.warn({ reason }, 'free space could not be looked at');
    }
    this.#blindBecause = reason;
  }
}
