import { constants, type FileHandle, open } from 'node:fs/promises';
import { kernelSpeaksOf } from '../domain/kernel-words.ts';
import { KERNEL_LINES_KEPT, KERNEL_RECORDS_MAX } from '../limits.ts';

/** One record is at most so long ("CONSOLE_EXT_LOG_MAX" in the kernel's printk). */
const RECORD_BYTES = 8192;
const LINE_CHARACTERS = 200;
/** `level,sequence,microseconds since boot,flags;words`, then lines that begin with a blank. */
const RECORD = /^\d+,\d+,(?<atUs>\d+),[^;]*;(?<words>[^\n]*)/u;

/**
 * What the kernel wrote into its log about one disk since a moment: the third fact after a failing read.
 * It is read without waiting, and never further than `KERNEL_RECORDS_MAX`. A kernel log that is not
 * there, or not for this process to see, says nothing, and nothing depends on it. The daemon reads the
 * log by `dmesg` instead (`detect/kernel-answer.ts`): that costs a child process, which a copy in the
 * middle of a failing disk does without, and reaches the log also where the device is closed.
 */
export class KernelLog {
  readonly #name: string;
  readonly #sinceUs: number;
  readonly #file: string;

  /**
   * @param name the kernel's name of the disk, such as `sda`.
   * @param sinceMs of the monotonic clock, in milliseconds since boot.
   */
  constructor(name: string, sinceMs: number, file = '/dev/kmsg') {
    this.#name = name;
    this.#sinceUs = sinceMs * 1000;
    this.#file = file;
  }

  /** The last lines about the disk, oldest first; `undefined` when the log cannot be read. */
  async lines(): Promise<readonly string[] | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(this.#file, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch {
      return undefined;
    }
    try {
      return await this.#linesIn(handle);
    } finally {
      await handle.close();
    }
  }

  async #linesIn(handle: FileHandle): Promise<readonly string[]> {
    const room = Buffer.alloc(RECORD_BYTES);
    const kept: string[] = [];
    for (let count = 0; count < KERNEL_RECORDS_MAX; count++) {
      const record = await nextRecord(handle, room);
      if (record === undefined) break;
      const { atUs = '0', words = '' } = RECORD.exec(record)?.groups ?? {};
      if (Number(atUs) < this.#sinceUs || !kernelSpeaksOf(words, [this.#name])) continue;
      kept.push(words.slice(0, LINE_CHARACTERS));
      if (kept.length > KERNEL_LINES_KEPT) kept.shift();
    }
    return kept;
  }
}

/** Each read gives one record; at the end of the log it gives an error, and after an overrun as well. */
async function nextRecord(handle: FileHandle, room: Buffer): Promise<string | undefined> {
  for (let overruns = 0; overruns < 2; overruns++) {
    try {
      const { bytesRead } = await handle.read(room, 0, room.length, null);
      return bytesRead === 0 ? undefined : room.toString('utf8', 0, bytesRead);
    } catch {
      // EPIPE: records were overwritten; the next read goes on behind them. EAGAIN comes again.
    }
  }
  return undefined;
}
