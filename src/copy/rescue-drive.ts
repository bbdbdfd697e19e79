import type { BlockId } from '../domain/block-id.ts';
import type { BlobPlan, Extent } from '../domain/plan.ts';
import { RescueMap } from '../domain/rescue/map.ts';
import { type ReadOutcome, Rescue, type RescueRules } from '../domain/rescue/rescue.ts';
import { isStationError, StationError, throwIfCancelled } from '../errors.ts';
import {
  PROGRESS_INTERVAL_MS,
  RESCUE_AREA_MS,
  RESCUE_AREAS_MAX,
  RESCUE_CLUSTER_BYTES,
  RESCUE_DEAD_RUN_BYTES,
  RESCUE_DRIVE_MS,
  RESCUE_PASS_MS,
  RESCUE_RETRIES,
} from '../limits.ts';
import { BlockInHand } from './block-in-hand.ts';
import type { DiskToRead } from './device.ts';
import type { FromCopy } from './messages.ts';
import type { NotedReads } from './noted-reads.ts';
import type { PlannedBlock } from './planned-block.ts';
import { RescueStaging, type RescueStagingParts } from './rescue-staging.ts';
import { RescueWindows } from './rescue-windows.ts';

export interface RescueParts extends RescueStagingParts {
  readonly device: DiskToRead;
  readonly reads: NotedReads;
  /** Time for all bad areas of the drive, when it is not the usual one. */
  readonly rescueMs?: number | undefined;
  report(message: FromCopy): void;
}

/** The ids of the blocks that were staged here, by blob and index. */
export type RescuedBlocks = ReadonlyMap<BlobPlan, ReadonlyMap<number, BlockId>>;

/**
 * What the fast copy left behind is read in ever smaller pieces, as `Rescue` says, and staged block by
 * block: as soon as a block is whole, and at the end with zeros for what the disk did not give.
 *
 * Of each block that is not whole the good bytes wait in the scratch, so the disk is rescued in windows
 * of as many blocks as may wait there. Nothing that an error says is made durable before the disk was
 * seen to be there after it; a pull during a rescue leaves no trace in the map.
 */
export async function rescueDrive(parts: RescueParts, signal: AbortSignal): Promise<RescuedBlocks> {
  throwIfCancelled(signal);
  const rescue = new DriveRescue(unitBytesOf(parts.device), parts);
  const windows = new RescueWindows(parts.badPlaces);
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  try {
    for (let next = await windows.next(); next !== undefined; next = await windows.next()) {
      await rescue.window(next, either);
    }
  } finally {
    // What is on its way waits for a store that is away; a disk that was pulled is told at once.
    stop.abort();
    await rescue.close();
  }
  return rescue.staged;
}

/** What a run of reads came to: all that was read, in one piece, and the read that ended it by failing. */
interface RunOutcome {
  readonly came: Extent | undefined;
  readonly failed: Extent | undefined;
}

class DriveRescue {
  readonly #unitBytes: RescueRules['unitBytes'];
  readonly #parts: RescueParts;
  readonly #staging: RescueStaging;
  #inHand: BlockInHand | undefined;
  #toldAt = 0;

  constructor(unitBytes: RescueRules['unitBytes'], parts: RescueParts) {
    this.#unitBytes = unitBytes;
    this.#parts = parts;
    this.#staging = new RescueStaging(parts);
  }

  get staged(): RescuedBlocks {
    return this.#staging.staged;
  }

  /** Rescues these blocks and stages them all. */
  async window(blocks: readonly PlannedBlock[], signal: AbortSignal): Promise<void> {
    const { badPlaces } = this.#parts;
    const rescue = this.#rescueOf(blocks);
    this.#tell();
    for (let read = rescue.next(); read !== undefined; read = rescue.next()) {
      // One that only makes room for another goes on from here.
      if (signal.aborted) await this.#beginSave();
      throwIfCancelled(signal);
      this.#staging.throwIfFailed();
      const isDear = await this.#readFrom(read, rescue, signal);
      badPlaces.standing = rescue.standing;
      if (badPlaces.keeper.isDue(isDear)) await this.#beginSave();
      this.#tell();
    }
    await this.#layDown();
    badPlaces.standing = rescue.standing;
    await this.#beginSave();
    for (const block of blocks) await this.#staging.putTogether(block, signal);
    await this.#staging.settled();
  }

  async close(): Promise<void> {
    this.#parts.goodPlaces.giveUp(new StationError('cancelled', 'the rescue has ended', {}));
    await this.#staging.ended();
  }

