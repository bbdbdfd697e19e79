import { randomBytes } from 'node:crypto';
import { statSync, unlinkSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { asStateDiskError } from '../errors.ts';
import { EMERGENCY_BYTES } from '../limits.ts';

/**
 * Room in the file system of the state directory that nobody else can take: a file that is given up
 * when the disk is full, so that what has just happened can still be written down.
 */
export class EmergencySlice {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  get isHeld(): boolean {
    return statSync(this.#file, { throwIfNoEntry: false })?.size === EMERGENCY_BYTES;
  }

  /** Gives the room up at once; answers whether there was any to give. */
  release(): boolean {
    try {
      unlinkSync(this.#file);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Takes the room, which also proves that the disk can be written. Throws `state-disk-failed`, and
   * what opening the file throws; nothing is left of it then.
   */
  async take(): Promise<void> {
    try {
      // Nothing that a file system could store in less.
      await writeFile(this.#file, randomBytes(EMERGENCY_BYTES), { mode: 0o600, flush: true });
    } catch (error) {
      await rm(this.#file, { force: true }).catch(() => undefined);
      throw asStateDiskError(this.#file, error);
    }
  }
}
