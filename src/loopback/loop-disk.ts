import { setTimeout as sleep } from 'node:timers/promises';
import { StationError } from '../errors.ts';
import { emptyBay } from './bay.ts';
import type { Backing, LoopDisk, PullKind, PullOutcome } from './contract.ts';
import { detachLoop, type LoopAttachment, waitUntilGone } from './loop-device.ts';

/** How long a pulled disk fails reads before its size is 0; a USB disk takes about as long. */
const ERROR_WINDOW_MS = 250;
/** A reader that closes a pulled disk does so within this; after it the disk counts as held open. */
const RELEASE_DEADLINE_MS = 3000;
/** For a disk that nobody reads; short, because harder means follow. */
const QUIET_RELEASE_MS = 500;

export interface LoopDiskPlace {
  readonly loop: LoopAttachment;
  readonly bay: string;
  readonly pluggedPath: string;
}

/** One attachment with its backing file; removes both exactly once. */
export class AttachedLoopDisk implements LoopDisk {
  readonly device: string;
  readonly name: string;
  readonly bay: string;
  readonly diskseq: number;
  readonly pluggedPath: string;
  readonly #backing: Backing;
  #removal: Promise<PullOutcome> | undefined;

  constructor(place: LoopDiskPlace, backing: Backing) {
    this.name = place.loop.name;
    this.device = `/dev/${place.loop.name}`;
    this.diskseq = place.loop.diskseq;
    this.bay = place.bay;
    this.pluggedPath = place.pluggedPath;
    this.#backing = backing;
  }

  async unplug(): Promise<void> {
    this.#removal ??= this.#cleanUpAfter(() => this.#takeOut());
    if ((await this.#removal) === 'still-open') {
      const message = `${this.device} was taken out of ${this.bay} but a program still has it open`;
      throw new StationError('disk-busy', message, { devicePath: this.device });
    }
  }

  pull(kind: PullKind): Promise<PullOutcome> {
    this.#removal ??= this.#cleanUpAfter(() => this.#pullOut(kind));
    return this.#removal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#removal ??= this.#cleanUpAfter(() => this.#takeOut());
    await this.#removal;
  }

  async #takeOut(): Promise<PullOutcome> {
    await this.#backing.release();
    await detachLoop(this);
    if (await waitUntilGone(this, QUIET_RELEASE_MS)) return 'released';
    return this.#pullOut('clean-eof');
  }

  async #pullOut(kind: PullKind): Promise<PullOutcome> {
    if (kind === 'io-error') {
      await this.#backing.fail();
      await sleep(ERROR_WINDOW_MS);
    }
    await this.#backing.vanish(this);
    await detachLoop(this);
    if (await waitUntilGone(this, QUIET_RELEASE_MS)) return 'released';
    // Only now: reads that were under way when the size became 0 have had their bytes.
    await this.#backing.fail();
    return (await waitUntilGone(this, RELEASE_DEADLINE_MS)) ? 'released' : 'still-open';
  }

  /** Whatever the removal came to, the device is detached and the files are gone. */
  async #cleanUpAfter(removal: () => Promise<PullOutcome>): Promise<PullOutcome> {
    try {
      return await removal();
    } finally {
      try {
        await this.#backing.release();
        await detachLoop(this);
      } finally {
        await this.#backing.close();
        await emptyBay(this.pluggedPath);
      }
    }
  }
}
