import { readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { kernelSpeaksOf } from '../domain/kernel-words.ts';
import { type KernelRecord, KernelRecords } from '../kernel-records.ts';
import { KERNEL_LINES_KEPT } from '../limits.ts';
import { type Mount, mountAt } from './mount-table.ts';

/**
 * What the kernel says of damage in a filesystem that it has mounted. Where a folder does not hold
 * together, ext4 and FAT give what is left of it and no error to the program that reads it: only the
 * kernel's log tells. Where that may not be read, ext4 leaves two marks: of newer kernels on the mount, of
 * older ones a count of warnings, which not each damage raises. Its count of errors does not move on a
 * device that is read-only.
 */
export class DamageWatch implements AsyncDisposable {
  readonly #mark: string;
  readonly #records: KernelRecords | undefined;
  readonly #found: string[] = [];

  private constructor(mark: string, records: KernelRecords | undefined) {
    this.#mark = mark;
    this.#records = records;
  }

  /**
   * Begins before the mount, so that no word about it is missed.
   *
   * @param mark how the lines about damage begin that this filesystem writes.
   */
  static async begin(mark: string, log?: string): Promise<DamageWatch> {
    const records = await KernelRecords.open(log);
    await records?.skip();
    return new DamageWatch(mark, records);
  }

  /** The first that was found so far, in words; to be asked while the filesystem is mounted. */
  async found(mountPoint: string): Promise<readonly string[]> {
    const mount = await mountAt(mountPoint);
    const device = mount === undefined ? undefined : await deviceOf(mount);
    if (mount === undefined || device === undefined) return this.#found;
    for await (const record of this.#records?.fresh() ?? []) {
      const isOurs = tellsOfDamage(record, { mark: this.#mark, device });
      if (isOurs && this.#found.length < KERNEL_LINES_KEPT) {
        this.#found.push(record.words.slice(0, LINE_CHARACTERS));
      }
    }
    return this.#found.length > 0 ? this.#found : await marksOf(mount, device);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#records?.[Symbol.asyncDispose]();
  }
}

const LINE_CHARACTERS = 200;
/** Errors and worse; a note of an unclean end, or of a log that was not replayed, is neither. */
const ERROR_LEVEL = 3;

/** Whether a line of the kernel's log tells of damage in the filesystem on this device. */
export function tellsOfDamage(
  { level, words }: Pick<KernelRecord, 'level' | 'words'>,
  { mark, device }: { readonly mark: string; readonly device: string },
): boolean {
  return level <= ERROR_LEVEL && words.startsWith(mark) && kernelSpeaksOf(words, [device]);
}

/** The kernel's name of the device under a mount. */
async function deviceOf({ device }: Mount): Promise<string | undefined> {
  const link = await readlink(`/sys/dev/block/${device}`).catch(() => undefined);
  return link === undefined ? undefined : basename(link);
}

async function marksOf({ filesystem, options }: Mount, device: string): Promise<readonly string[]> {
  if (filesystem !== 'ext4') return [];
  if (options.includes('emergency_ro')) return ['ext4 met an error (emergency_ro)'];
  const text = await readFile(`/sys/fs/ext4/${device}/warning_count`, 'utf8').catch(() => '0');
  return Number(text) > 0 ? [`ext4 counted warnings: ${Number(text)}`] : [];
}
