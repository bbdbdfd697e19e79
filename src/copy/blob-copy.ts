import type { BlobContainer } from '../blobs/contract.ts';
import { type BlockId, encodeBlockId } from '../domain/block-id.ts';
import { type BlobPlan, blockCount, blockLength, type Extent } from '../domain/plan.ts';
import type { Skipping } from '../domain/rescue/skipping.ts';
import { isStationError, throwIfCancelled } from '../errors.ts';
import { FAST_READ_BYTES, RESCUE_CLUSTER_BYTES } from '../limits.ts';
import type { BadPlaces } from './bad-places.ts';
import type { BlockOnTrust } from './block-on-trust.ts';
import type { BlockSums } from './block-sums.ts';
import type { DiskToRead } from './device.ts';
import { contentChanged } from './disk-errors.ts';
import type { GoodPlaces } from './good-places.ts';
import type { BlockHashes, Hasher, HashRequest } from './hashing.ts';
import type { CopyJournal, Landmark } from './journal.ts';
import type { Landmarks } from './landmarks.ts';
import { MD5_START } from './md5.ts';
import type { NotedReads } from './noted-reads.ts';
import { placeOf } from './planned-block.ts';
import type { Held, HeldBlock } from './resume.ts';
import type { BufferRing, Slot } from './ring.ts';

export interface BlobCopyParts {
  readonly device: DiskToRead;
  readonly reads: NotedReads;
  readonly ring: BufferRing;
  readonly hasher: Hasher;
  /** Bounded in requests and patient with outages: see `storage.ts`. */
  readonly container: BlobContainer;
  readonly journal: CopyJournal;
  /** Told the MD5 of every block that is read. */
  readonly sums: BlockSums;
  readonly nonce: string;
  readonly badPlaces: BadPlaces;
  readonly goodPlaces: GoodPlaces;
  readonly landmarks: Landmarks;
  /** Gets what of a blob is staged when some of it is left behind. */
  readonly staged: Map<BlobPlan, ReadonlyMap<number, BlockId>>;
  readonly skipping: Skipping;
  /** A block is safe: the store verified it and the journal has it. */
  onSafe(lengthBytes: number): void;
}

/** A blob of which every block is staged: what commit and verdict need. */
export interface StagedBlob {
  readonly blob: BlobPlan;
  readonly ids: readonly BlockId[];
  /** SHA-256 of each block, in order. */
  readonly digests: readonly string[];
  /** MD5 of the whole blob, 32 hex digits; `undefined` when it was not read in order. */
  readonly md5: string | undefined;
}

/** A block in its buffer; its hashes may still be on their way. */
interface ReadBlock {
  readonly slot: Slot;
  readonly hashes: Promise<BlockHashes>;
  /** It came behind a block that was left out. */
  readonly isLoose: boolean;
  readonly trust: BlockOnTrust;
}

interface TakenBlock {
  readonly id: BlockId;
  readonly md5: string;
  readonly landmarks: readonly Landmark[];
}

interface DoneBlock {
  readonly id: BlockId;
  readonly sha256: string;
  readonly md5State?: string | undefined;
}

/**
 * Moves the blocks of one blob that the store does not hold yet: read in order, hash, stage, journal.
 * Reading is sequential, because that is what disks do well; hashing keeps the order, because the
 * blob's MD5 runs through all blocks; staging overlaps. Every buffer comes from the ring, so a store
 * that stalls for an hour stalls the reading and nothing grows.
 *
 * A bad place is no end: its block and some behind it are left for the rescue, and the blocks after it
 * are loose. They have no part in a running MD5 that can never be whole; each vouches for itself.
 */
export class BlobCopy {
  readonly #blob: BlobPlan;
  readonly #held: Held;
  readonly #parts: BlobCopyParts;
  readonly #stop = new AbortController();
  readonly #done: DoneBlock[] = [];
  #isLoose: boolean;
  #left = 0;
  #failure: unknown;

  constructor(blob: BlobPlan, held: Held, parts: BlobCopyParts) {
    this.#blob = blob;
    this.#held = held;
    this.#parts = parts;
    this.#isLoose = held.blocks.values().some((block) => block.md5State === undefined);
  }

