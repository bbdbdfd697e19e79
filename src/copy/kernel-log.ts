import { kernelSpeaksOf } from '../domain/kernel-words.ts';
import { KernelRecords } from '../kernel-records.ts';
import { KERNEL_LINES_KEPT } from '../limits.ts';

const LINE_CHARACTERS = 200;

/**
 * What the kernel wrote into its log about one disk since a moment: the third fact after a failing read.
 * The daemon reads the log by `dmesg` when it asks about a disk that hangs (`detect/kernel-answer.ts`):
 * that costs a child process, which a copy in the middle of a failing disk does without, and reaches the
 * log also where the device is closed.
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
    await using records = await KernelRecords.open(this.#file);
    if (records === undefined) return undefined;
    const kept: string[] = [];
    for await (const { atUs, words } of records.fresh()) {
      if (atUs < this.#sinceUs || !kernelSpeaksOf(words, [this.#name])) continue;
      kept.push(words.slice(0, LINE_CHARACTERS));
      if (kept.length > KERNEL_LINES_KEPT) kept.shift();
    }
    return kept;
  }
}
