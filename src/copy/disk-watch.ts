import { setTimeout as sleep } from 'node:timers/promises';
import type { DiskWait } from '../domain/hang-ladder.ts';
import { COPY_STANDSTILL_MS, HANG_NOTE_MS } from '../limits.ts';
import type { SourceDevice } from './device.ts';
import type { DriveFiles } from './files/drive.ts';
import { type Given, NOTHING_GIVEN } from './messages.ts';
import type { NotedReads } from './noted-reads.ts';

const NOTHING_WAITS: DiskWait = { kind: 'read', offsetBytes: null, waitedMs: 0 };

/** The longest that anything of one disk waits at this moment: its opening, its platters, a read, its closing. */
export class DiskWatch {
  #device: SourceDevice | undefined;
  #files: DriveFiles | undefined;
  #reads: Pick<NotedReads, 'noteHang'> | undefined;
  #isGivenUp = false;
  #since: { readonly kind: 'open' | 'close'; readonly ms: number } | undefined;
  readonly #now: () => number;
  #lookedAtMs: number;

  /** `now`: milliseconds of a clock that never steps back. */
  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#lookedAtMs = now();
  }

  opening(): void {
    this.#since = { kind: 'open', ms: this.#now() };
  }

  opened(device: SourceDevice): void {
    this.#device = device;
    this.#since = undefined;
  }

  reading(files: DriveFiles): void {
    this.#files = files;
  }

  copying(reads: Pick<NotedReads, 'noteHang'>): void {
    this.#reads = reads;
  }

  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** Notes where it hangs for the next attempt; what cannot be noted soon is not. */
  async giveUp(offsetBytes: number | null): Promise<void> {
    this.#isGivenUp = true;
    if (offsetBytes === null) return;
    const noted = this.#reads?.noteHang(offsetBytes).catch(() => undefined);
    await Promise.race([noted, sleep(HANG_NOTE_MS)]);
  }

  closing(): void {
    this.#since = { kind: 'close', ms: this.#now() };
  }

  /**
   * What waits at this moment, to be asked every `COPY_ALIVE_MS`. A process that stood still, as one of a
   * paused machine, finds the time that has passed before it finds what the disk answered: it looks again.
   */
  look(): DiskWait {
    const sinceMs = this.#now() - this.#lookedAtMs;
    this.#lookedAtMs += sinceMs;
    return sinceMs > COPY_STANDSTILL_MS ? NOTHING_WAITS : this.#wait;
  }

  get #wait(): DiskWait {
    const { kind, ms } = this.#since ?? {};
    if (kind !== undefined && ms !== undefined) {
      return { kind, offsetBytes: null, waitedMs: this.#now() - ms };
    }
    const spinningUpMs = this.#device?.spinningUpMs;
    if (spinningUpMs !== undefined) return { kind: 'spin-up', waitedMs: spinningUpMs };
    const ofFiles = this.#files?.pendingMs ?? 0;
    const ofDevice = this.#device?.pendingRead;
    if (ofDevice !== undefined && ofDevice.waitedMs >= ofFiles)
      return { kind: 'read', ...ofDevice };
    return { kind: 'read', offsetBytes: null, waitedMs: ofFiles };
  }

  get given(): Given {
    return this.#device?.given ?? NOTHING_GIVEN;
  }
}