  /**
   * Settles only when nothing of this blob is in flight any more. `undefined` when blocks were left
   * behind, so that the blob is not whole yet.
   */
  async run(signal: AbortSignal): Promise<StagedBlob | undefined> {
    throwIfCancelled(signal);
    const either = AbortSignal.any([signal, this.#stop.signal]);
    const inFlight = new Set<Promise<void>>();
    try {
      const first = this.#takeHeldPrefix();
      let index = first;
      while (index < blockCount(this.#blob)) {
        const read = this.#isToRead(index)
          ? await this.#readBlock(index, either)
          : this.#skipBehind(index);
        if (typeof read === 'number') {
          index += 1 + this.#leave(index + 1, read);
          continue;
        }
        const { slot, skipBytes } = read;
        const isLoose = this.#isLoose;
        const trust = this.#parts.goodPlaces.read(this.#blob.name, index);
        const hashes = this.#parts.hasher.hash(this.#hashRequest(index, slot, index === first));
        const filled = { slot, hashes, isLoose, trust };
        const block = this.#finish(index, filled, either).catch((error) => this.#fail(error));
        inFlight.add(block);
        block.finally(() => inFlight.delete(block));
        index += 1 + this.#leave(index + 1, skipBytes);
        if (this.#parts.goodPlaces.isDue) await this.#parts.goodPlaces.check();
      }
      await this.#parts.goodPlaces.check();
    } catch (error) {
      this.#fail(error);
    }
    await Promise.all(inFlight);
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#left === 0) return this.#staged();
    // What was left behind has no entry.
    const ids = this.#done.flatMap(({ id }, index): [number, BlockId][] => [[index, id]]);
    this.#parts.staged.set(this.#blob, new Map(ids));
    return undefined;
  }

  /** What is held is read again only for the blob's MD5; what failed before is the rescue's. */
  #isToRead(index: number): boolean {
    const held = this.#held.blocks.get(index);
    if (this.#isHung(index)) this.#breakChain();
    if (held !== undefined) {
      if (this.#isLoose) this.#done[index] = held;
      return !this.#isLoose;
    }
    if (this.#parts.badPlaces.isUntried(this.#blob, index)) return true;
    this.#breakChain();
    this.#left++;
    return false;
  }

  /** The disk hung in this block: what is beside it comes last, too. */
  #skipBehind(index: number): number {
    const isOpen = !this.#held.blocks.has(index);
    return isOpen && this.#isHung(index) ? this.#parts.skipping.failed() : 0;
  }

  #isHung(index: number): boolean {
    return this.#parts.badPlaces.isHungIn(placeOf(this.#blob, index));
  }

  /** Leaves blocks behind a bad or slow place for later; gives how many. */
  #leave(from: number, bytes: number): number {
    const count = Math.min(Math.ceil(bytes / this.#blob.blockBytes), blockCount(this.#blob) - from);
    if (count <= 0) return 0;
    this.#breakChain();
    for (let index = from; index < from + count; index++) {
      const held = this.#held.blocks.get(index);
      if (held === undefined) this.#left++;
      else this.#done[index] = held;
    }
    return count;
  }

  #breakChain(): void {
    this.#isLoose = true;
  }

  /** Blocks from the start that the store holds are not read again: their ids say all. */
  #takeHeldPrefix(): number {
    for (let index = 0; ; index++) {
      const held = this.#held.blocks.get(index);
      if (held === undefined) return index;
      this.#done[index] = held;
    }
  }

  /** The block and how much to leave behind it; the latter alone when the block did not read. */
  async #readBlock(
    index: number,
    signal: AbortSignal,
  ): Promise<{ readonly slot: Slot; readonly skipBytes: number } | number> {
    const { ring, skipping } = this.#parts;
    const slot = await ring.acquire(signal);
    const begun = performance.now();
    try {
      const failed = await this.#fill(slot, index);
      this.#remember(index, slot, failed);
      if (failed === undefined) {
        const lengthBytes = blockLength(this.#blob, index);
        const elapsedMs = performance.now() - begun;
        return { slot, skipBytes: skipping.read({ lengthBytes, elapsedMs }) };
      }
      await this.#leaveBad(index, slot, failed);
    } catch (error) {
      ring.release(slot);
      throw error;
    }
    ring.release(slot);
    return skipping.failed();
  }

  /** What came before the piece that failed counts as well: it may be all that is known of the disk. */
  #remember(index: number, { buffer }: Slot, failed: Extent | undefined): void {
    const { offsetBytes, lengthBytes } = placeOf(this.#blob, index);
    const read = failed === undefined ? lengthBytes : failed.offsetBytes - offsetBytes;
    this.#parts.goodPlaces.remember(offsetBytes, buffer.subarray(0, read));
  }

  /** Reads piece by piece, in small ones where care is due; gives the piece that failed, if one did. */
  async #fill(slot: Slot, index: number): Promise<Extent | undefined> {
    const { reads, skipping } = this.#parts;
    const whole = placeOf(this.#blob, index);
    const step = skipping.isCareful ? RESCUE_CLUSTER_BYTES : FAST_READ_BYTES;
    for (let done = 0; done < whole.lengthBytes; done += step) {
      const lengthBytes = Math.min(step, whole.lengthBytes - done);
      const piece = { offsetBytes: whole.offsetBytes + done, lengthBytes };
      try {
        await reads.readInto(slot.buffer.subarray(done, done + lengthBytes), piece.offsetBytes);
      } catch (error) {
        if (!isStationError(error, 'disk-read-failed')) throw error;
        return piece;
      }
    }
    return undefined;
  }

  /** A good place is read again first: from a disk that returns rubbish nothing more is taken. */
  async #leaveBad(index: number, slot: Slot, failed: Extent): Promise<void> {
    const { goodPlaces, device, badPlaces } = this.#parts;
    goodPlaces.doubt();
    await goodPlaces.clearDoubt();
    await device.proveAlive();
    this.#breakChain();
    const held = this.#held.blocks.get(index);
    if (held !== undefined) {
      this.#done[index] = held;
      return;
    }
    this.#left++;
    await badPlaces.failed(badPlaces.blockAt(failed.offsetBytes), failed, slot.buffer);
  }

  #hashRequest(index: number, slot: Slot, isFirst: boolean): HashRequest {
    const isLast = index === blockCount(this.#blob) - 1;
    return {
      offsetBytes: slot.offsetBytes,
      lengthBytes: blockLength(this.#blob, index),
      ...this.#restart(index, isFirst),
      ...(isLast && !this.#isLoose ? { blobBytes: this.#blob.lengthBytes } : {}),
    };
  }

  #restart(index: number, isFirst: boolean): { readonly restartFrom?: string } {
    if (this.#isLoose) return { restartFrom: MD5_START };
    return isFirst ? { restartFrom: this.#done[index - 1]?.md5State ?? MD5_START } : {};
  }

  async #finish(index: number, read: ReadBlock, signal: AbortSignal): Promise<void> {
    const taken = await this.#stage(index, read, signal).finally(() =>
      this.#parts.ring.release(read.slot),
    );
    if (taken === undefined) return;
    const { landmarks, ...block } = taken;
    const { journal } = this.#parts;
    const { trust } = read;
    await trust.sure;
    const staged = { kind: 'staged', blob: this.#blob.name, index, ...block } as const;
    await journal.append({ ...staged, ...trust.noted });
    for (const landmark of landmarks) await journal.append({ ...landmark, ...trust.noted });
    this.#parts.onSafe(blockLength(this.#blob, index));
  }

  /** The id and MD5 of a block that the store took; `undefined` for one that it held already. */
  async #stage(
    index: number,
    { slot, hashes, isLoose }: ReadBlock,
    signal: AbortSignal,
  ): Promise<TakenBlock | undefined> {
    const { md5, md5State, sha256 } = await hashes;
    throwIfCancelled(signal);
    const block = { nonce: this.#parts.nonce, index, sha256 };
    const id = encodeBlockId({ ...block, ...(isLoose ? { unreadableBytes: 0 } : { md5State }) });
    this.#done[index] = isLoose ? { id, sha256 } : { id, sha256, md5State };
    this.#parts.sums.set(this.#blob, index, md5);
    const held = this.#held.blocks.get(index);
    if (held !== undefined) {
      this.#compare(held, sha256);
      // Its id may carry a running MD5 through a block that was replaced since.
      if (held.id === id) return undefined;
    }
    const body = slot.buffer.subarray(0, blockLength(this.#blob, index));
    await this.#parts.container.stageBlock({ name: this.#blob.name, id, body, md5 }, signal);
    this.#parts.badPlaces.finished(this.#blob, index);
    const landmarks = this.#parts.landmarks.of(placeOf(this.#blob, index), body);
    return { id, md5, landmarks };
  }

  /** A block behind a gap was staged by an earlier attempt and is read only for the blob's MD5. */
  #compare(held: HeldBlock, sha256: string): void {
    if (held.sha256 !== sha256) throw contentChanged(this.#parts.device, this.#blob, held.index);
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#stop.abort(error);
    this.#parts.goodPlaces.giveUp(error);
  }

  #staged(): StagedBlob {
    return {
      blob: this.#blob,
      ids: this.#done.map((block) => block.id),
      digests: this.#done.map((block) => block.sha256),
      md5: this.#isLoose ? undefined : (this.#done.at(-1)?.md5State ?? MD5_START),
    };
  }
}
