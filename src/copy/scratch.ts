import { type FileHandle, open, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectories, writeAll } from '../blobs/durable-file.ts';
import type { Extent } from '../domain/plan.ts';
import { asStateDiskError, errnoOf } from '../errors.ts';
import { RESCUE_SCRATCH_BYTES, RESCUE_SCRATCH_SHARE } from '../limits.ts';
import { syncPath } from '../sync-path.ts';
import { pieceHeader, piecesIn, SCRATCH_PIECE_BYTES } from './scratch-piece.ts';

/**
 * What was read of blocks that are not whole yet: one file a block, named by where the block begins on
 * the disk, with piece behind piece as they came. A drive may give a sector once and never again, so it
 * is kept at once, and it is still there after a crash. Each piece has a checksum and says whose it is:
 * what is torn, damaged or of another copy is as if it had not been read.
 *
 * A sick drive is not to take the room of the healthy ones: `allowedBytes` says how much it may keep.
 */
export class Scratch {
  readonly #directory: string;
  readonly #nonce: string;
  /** Where the blocks begin, and how many bytes of their files are good. */
  readonly #blocks: Map<number, number>;
  /** Files were made whose names a power cut can still take away. */
  #hasNewNames = false;
  #open: { readonly block: number; readonly handle: FileHandle } | undefined;
  /** One file is open at a time, so whoever wants another one waits. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, nonce: string, blocks: Map<number, number>) {
    this.#directory = directory;
    this.#nonce = nonce;
    this.#blocks = blocks;
  }

  /** `nonce`: 16 hex digits, of the copy. What lies in the directory is to be checked before its use. */
  static async create(directory: string, nonce: string): Promise<Scratch> {
    await makeDirectories(directory, 0o700);
    const names = (await readdir(directory)).filter((name) => /^\d{1,16}$/u.test(name));
    return new Scratch(directory, nonce, new Map(names.map((name) => [Number(name), 0])));
  }

  /** What is kept of one block, in bytes of its file. */
  keptOf(block: number): number {
    return this.#blocks.get(block) ?? 0;
  }

  get keptBytes(): number {
    return this.#blocks.values().reduce((sum, bytes) => sum + bytes, 0);
  }

  /** How much may be kept of the drive now: a part of the room that there is, beside `keepFreeBytes`. */
  async allowedBytes(keepFreeBytes: number): Promise<number> {
    const { bavail, bsize } = await this.#inTurn(() => statfs(this.#directory));
    const roomBytes = Math.max(0, bavail * bsize + this.keptBytes - keepFreeBytes);
    return Math.min(RESCUE_SCRATCH_BYTES, Math.floor(roomBytes / RESCUE_SCRATCH_SHARE));
  }

  /** Where the blocks begin of which something is kept, in bytes of the disk. */
  get blocks(): Pick<ReadonlySet<number>, 'has' | 'keys'> {
    return this.#blocks;
  }

  /** The bytes stay as they are until this resolves. The block counts as kept from now on. */
  async write(block: number, atBytes: number, bytes: Buffer): Promise<void> {
    this.#blocks.set(block, this.keptOf(block));
    await this.#inTurn(async () => {
      const handle = await this.#handleOf(block);
      for (let done = 0; done < bytes.length; done += SCRATCH_PIECE_BYTES) {
        const piece = bytes.subarray(done, done + SCRATCH_PIECE_BYTES);
        const header = pieceHeader(this.#nonce, atBytes + done, piece);
        const end = this.#blocks.get(block) ?? 0;
        await writeAll(handle, header, end);
        await writeAll(handle, piece, end + header.length);
        this.#blocks.set(block, end + header.length + piece.length);
      }
    });
  }

  /**
   * Finds out what an earlier attempt kept of a block, cuts off what cannot be used, and gives the rest:
   * extents of the block, in the order in which they were read.
   */
  async check(block: number): Promise<readonly Extent[]> {
    return await this.#inTurn(async () => {
      const handle = await this.#handleOf(block);
      const kept: Extent[] = [];
      let end = 0;
      for await (const piece of piecesIn(handle, this.#nonce)) {
        kept.push({ offsetBytes: piece.atBytes, lengthBytes: piece.bytes.length });
        end = piece.endBytes;
      }
      await handle.truncate(end);
      this.#blocks.set(block, end);
      return kept;
    });
  }

  /**
   * Puts what is kept of a block where it belongs in the buffer; the rest of the buffer stays. Gives the
   * extents of the block that were put there.
   */
  async readInto(block: number, buffer: Buffer): Promise<readonly Extent[]> {
    return await this.#inTurn(async () => {
      if (!this.#blocks.has(block)) return [];
      const handle = await this.#handleOf(block);
      const kept: Extent[] = [];
      for await (const { atBytes, bytes } of piecesIn(handle, this.#nonce)) {
        bytes.copy(buffer, atBytes);
        kept.push({ offsetBytes: atBytes, lengthBytes: bytes.length });
      }
      return kept;
    });
  }

  /** What was written is on the medium when this resolves: before the map says that it was read. */
  async sync(): Promise<void> {
    await this.#inTurn(() => this.#sync());
  }

  /** A file is synced before another one is opened, so the open one is all that there is to do. */
  async #sync(): Promise<void> {
    await this.#open?.handle.datasync();
    if (!this.#hasNewNames) return;
    await syncPath(this.#directory);
    this.#hasNewNames = false;
  }

  async remove(block: number): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#blocks.delete(block)) return;
      if (this.#open?.block === block) await this.#shut();
      await rm(this.#pathOf(block), { recursive: true, force: true });
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
    const done = this.#turn.then(work).catch((error) => {
      throw asStateDiskError(this.#directory, error);
    });
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #handleOf(block: number): Promise<FileHandle> {
    if (this.#open?.block === block) return this.#open.handle;
    await this.#sync();
    await this.#shut();
    const handle = await this.#openOrMake(this.#pathOf(block));
    if (!this.#blocks.has(block)) this.#blocks.set(block, 0);
    this.#open = { block, handle };
    return handle;
  }

  async #openOrMake(path: string): Promise<FileHandle> {
    try {
      return await open(path, 'r+');
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      const handle = await open(path, 'w+', 0o600);
      this.#hasNewNames = true;
      return handle;
    }
  }

  #pathOf(block: number): string {
    return join(this.#directory, String(block));
  }
}
