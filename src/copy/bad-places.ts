import type { BlockIdParts } from '../domain/block-id.ts';
import type { BlobPlan, Extent, ImagePlan } from '../domain/plan.ts';
import { type HungPlace, type HungRead, hungPlace, overlaps } from '../domain/rescue/hung-place.ts';
import { type Area, type AreaStatus, endOf, RescueMap } from '../domain/rescue/map.ts';
import type { Standing } from '../domain/rescue/rescue.ts';
import type { UnreadableRanges } from '../domain/verdict.ts';
import { HUNG_PLACE, RESCUE_SCRATCH_FAST_SHARE, UNREADABLE_RANGES_TOLD } from '../limits.ts';
import { MapKeeper } from './map-keeper.ts';
import { type PlannedBlock, placeOf, plannedBlock } from './planned-block.ts';
import { readRescueFile, rescueFileBytes, writeRescueFile } from './rescue-file.ts';
import { Scratch } from './scratch.ts';

/** A read that never came back, and what came right before it and is not marked yet. */
export interface HungCopyRead extends HungRead {
  readonly came?: Extent | undefined;
}

/** Where a rescue begins. */
export const START: Standing = { status: 'non-tried', pass: 1, positionBytes: 0, spentMs: 0 };

export interface BadPlacesOptions {
  readonly journalFile: string;
  readonly nonce: string;
  /** Room on the state disk for all that is not a bad place of a disk; none unless given. */
  readonly keepFreeBytes?: number | undefined;
}

/** Where a copy keeps what it knows of bad places, beside its journal: the map and the scratch. */
function badPlacesFiles(journalFile: string): { map: string; scratch: string } {
  return { map: `${journalFile}.map`, scratch: `${journalFile}.scratch` };
}

/**
 * What a copy knows of its disk, byte by byte, and what of it survives a crash: the map, and the bytes
 * of blocks that are not whole yet. As with the journal, the store's answer comes first: a block that it
 * holds was read, except for what its id says is missing; a block that it does not hold counts only as
 * far as its bytes are kept here.
 */
export class BadPlaces {
  readonly map: RescueMap;
  readonly scratch: Scratch;
  /** Writes the map, and all that it tells of, onto the medium. */
  readonly keeper = new MapKeeper(() => this.#write());
  standing: Standing;
  readonly hung: HungPlace[];
  /** What was known of the places of errors before which the disk was not seen to be there. */
  doubtful: Area[] = [];
  /** Of the copy: what an earlier attempt left tells by it whose it is. */
  readonly nonce: string;
  readonly #plan: ImagePlan;
  readonly #file: string;
  readonly #keepFreeBytes: number;
  readonly #before: RescueMap | undefined;
  /** Where the stored blocks begin in which bytes are missing, on the disk. */
  readonly #partial = new Set<number>();
  #isKnown: boolean;

  private constructor(
    plan: ImagePlan,
    found: {
      scratch: Scratch;
      file: string;
      nonce: string;
      keepFreeBytes: number;
      before: RescueMap | undefined;
      standing: Standing;
      hung: readonly HungPlace[];
    },
  ) {
    this.#plan = plan;
    this.nonce = found.nonce;
    this.#file = found.file;
    this.#keepFreeBytes = found.keepFreeBytes;
    this.#before = found.before;
    this.#isKnown = found.before !== undefined;
    this.standing = found.standing;
    this.hung = [...found.hung];
    this.scratch = found.scratch;
    this.map = new RescueMap(plan.totalBytes);
  }

  static async open(
    { journalFile, nonce, keepFreeBytes = 0 }: BadPlacesOptions,
    plan: ImagePlan,
  ): Promise<BadPlaces> {
    const { map: file, scratch: directory } = badPlacesFiles(journalFile);
    const known = await readRescueFile(file, { sizeBytes: plan.totalBytes, nonce });
    const scratch = await Scratch.create(directory, nonce);
    const standing = known?.standing ?? START;
    const earlier = { before: known?.map, standing, hung: known?.hung ?? [] };
    return new BadPlaces(plan, { scratch, file, nonce, keepFreeBytes, ...earlier });
  }

  /** The store holds this block. */
  stored(blob: BlobPlan, block: BlockIdParts): void {
    const extent = placeOf(blob, block.index);
    this.map.mark(extent, 'finished');
    if ((block.unreadableBytes ?? 0) === 0) return;
    this.#partial.add(extent.offsetBytes);
    const isTold = this.#before?.isAll(extent, 'finished') === false;
    // Without the map that knew the place, more is called bad than is: a repair may do too much.
    if (isTold) this.#copyBefore(extent);
    else this.map.mark(extent, 'bad');
  }

  /** After all that the store holds is known: takes over what an earlier attempt knew of the rest. */
  async takeOver(): Promise<void> {
    const before = this.#before;
    const kept = new Set(this.scratch.blocks.keys());
    for (const block of before === undefined ? [] : this.#blocksIn(before, isFailed)) {
      if (this.map.isAll(block.extent, 'non-tried')) {
        this.#copyBefore(block.extent);
        if (!kept.has(block.extent.offsetBytes)) this.#forget(block.extent);
      }
    }
    for (const at of kept) {
      const block = at < this.map.sizeBytes ? this.blockAt(at) : undefined;
      if (block?.extent.offsetBytes !== at || this.#isHeld(block)) await this.scratch.remove(at);
      else await this.#takeKept(block);
    }
  }

  /** Only the store has made whole blocks finished at that time. */
  #isHeld({ extent }: PlannedBlock): boolean {
    return this.#partial.has(extent.offsetBytes) || this.map.isAll(extent, 'finished');
  }

  /** What was read of a block is what lies in the scratch, whatever the map says. */
  async #takeKept({ extent }: PlannedBlock): Promise<void> {
    const { offsetBytes } = extent;
    const kept = await this.scratch.check(offsetBytes);
    this.#copyBefore(extent);
    this.#forget(extent);
    for (const piece of kept) {
      const end = piece.offsetBytes + piece.lengthBytes;
      if (end > extent.lengthBytes) continue;
      this.map.mark({ ...piece, offsetBytes: offsetBytes + piece.offsetBytes }, 'finished');
    }
    if (kept.length === 0) await this.scratch.remove(offsetBytes);
  }

