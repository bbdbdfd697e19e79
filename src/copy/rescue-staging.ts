import type { BlockId } from '../domain/block-id.ts';
import type { BlobPlan, Extent } from '../domain/plan.ts';
import { endOf, RescueMap } from '../domain/rescue/map.ts';
import type { BadPlaces } from './bad-places.ts';
import type { BlockInHand } from './block-in-hand.ts';
import { type BlockOnTrust, CHECKED } from './block-on-trust.ts';
import type { GoodPlaces } from './good-places.ts';
import type { CopyJournal } from './journal.ts';
import type { PlannedBlock } from './planned-block.ts';
import type { BufferRing, Slot } from './ring.ts';
import { type StageParts, stageLoose } from './stage-loose.ts';

export interface RescueStagingParts extends StageParts {
  readonly ring: BufferRing;
  readonly journal: CopyJournal;
  readonly badPlaces: BadPlaces;
  readonly goodPlaces: GoodPlaces;
  /** A block is safe: the store verified it and the journal has it. */
  onSafe(lengthBytes: number): void;
}

interface StagedBlock {
  readonly slot: Slot;
  readonly unreadableBytes: number;
  readonly trust: Pick<BlockOnTrust, 'sure' | 'noted'>;
}

/**
 * What becomes of the blocks of a rescue of which nothing more is read: each is staged once, in the
 * background, while others are read. The ring bounds how many are on their way.
 */
export class RescueStaging {
  readonly staged = new Map<BlobPlan, Map<number, BlockId>>();
  readonly #parts: RescueStagingParts;
  readonly #inFlight = new Set<Promise<void>>();
  /** Where the blocks begin that are staged, or on their way. */
  readonly #ended = new Set<number>();
  #failure: unknown;

  constructor(parts: RescueStagingParts) {
    this.#parts = parts;
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Takes a block that was read whole, and its slot with it. */
  whole(block: PlannedBlock, slot: Slot, signal: AbortSignal): void {
    this.#ended.add(block.extent.offsetBytes);
    const trust = this.#parts.goodPlaces.read(block.blob.name, block.index);
    this.#withSlot(slot, () => this.#stage(block, { slot, unreadableBytes: 0, trust }, signal));
  }

  /** Keeps what was read of a block that is not whole, in the background: before any map tells of it. */
  keep(inHand: BlockInHand): void {
    this.#inBackground(() => inHand.flush(this.#parts.badPlaces.scratch));
  }

  /** The same, and takes its slot with it. */
  layDown(inHand: BlockInHand): void {
    this.#withSlot(inHand.slot, () => inHand.flush(this.#parts.badPlaces.scratch));
  }

  /**
   * Puts a block together from what is kept of it, with zeros where nothing is, and stages it: once, and
   * not before the map is on the medium that says which zeros those are.
   */
  async putTogether(block: PlannedBlock, signal: AbortSignal): Promise<void> {
    const { badPlaces, ring } = this.#parts;
    const { offsetBytes, lengthBytes } = block.extent;
    if (this.#ended.has(offsetBytes)) return;
    this.#ended.add(offsetBytes);
    const slot = await ring.acquire(signal);
    const saved = badPlaces.keeper.ended();
    this.#withSlot(slot, async () => {
      await saved;
      const bytes = slot.buffer.subarray(0, lengthBytes);
      await this.#fetchKept(block, bytes);
      const unreadableBytes = this.#blank(block, bytes);
      await this.#stage(block, { slot, unreadableBytes, trust: CHECKED }, signal);
    });
  }

  /** What the map calls read and the scratch does not give any more was not read. */
  async #fetchKept({ extent }: PlannedBlock, bytes: Buffer): Promise<void> {
    const { badPlaces } = this.#parts;
    const kept = new RescueMap(extent.lengthBytes);
    for (const piece of await badPlaces.scratch.readInto(extent.offsetBytes, bytes)) {
      kept.mark(piece, 'finished');
    }
    for (const { status, offsetBytes, lengthBytes } of [...kept.areas()]) {
      if (status === 'finished') continue;
      const missing = { offsetBytes: extent.offsetBytes + offsetBytes, lengthBytes };
      for (const area of [...badPlaces.map.within(missing)]) {
        if (area.status === 'finished') badPlaces.map.mark(area, 'non-trimmed');
      }
    }
  }

  /** Zeros stand where nothing was read, whatever the scratch has there; gives their number. */
  #blank({ extent }: PlannedBlock, bytes: Buffer): number {
    let missing = 0;
    for (const area of this.#parts.badPlaces.map.within(extent)) {
      if (area.status === 'finished') continue;
      missing += area.lengthBytes;
      bytes.fill(0, area.offsetBytes - extent.offsetBytes, endOf(area) - extent.offsetBytes);
    }
    return missing;
  }

  async #stage(
    block: PlannedBlock,
    { slot, unreadableBytes, trust }: StagedBlock,
    signal: AbortSignal,
  ): Promise<void> {
    const { badPlaces, journal, onSafe } = this.#parts;
    const good = this.#longestRead(block);
    const filled = { ...block, slot, unreadableBytes, good };
    const { id, records } = await stageLoose(filled, this.#parts, signal);
    await trust.sure;
    for (const record of records) await journal.append({ ...record, ...trust.noted });
    onSafe(block.extent.lengthBytes);
    const ofBlob = this.staged.get(block.blob) ?? new Map<number, BlockId>();
    this.staged.set(block.blob, ofBlob.set(block.index, id));
    await badPlaces.storedPartly(block, unreadableBytes);
  }

  #longestRead({ extent }: PlannedBlock): Extent {
    let longest: Extent = { ...extent, lengthBytes: 0 };
    for (const area of this.#parts.badPlaces.map.within(extent)) {
      if (area.status === 'finished' && area.lengthBytes > longest.lengthBytes) longest = area;
    }
    return longest;
  }

  /** Resolves when all that was taken is staged. */
  async settled(): Promise<void> {
    await this.#parts.goodPlaces.check();
    await Promise.all(this.#inFlight);
    await this.#parts.badPlaces.keeper.ended();
    this.throwIfFailed();
  }

  /** Resolves when nothing is on its way any more, however that went. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
  }

  /** Gives the slot back in the end. */
  #withSlot(slot: Slot, work: () => Promise<void>): void {
    this.#inBackground(() => work().finally(() => this.#parts.ring.release(slot)));
  }

  /** Goes on while the next blocks are read. */
  #inBackground(work: () => Promise<void>): void {
    const working = work()
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#inFlight.delete(working));
    this.#inFlight.add(working);
  }
}
