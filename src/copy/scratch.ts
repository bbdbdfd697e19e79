import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectories, syncPath, writeAll } from '../blobs/durable-file.ts';
import { errnoOf } from '../errors.ts';

/**
 * What was read of blocks that are not whole yet: one sparse file a block, named by where the block
 * begins on the disk. A drive may give a sector once and never again, so it is kept at once, and it is
 * still there after a crash. What in a file was read is in the map, never in the file.
 */
export class Scratch {
  readonly #directory: string;
  readonly #blocks: Set<number>;
  /** Files were made whose names a power cut can still take away. */
  #hasNewNames = false;
  #open: { readonly block: number; readonly handle: FileHandle } | undefined;
  /** One file is open at a time, so whoever wants another one waits. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, blocks: Set<number>) {
    this.#directory = directory;
    this.#blocks = blocks;
  }

  static async create(directory: string): Promise<Scratch> {
    await makeDirectories(directory, 0o700);
    const names = (await readdir(directory)).filter((name) => /^\d{1,16}$/u.test(name));
    return new Scratch(directory, new Set(names.map(Number)));
  }

  /** Where the blocks begin of which something is kept, in bytes of the disk. */
  get blocks(): ReadonlySet<number> {
    return this.#blocks;
  }

  async write(block: number, atBytes: number, bytes: Buffer): Promise<void> {
    await this.#inTurn(async () => {
      const handle = await this.#handleOf(block);
      await writeAll(handle, bytes, atBytes);
    });
  }

  /** Puts what is kept of a block where it belongs in the buffer; the rest of the buffer stays. */
  async readInto(block: number, buffer: Buffer): Promise<void> {
    if (!this.#blocks.has(block)) return;
    await this.#inTurn(async () => {
      const handle = await this.#handleOf(block);
      for (let done = 0; done < buffer.length; ) {
        const { bytesRead } = await handle.read(buffer, done, buffer.length - done, done);
        if (bytesRead === 0) return;
        done += bytesRead;
      }
    });
  }

  /**
   * What was written is on the medium when this resolves: before the map says that it was read. A file
   * is synced before another one is opened, so the open one is all that there is to do.
   */
  async sync(): Promise<void> {
    await this.#open?.handle.datasync();
    if (!this.#hasNewNames) return;
    await syncPath(this.#directory);
    this.#hasNewNames = false;
  }

  async remove(block: number): Promise<void> {
    if (!this.#blocks.delete(block)) return;
    await this.#inTurn(async () => {
      if (this.#open?.block === block) await this.#shut();
      await rm(this.#pathOf(block), { force: true });
    });
  }

  async close(): Promise<void> {
    await this.#inTurn(() => this.#shut());
  }

  async #shut(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.handle.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #handleOf(block: number): Promise<FileHandle> {
    if (this.#open?.block === block) return this.#open.handle;
    await this.sync();
    await this.#shut();
    const handle = await this.#openOrMake(this.#pathOf(block));
    this.#blocks.add(block);
    this.#open = { block, handle };
    return handle;
  }

  async #openOrMake(path: string): Promise<FileHandle> {
    try {
      return await open(path, 'r+');
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      this.#hasNewNames = true;
      return await open(path, 'w+', 0o600);
    }
  }

  #pathOf(block: number): string {
    return join(this.#directory, String(block));
  }
}