  /** Bytes that were read and are not kept are to be read again, in the smaller reads of their block. */
  #forget(extent: Extent): void {
    for (const area of [...this.map.within(extent)]) {
      if (area.status === 'finished') this.map.mark(area, 'non-trimmed');
    }
  }

  #copyBefore(extent: Extent): void {
    for (const area of this.#before?.within(extent) ?? []) this.map.mark(area, area.status);
  }

  /** What the store has of a block is not of this disk: it is as if it had never been read. */
  lost({ extent }: PlannedBlock): void {
    this.map.mark(extent, 'non-tried');
  }

  /** Those of them that are lost come last: the disk does not give them now. It was seen to be there. */
  async unread(blocks: Iterable<PlannedBlock>): Promise<void> {
    for (const { extent } of blocks) {
      if (this.map.isAll(extent, 'non-tried')) this.map.mark(extent, 'non-trimmed');
    }
    await this.keeper.begin();
  }

  isUntried(blob: BlobPlan, index: number): boolean {
    return this.map.isAll(placeOf(blob, index), 'non-tried');
  }

  isStored({ extent }: PlannedBlock): boolean {
    return this.#partial.has(extent.offsetBytes) || this.#isStoredWhole(extent);
  }

  #isStoredWhole(extent: Extent): boolean {
    const isKept = this.scratch.blocks.has(extent.offsetBytes);
    return !isKept && this.map.isAll(extent, 'finished');
  }

  finished(blob: BlobPlan, index: number): void {
    this.map.mark(placeOf(blob, index), 'finished');
  }

  /** A block with missing bytes is in the store; the map keeps what they are. */
  async storedPartly({ extent }: PlannedBlock, unreadableBytes: number): Promise<void> {
    if (unreadableBytes > 0) this.#partial.add(extent.offsetBytes);
    await this.scratch.remove(extent.offsetBytes);
  }

  /**
   * A piece of a block did not read; what of the block came before it lies in `bytes`. It is kept if there
   * is room, and is else to be read once more. All is on its way to the medium when this resolves, so that
   * the piece is not read again in this size.
   */
  async failed({ extent }: PlannedBlock, piece: Extent, bytes: Buffer): Promise<void> {
    const read = piece.offsetBytes - extent.offsetBytes;
    const mayKeep = (await this.allowedBytes()) / RESCUE_SCRATCH_FAST_SHARE;
    if (read > 0 && this.scratch.keptBytes + read <= mayKeep) {
      await this.scratch.write(extent.offsetBytes, 0, bytes.subarray(0, read));
      this.map.mark({ ...extent, lengthBytes: read }, 'finished');
    }
    this.map.mark(piece, 'non-trimmed');
    await this.keeper.begin();
  }

  /**
   * A read never comes back, and this process goes with it: the next one leaves the place for last. Errors
   * that may be those of a disk that left are undone.
   */
  async noteHang(read: HungCopyRead): Promise<void> {
    for (const area of this.doubtful.reverse()) this.map.mark(area, area.status);
    // It lies in no scratch, so the next process reads it again.
    if (read.came !== undefined) this.map.mark(read.came, 'finished');
    const place = hungPlace(read, this, HUNG_PLACE);
    this.hung.push(place);
    for (const area of [...this.map.within(place)]) {
      if (area.status !== 'finished') this.map.mark(area, place.isLeftOut ? 'bad' : 'non-trimmed');
    }
    await this.keeper.begin();
    await this.keeper.ended();
  }

  isHungIn(extent: Extent): boolean {
    return this.hung.some((place) => overlaps(place, extent));
  }

  /** How much of blocks that are not whole may be kept now. */
  async allowedBytes(): Promise<number> {
    return await this.scratch.allowedBytes(this.#keepFreeBytes);
  }

  /** There is no room at all, and healthy drives need it more: what is kept is to be read again. */
  async giveWay(): Promise<void> {
    for (const at of [...this.scratch.blocks.keys()]) await this.scratch.remove(at);
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.keeper.ended()]);
    await this.scratch.close();
  }

  /** Makes what is known now durable, the bytes before the map that tells of them. */
  async #write(): Promise<void> {
    this.#isKnown = true;
    const bytes = rescueFileBytes(this);
    await this.scratch.sync();
    await writeRescueFile(this.#file, bytes);
  }

  /** Whether there ever was a bad place. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** The blocks that the store does not hold, in order. */
  *open(): Generator<PlannedBlock> {
    const kept = new Set(this.scratch.blocks.keys());
    for (const block of this.#blocksIn(this.map, (status) => status !== 'finished', kept)) {
      if (!this.isStored(block)) yield block;
    }
  }

  /** What of a blob is zeros, because the disk did not give it. */
  unreadableIn(blob: BlobPlan): UnreadableRanges {
    const { offsetBytes } = placeOf(blob, 0);
    const first: Extent[] = [];
    let [count, untriedBytes, end] = [0, 0, -1];
    for (const area of this.map.within({ offsetBytes, lengthBytes: blob.lengthBytes })) {
      if (area.status === 'finished') continue;
      if (area.status !== 'bad') untriedBytes += area.lengthBytes;
      const at = area.offsetBytes - offsetBytes;
      const last = first.at(-1);
      if (at !== end) count++;
      if (at === end && last !== undefined && endOf(last) === at) {
        first[first.length - 1] = { ...last, lengthBytes: last.lengthBytes + area.lengthBytes };
      } else if (at !== end && first.length < UNREADABLE_RANGES_TOLD) {
        first.push({ offsetBytes: at, lengthBytes: area.lengthBytes });
      }
      end = at + area.lengthBytes;
    }
    return { first, count, untriedBytes };
  }

  blockAt(offsetBytes: number): PlannedBlock {
    let start = 0;
    for (const blob of this.#plan.blobs) {
      if (offsetBytes < start + blob.lengthBytes) {
        return plannedBlock(blob, Math.floor((offsetBytes - start) / blob.blockBytes));
      }
      start += blob.lengthBytes;
    }
    throw new RangeError(`no blob has byte ${offsetBytes} of the disk`);
  }

  /** The blocks that some of those areas lie in, and those that begin at `more`; each once, in order. */
  *#blocksIn(
    map: RescueMap,
    wanted: (status: AreaStatus) => boolean,
    more: ReadonlySet<number> = new Set(),
  ): Generator<PlannedBlock> {
    const extra = [...more].sort((a, b) => a - b);
    let at = 0;
    while (at < map.sizeBytes) {
      const area = map.at(at);
      const next = extra.find((offset) => offset >= at) ?? map.sizeBytes;
      if (wanted(area.status) || next === at) {
        const block = this.blockAt(at);
        yield block;
        at = endOf(block.extent);
      } else at = Math.min(endOf(area), next);
    }
  }
}

function isFailed(status: AreaStatus): boolean {
  return status === 'non-trimmed' || status === 'non-scraped' || status === 'bad';
}
