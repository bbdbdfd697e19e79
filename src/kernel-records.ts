import { constants, type FileHandle, open } from 'node:fs/promises';
import { errnoOf } from './errors.ts';
import { KERNEL_RECORDS_MAX } from './limits.ts';

export interface KernelRecord {
  /** How grave it is, from 0 (the machine is lost) over 3 (an error) to 7. */
  readonly level: number;
  /** Microseconds since boot. */
  readonly atUs: number;
  /** The first line, without its time. */
  readonly words: string;
}

/** One record is at most so long ("CONSOLE_EXT_LOG_MAX" in the kernel's printk). */
const RECORD_BYTES = 8192;
/** The other bits of a record's priority say who wrote it. */
const LEVEL = 0b111;
/** `priority,sequence,microseconds since boot,flags;words`, then lines that begin with a blank. */
const RECORD = /^(?<priority>\d+),\d+,(?<atUs>\d+),[^;]*;(?<words>[^\n]*)/u;

/**
 * The kernel's log, from its oldest record on. Reading never waits, and goes no further than
 * `KERNEL_RECORDS_MAX` records at a time. A log that is not there, or not for this process to see, is
 * `undefined`: nothing may depend on it.
 */
export class KernelRecords implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #room = Buffer.alloc(RECORD_BYTES);
  #overran = false;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static async open(file = '/dev/kmsg'): Promise<KernelRecords | undefined> {
    try {
      return new KernelRecords(await open(file, constants.O_RDONLY | constants.O_NONBLOCK));
    } catch {
      return undefined;
    }
  }

  /** Whether records were overwritten before they could be given; of those that `skip` passes over, none. */
  get overran(): boolean {
    return this.#overran;
  }

  /** Those that were not given before. */
  async *fresh(): AsyncGenerator<KernelRecord> {
    for (let count = 0; count < KERNEL_RECORDS_MAX; count++) {
      const record = await this.#next();
      if (record === undefined) return;
      const { priority = '7', atUs = '0', words = '' } = RECORD.exec(record)?.groups ?? {};
      yield { level: Number(priority) & LEVEL, atUs: Number(atUs), words };
    }
  }

  /** Passes over what is there already, so that only what comes after it is given. */
  async skip(): Promise<void> {
    while ((await this.#next()) !== undefined);
    this.#overran = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  /** Each read gives one record; at the end of the log it gives an error, and after an overrun as well. */
  async #next(): Promise<string | undefined> {
    for (let overruns = 0; overruns < 2; overruns++) {
      try {
        const { bytesRead } = await this.#handle.read(this.#room, 0, RECORD_BYTES, null);
        return bytesRead === 0 ? undefined : this.#room.toString('utf8', 0, bytesRead);
      } catch (error) {
        // The next read goes on behind what was overwritten. EAGAIN comes again.
        this.#overran ||= errnoOf(error) === 'EPIPE';
      }
    }
    return undefined;
  }
}
