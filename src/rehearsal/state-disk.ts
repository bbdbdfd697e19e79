import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../errors.ts';
import { runTool } from '../loopback/run-tool.ts';

/** A small file system in memory in the place of a station's state directory, to be filled. */
export class StateDisk implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** The station must not run; it finds an empty state directory. */
  static async mount(directory: string, sizeBytes: number): Promise<StateDisk> {
    await runTool('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', directory]);
    return new StateDisk(directory);
  }

  /** Leaves not a byte. */
  async fill(): Promise<void> {
    for (const pieceBytes of [1024 * 1024, 4096]) await this.#fillBy(pieceBytes);
  }

  async makeRoom(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }

  async readOnly(isReadOnly: boolean): Promise<void> {
    await runTool('mount', ['-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, this.#directory]);
  }

  /** Lazily: a station that was just killed may hold it for a moment. */
  async [Symbol.asyncDispose](): Promise<void> {
    await runTool('umount', ['--lazy', this.#directory]);
  }

  get #ballast(): string {
    return join(this.#directory, 'ballast');
  }

  async #fillBy(pieceBytes: number): Promise<void> {
    try {
      while (true) await writeFile(this.#ballast, Buffer.alloc(pieceBytes), { flag: 'a' });
    } catch (error) {
      if (errnoOf(error) !== 'ENOSPC') throw error;
    }
  }
}
