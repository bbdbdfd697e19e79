import type { BlobContainer } from '../blobs/contract.ts';
import { type BlockId, encodeBlockId } from '../domain/block-id.ts';
import { type BlobPlan, blockCount, blockLength } from '../domain/plan.ts';
import { StationError, throwIfCancelled } from '../errors.ts';
import type { BlockSums } from './block-sums.ts';
import type { SourceDevice } from './device.ts';
import type { BlockHashes, Hasher, HashRequest } from './hashing.ts';
import type { CopyJournal } from './journal.ts';
import { MD5_START } from './md5.ts';
import { readBlock } from './read-block.ts';
import type { Held, HeldBlock } from './resume.ts';
import type { BufferRing, Slot } from './ring.ts';

export interface BlobCopyParts {
  readonly device: SourceDevice;
  readonly ring: BufferRing;
  readonly hasher: Hasher;
  /** Bounded in requests and patient with outages: see `storage.ts`. */
  readonly container: BlobContainer;
  readonly journal: CopyJournal;
  /** Told the MD5 of every block that is read. */
  readonly sums: BlockSums;
  readonly nonce: string;
  /** A block is safe: the store verified it and the journal has it. */
  onSafe(lengthBytes: number): void;
}

/** A blob of which every block is staged: what commit and verdict need. */
export interface StagedBlob {
  readonly blob: BlobPlan;
  readonly ids: readonly BlockId[];
  /** SHA-256 of each block, in order. */
  readonly digests: readonly string[];
  /** MD5 of the whole blob, 32 hex digits. */
  readonly md5: string;
}

/** A block in its buffer; its hashes may still be on their way. */
interface ReadBlock {
  readonly slot: Slot;
  readonly hashes: Promise<BlockHashes>;
}

interface DoneBlock {
  readonly id: BlockId;
  readonly sha256: string;
  readonly md5State: string;
}

/**
 * Moves the blocks of one blob that the store does not hold yet: read in order, hash, stage, journal.
 * Reading is sequential, because that is what disks do well; hashing keeps the order, because the
 * blob's MD5 runs through all blocks; staging overlaps. Every buffer comes from the ring, so a store
 * that stalls for an hour stalls the reading and nothing grows.
 */
export class BlobCopy {
  readonly #blob: BlobPlan;
  readonly #held: Held;
  readonly #parts: BlobCopyParts;
  readonly #stop = new AbortController();
  readonly #done: DoneBlock[] = [];
  #failure: unknown;

  constructor(blob: BlobPlan, held: Held, parts: BlobCopyParts) {
    this.#blob = blob;
    this.#held = held;
    this.#parts = parts;
  }

  /** Settles only when nothing of this blob is in flight any more. */
  async run(signal: AbortSignal): Promise<StagedBlob> {
    throwIfCancelled(signal);
    const either = AbortSignal.any([signal, this.#stop.signal]);
    const inFlight = new Set<Promise<void>>();
    try {
      const first = this.#takeHeldPrefix();
      for (let index = first; index < blockCount(this.#blob); index++) {
        const slot = await this.#readBlock(index, either);
        const hashes = this.#parts.hasher.hash(this.#hashRequest(index, slot, index === first));
        const block = this.#finish(index, { slot, hashes }, either).catch((error) =>
          this.#fail(error),
        );
        inFlight.add(block);
        block.finally(() => inFlight.delete(block));
      }
    } catch (error) {
      this.#fail(error);
    }
    await Promise.all(inFlight);
    if (this.#failure !== undefined) throw this.#failure;
    return this.#staged();
  }

  /** Blocks from the start that the store holds are not read again: their ids say all. */
  #takeHeldPrefix(): number {
    for (let index = 0; ; index++) {
      const held = this.#held.blocks.get(index);
      if (held === undefined) return index;
      this.#done[index] = held;
    }
  }

  async #readBlock(index: number, signal: AbortSignal): Promise<Slot> {
    const slot = await this.#parts.ring.acquire(signal);
    try {
      await readBlock(this.#parts.device, { blob: this.#blob, index }, slot);
      return slot;
    } catch (error) {
      this.#parts.ring.release(slot);
      throw error;
    }
  }

  #hashRequest(index: number, slot: Slot, isFirst: boolean): HashRequest {
    const isLast = index === blockCount(this.#blob) - 1;
    return {
      offsetBytes: slot.offsetBytes,
      lengthBytes: blockLength(this.#blob, index),
      ...(isFirst ? { restartFrom: this.#done[index - 1]?.md5State ?? MD5_START } : {}),
      ...(isLast ? { blobBytes: this.#blob.lengthBytes } : {}),
    };
  }

  async #finish(index: number, read: ReadBlock, signal: AbortSignal): Promise<void> {
    const taken = await this.#stage(index, read, signal).finally(() =>
      this.#parts.ring.release(read.slot),
    );
    if (taken === undefined) return;
    await this.#parts.journal.append({ kind: 'staged', blob: this.#blob.name, index, ...taken });
    this.#parts.onSafe(blockLength(this.#blob, index));
  }

  /** The id and MD5 of a block that the store took; `undefined` for one that it held already. */
  async #stage(
    index: number,
    { slot, hashes }: ReadBlock,
    signal: AbortSignal,
  ): Promise<{ readonly id: BlockId; readonly md5: string } | undefined> {
    const { md5, md5State, sha256 } = await hashes;
    throwIfCancelled(signal);
    const id = encodeBlockId({ nonce: this.#parts.nonce, index, sha256, md5State });
    this.#done[index] = { id, sha256, md5State };
    this.#parts.sums.set(this.#blob, index, md5);
    const held = this.#held.blocks.get(index);
    if (held !== undefined) {
      this.#compare(held, sha256);
      return undefined;
    }
    const body = slot.buffer.subarray(0, blockLength(this.#blob, index));
    await this.#parts.container.stageBlock({ name: this.#blob.name, id, body, md5 }, signal);
    return { id, md5 };
  }

  /** A block behind a gap was staged by an earlier attempt and is read only for the blob's MD5. */
  #compare(held: HeldBlock, sha256: string): void {
    if (held.sha256 !== sha256) throw contentChanged(this.#parts.device, this.#blob, held.index);
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#stop.abort(error);
  }

  #staged(): StagedBlob {
    return {
      blob: this.#blob,
      ids: this.#done.map((block) => block.id),
      digests: this.#done.map((block) => block.sha256),
      md5: this.#done.at(-1)?.md5State ?? MD5_START,
    };
  }
}

export function contentChanged(
  device: SourceDevice,
  blob: BlobPlan,
  block: number,
): StationError<'disk-content-changed'> {
  const { devicePath } = device;
  return new StationError(
    'disk-content-changed',
    `${devicePath} does not hold what block ${block} of ${blob.name} was copied from`,
    { devicePath, blob: blob.name, block },
  );
}
