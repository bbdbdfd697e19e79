import { join } from 'node:path';
import { builtHelper } from './fuse-helper/build.ts';
import { FuseHelper } from './fuse-helper/helper.ts';

export { fuseHelpersUnavailable as recordDiskUnavailable } from './fuse-helper/build.ts';

/**
 * A directory whose every change is recorded: a FUSE file system that passes all on to another
 * directory and writes the operations, from all processes, into one log in the order that there was.
 */

const SOURCE = join(import.meta.dirname, 'record-disk/record-disk.c');

export interface RecordDiskOptions {
  /** Has the files; changed behind the back of the mount only by what the mount has never seen. */
  readonly lower: string;
  /** An empty directory. */
  readonly mount: string;
  /** Replaced. `readOperations` reads it. */
  readonly log: string;
  /** Leaves out what is written to files. */
  readonly namesOnly?: boolean;
}

export class RecordDisk implements AsyncDisposable {
  readonly #helper: FuseHelper;

  private constructor(helper: FuseHelper) {
    this.#helper = helper;
  }

  static async mount({ lower, mount, log, namesOnly = false }: RecordDiskOptions) {
    const args = [lower, mount, log, ...(namesOnly ? ['names'] : [])];
    return new RecordDisk(await FuseHelper.start(await builtHelper(SOURCE), args));
  }

  /** Puts words into the log; when this resolves, all that was done before is in its file. */
  async mark(words: string): Promise<void> {
    await this.#helper.command(`mark ${words}`);
  }

  /** Takes the mount away; the log is complete then. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#helper.end();
  }
}