  #rescueOf(blocks: readonly PlannedBlock[]): Rescue {
    const { badPlaces, rescueMs } = this.#parts;
    const { map } = badPlaces;
    const open = new RescueMap(map.sizeBytes, 'finished');
    for (const { extent } of blocks) {
      for (const area of map.within(extent)) open.mark(area, area.status);
    }
    const drive = rescueMs ?? RESCUE_DRIVE_MS;
    const rules = {
      unitBytes: this.#unitBytes,
      retries: RESCUE_RETRIES,
      deadRunBytes: RESCUE_DEAD_RUN_BYTES,
      leftOut: badPlaces.hung.filter(({ isLeftOut }) => isLeftOut),
      budgetMs: { area: RESCUE_AREA_MS, pass: RESCUE_PASS_MS, drive },
      maxAreas: RESCUE_AREAS_MAX - (map.areaCount - open.areaCount),
    };
    return new Rescue(rules, open, badPlaces.standing);
  }

  /** A run of reads and all that follows from it; gives whether nobody wants to repeat one of them. */
  async #readFrom(first: Extent, rescue: Rescue, signal: AbortSignal): Promise<boolean> {
    const { badPlaces, goodPlaces } = this.#parts;
    const inHand = await this.#take(badPlaces.blockAt(first.offsetBytes), rescue, signal);
    const isRetry = badPlaces.map.at(first.offsetBytes).status === 'bad';
    const begun = performance.now();
    const { came, failed } = await this.#reads(inHand, rescue.run());
    const elapsedMs = performance.now() - begun;
    if (came !== undefined) {
      await goodPlaces.clearDoubt();
      this.#record(came, { ok: true, elapsedMs: failed === undefined ? elapsedMs : 0 }, rescue);
      inHand.keep(came);
    }
    if (failed === undefined) {
      await this.#stageIfWhole(inHand, signal);
      return isRetry;
    }
    goodPlaces.doubt();
    badPlaces.doubtful.push(...badPlaces.map.within(failed));
    this.#record(failed, { ok: false, elapsedMs }, rescue);
    return true;
  }

  #record(read: Extent, outcome: ReadOutcome, rescue: Rescue): void {
    rescue.record(read, outcome);
    this.#parts.badPlaces.map.mark(read, rescue.map.at(read.offsetBytes).status);
  }

  async #stageIfWhole(inHand: BlockInHand, signal: AbortSignal): Promise<void> {
    const { block, slot } = inHand;
    if (!this.#parts.badPlaces.map.isAll(block.extent, 'finished')) return;
    if (inHand.isWhole) {
      this.#inHand = undefined;
      this.#staging.whole(block, slot, signal);
    } else {
      await this.#layDown();
      await this.#staging.putTogether(block, signal);
    }
  }

  /** Takes a block in hand; the one before is laid down, and sent when nothing more is read of it. */
  async #take(block: PlannedBlock, rescue: Rescue, signal: AbortSignal): Promise<BlockInHand> {
    const { goodPlaces, ring } = this.#parts;
    const before = this.#inHand;
    if (before?.block.extent.offsetBytes === block.extent.offsetBytes) return before;
    await this.#layDown();
    if (before !== undefined && rescue.isDone(before.block.extent)) {
      await this.#beginSave();
      await this.#staging.putTogether(before.block, signal);
    }
    // Nobody gets a buffer of those that wait for a check, unless there is one.
    if (goodPlaces.isDue) await goodPlaces.check();
    const inHand = new BlockInHand(block, await ring.acquire(signal));
    this.#inHand = inHand;
    return inHand;
  }

  async #layDown(): Promise<void> {
    const inHand = this.#inHand;
    if (inHand === undefined) return;
    if (inHand.isFresh) await this.#parts.goodPlaces.check();
    this.#inHand = undefined;
    this.#staging.layDown(inHand);
  }

  /** Reads of the block in hand, until one fails or somebody waits to hear of them. */
  async #reads(inHand: BlockInHand, run: Iterable<Extent>): Promise<RunOutcome> {
    const begun = performance.now();
    let came: Extent | undefined;
    for (const read of run) {
      if (!inHand.holds(read)) break;
      try {
        await this.#parts.reads.rescueInto(inHand.placeOf(read), read.offsetBytes, came);
      } catch (error) {
        if (isStationError(error, 'disk-read-failed')) return { came, failed: read };
        throw error;
      }
      came = came === undefined ? read : joined(came, read);
      if (performance.now() - begun >= PROGRESS_INTERVAL_MS) break;
    }
    return { came, failed: undefined };
  }

  /** The disk was there and told no rubbish before anything of it is made durable. */
  async #beginSave(): Promise<void> {
    const { goodPlaces, device, badPlaces } = this.#parts;
    await goodPlaces.check();
    await device.proveAlive();
    badPlaces.doubtful = [];
    if (this.#inHand !== undefined) this.#staging.keep(this.#inHand);
    await badPlaces.keeper.begin();
  }

  #tell(): void {
    if (performance.now() - this.#toldAt < PROGRESS_INTERVAL_MS) return;
    this.#toldAt = performance.now();
    const { map } = this.#parts.badPlaces;
    const unreadableBytes = map.bytesOf('bad');
    const openBytes = map.missingBytes - unreadableBytes;
    this.#parts.report({ kind: 'rescuing', openBytes, unreadableBytes });
  }
}

/** More than this is no sector of a disk: SSDs and controllers tell what they like to write at once. */
const PHYSICAL_SECTOR_BYTES_MAX = 4096;

/** A disk whose grid of physical sectors is shifted, or that has none, is read by logical ones. */
function unitBytesOf({ sectorBytes }: DiskToRead): RescueRules['unitBytes'] {
  const { logical, physical } = sectorBytes;
  const cluster = Math.max(RESCUE_CLUSTER_BYTES, logical);
  const fits = physical % logical === 0 && physical <= PHYSICAL_SECTOR_BYTES_MAX;
  return { cluster, physicalSector: fits ? physical : logical, logicalSector: logical };
}

/** Two reads of which one begins where the other ends. */
function joined(one: Extent, other: Extent): Extent {
  const offsetBytes = Math.min(one.offsetBytes, other.offsetBytes);
  return { offsetBytes, lengthBytes: one.lengthBytes + other.lengthBytes };
}
