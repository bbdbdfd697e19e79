import { readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { FilesystemDamage } from '../domain/files-verdict.ts';
import { kernelSpeaksOf } from '../domain/kernel-words.ts';
import { type KernelRecord, KernelRecords } from '../kernel-records.ts';
import { DAMAGE_LOOK_MS, KERNEL_LINES_KEPT } from '../limits.ts';
import { type Mount, mountAt } from './mount-table.ts';

/** How a filesystem of the kernel tells of damage. */
export interface Telling {
  /** How its lines about it begin in the kernel's log. */
  readonly mark: string;
  /** It leaves no mark elsewhere, and gives the program that lists a folder what is left, and no error. */
  readonly onlyInLog?: boolean;
  /**
   * It passes over sectors of a folder that do not read, and has no line of its own for that: the names that
   * were read before them hide the error. Any failing read of the device can have been one.
   */
  readonly passesOver?: boolean;
}

/**
 * What the kernel says of damage in a filesystem that it has mounted. Where a folder does not hold
 * together, ext4 and FAT give what is left of it and no error to the program that reads it: only the
 * kernel's log tells. Where that may not be read, ext4 leaves two marks: of newer kernels on the mount, of
 * older ones a count of warnings, which not each damage raises. Its count of errors does not move on a
 * device that is read-only.
 */
export class DamageWatch implements AsyncDisposable {
  readonly #telling: Telling;
  readonly #records: KernelRecords | undefined;
  readonly #said: string[] = [];
  #hasFailedRead = false;
  #looked: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  private constructor(telling: Telling, records: KernelRecords | undefined) {
    this.#telling = telling;
    this.#records = records;
  }

  /** Begins before the mount, so that no word about it is missed. */
  static async begin(telling: Telling, log?: string): Promise<DamageWatch> {
    const records = await KernelRecords.open(log);
    await records?.skip();
    return new DamageWatch(telling, records);
  }

  /** Reads the log from now on as fast as it may be overwritten. */
  follow(mountPoint: string): void {
    const look = () => void this.found(mountPoint).catch(() => undefined);
    this.#timer = setInterval(look, DAMAGE_LOOK_MS).unref();
  }

  /** What is known so far; to be asked while the filesystem is mounted. */
  found(mountPoint: string): Promise<FilesystemDamage> {
    const found = this.#looked.then(() => this.#look(mountPoint));
    this.#looked = found.catch(() => undefined);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#looked;
    await this.#records?.[Symbol.asyncDispose]();
  }

  async #look(mountPoint: string): Promise<FilesystemDamage> {
    const mount = await mountAt(mountPoint);
    const device = mount === undefined ? undefined : await deviceOf(mount);
    if (mount === undefined || device === undefined) return this.#known(this.#said);
    for await (const record of this.#records?.fresh() ?? []) this.#hear(record, device);
    return this.#known(this.#said.length > 0 ? this.#said : await marksOf(mount, device));
  }

  #hear(record: KernelRecord, device: string): void {
    const { mark } = this.#telling;
    if (tellsOfDamage(record, { mark, device })) {
      if (this.#said.length < KERNEL_LINES_KEPT) {
        this.#said.push(record.words.slice(0, LINE_CHARACTERS));
      }
    } else if (tellsOfDamage(record, { mark: '', device })) {
      this.#hasFailedRead = true;
    }
  }

  #known(said: readonly string[]): FilesystemDamage {
    const unknown = this.#whyUnknown();
    return { said: [...said], ...(unknown === undefined ? {} : { unknown }) };
  }

  #whyUnknown(): string | undefined {
    const { onlyInLog = false, passesOver = false } = this.#telling;
    if (this.#records === undefined) return onlyInLog ? LOG_CLOSED : undefined;
    if (this.#records.overran) return LOG_OVERRAN;
    return passesOver && this.#hasFailedRead ? PASSED_OVER : undefined;
  }
}

const LOG_CLOSED =
  'its filesystem says it in the kernel’s log alone, and the station may not read that.';
const LOG_OVERRAN = 'lines of the kernel’s log were overwritten before they could be read.';
const PASSED_OVER =
  'places of the disk did not read, and its filesystem does not say whether a folder lies there.';

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
