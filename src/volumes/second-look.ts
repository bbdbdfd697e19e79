import { randomUUID } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { errnoOf } from '../errors.ts';
import { WALK_RETRIES, WALK_RETRY_MS } from '../limits.ts';
import { forgetCached } from './cached.ts';
import { folderPath, type Place } from './descriptors.ts';
import { type Name, namesIn } from './folder.ts';

/** What a filesystem answers where the disk gives nothing, or nothing that it understands. */
const OF_THE_DISK = new Set(['EIO', 'ENODATA', 'EUCLEAN', 'EBADMSG']);

/**
 * Looks again at what did not read in a walk. A folder is a sector or two, and all that is in it hangs on
 * them. What the kernel keeps is dropped first: it reads ahead, and a large piece fails as a whole. It is
 * done at once and not in the end, since every pass over the files is to find them in one order.
 */
export class SecondLook {
  readonly #layers: readonly string[];
  readonly #onBadRead: () => void;
  #spentMs = 0;

  /**
   * @param layers what the filesystem lies on: files and block devices.
   * @param onBadRead told of each read that failed, also when the next one did not.
   */
  constructor(layers: readonly string[], onBadRead: () => void) {
    this.#layers = layers;
    this.#onBadRead = onBadRead;
  }

  /** Does something that reads, again if need be; throws the last error. */
  async at<T>(work: () => Promise<T>, paths: readonly string[] = []): Promise<T> {
    for (let tries = 1; ; tries++) {
      const begun = performance.now();
      try {
        return await work();
      } catch (error) {
        await this.#forgetFor(error, tries, paths);
      } finally {
        if (tries > 1) this.#spentMs += performance.now() - begun;
      }
    }
  }

  /** The names in a folder, each once; throws when there are more that cannot be read. */
  async *namesIn(folder: Place): AsyncGenerator<Name> {
    const listing = new Listing(folder);
    try {
      for (;;) {
        const name = await this.at(() => listing.next(), [folderPath(folder)]);
        if (name === undefined) return;
        yield name;
      }
    } finally {
      // A folder that is still open keeps the mount busy.
      await listing.close();
    }
  }

  /** Throws the error if it is no use to look again. */
  async #forgetFor(error: unknown, tries: number, paths: readonly string[]): Promise<void> {
    const isOfDisk = OF_THE_DISK.has(errnoOf(error) ?? '');
    if (isOfDisk) this.#onBadRead();
    if (!isOfDisk || tries > WALK_RETRIES || this.#spentMs > WALK_RETRY_MS) throw error;
    await forgetCached([...paths, ...this.#layers]);
  }
}

/**
 * A folder that is opened again where it did not read, and gone through to where that was. Of names that
 * are read together none comes when one does not, so then they are read one by one.
 */
class Listing {
  readonly #folder: Place;
  #names: AsyncGenerator<Name> | undefined;
  #given = 0;
  #checksum = 0;
  #isWhole = true;

  constructor(folder: Place) {
    this.#folder = folder;
  }

  /** `undefined` at the end. What failed is begun anew by the next call. */
  async next(): Promise<Name | undefined> {
    try {
      this.#names ??= await this.#begun();
      const { done, value } = await this.#names.next();
      if (done === true) return await this.#ended();
      this.#given++;
      this.#checksum = crc32(value.shown, this.#checksum);
      return value;
    } catch (error) {
      this.#names = undefined;
      this.#isWhole = false;
      throw error;
    }
  }

  /**
   * Of a folder whose first block does not read, ext4 says that it is empty, and no more. Looking for a name
   * that is not there goes through the whole list, and says what it met.
   */
  async #ended(): Promise<undefined> {
    try {
      await lstat(`${folderPath(this.#folder)}/${NO_NAME}`);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
    return undefined;
  }

  async close(): Promise<void> {
    await this.#names?.return(undefined);
  }

  async #begun(): Promise<AsyncGenerator<Name>> {
    const names = namesIn(this.#folder, this.#isWhole ? NAMES_AT_ONCE : 1);
    let checksum = 0;
    for (let passed = 0; passed < this.#given; passed++) {
      const { done, value } = await names.next();
      if (done === true) break;
      checksum = crc32(value.shown, checksum);
    }
    if (checksum === this.#checksum) return names;
    await names.return(undefined);
    throw new Error('the folder has other names than a moment ago');
  }
}

const NAMES_AT_ONCE = 32;
/** Nobody has it. */
const NO_NAME = randomUUID();
