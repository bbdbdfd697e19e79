import type { BlobContainer } from '../blobs/contract.ts';
import { type BlobPlan, blockLength, type ImagePlan } from '../domain/plan.ts';
import { RESUME_SAMPLES, RESUME_UNSUMMED_MAX } from '../limits.ts';
import type { BlockSums } from './block-sums.ts';
import type { Doubted, JournalRecord, Staged } from './journal.ts';
import { keyOf } from './journaled.ts';
import { type PlannedBlock, plannedBlock } from './planned-block.ts';
import { askStore, type Held, type HeldBlock, isWhole, type Listed, samplesOf } from './resume.ts';

export interface SurveyParts {
  readonly nonce: string;
  readonly container: BlobContainer;
  /** What the journal of the earlier attempt knows. */
  readonly sums: BlockSums;
  /** Whether there is one. */
  readonly hasJournal: boolean;
  /** Blocks that it knows without their MD5, by `keyOf`. */
  readonly unsummed: ReadonlySet<string>;
  /** Blocks of which it does not know that the disk told the truth when they were read, by `keyOf`. */
  readonly unchecked: ReadonlySet<string>;
  /** Blocks of the journal that were found to be rubbish, perhaps. */
  readonly doubted: readonly Doubted[];
  /** The ids that the journal has last of blocks of a blob; of none that it doubts. */
  lastIds(blob: string, indexes: ReadonlySet<number>): Promise<ReadonlyMap<number, string>>;
  random(): number;
}

/**
 * A block to read again, because the store holds it. One that is not sure was staged, and its attempt ended before the journal had it,
 * or before a check had passed: it may be of a disk that had begun to tell rubbish.
 */
export interface BlockToProve extends PlannedBlock {
  readonly held: HeldBlock;
  readonly isSure: boolean;
}

/** A committed blob is proved at its ends; the one in progress more thoroughly. */
const COMMITTED_SAMPLES = 2;

/**
 * What the store holds of a copy, asked blob by blob before anything moves. Of a blob that is
 * committed only numbers and a few blocks to prove are kept, since a large disk has millions of
 * blocks: it is asked for again at its turn. So memory is bounded by the one blob in progress.
 */
export class Survey {
  readonly #plan: ImagePlan;
  readonly #parts: SurveyParts;
  readonly #inProgress = new Map<BlobPlan, Held>();
  readonly #samples: BlockToProve[] = [];
  /** Of blobs of which the journal knows no block. */
  readonly #unsummedSamples: BlockToProve[] = [];
  #unsummed: BlockToProve[] | undefined = [];
  readonly #unchecked: BlockToProve[] = [];
  #committed: BlobPlan | undefined;
  #heldBlocks = 0;
  #heldBytes = 0;
  #journaledBlocks = 0;

  constructor(plan: ImagePlan, parts: SurveyParts) {
    this.#plan = plan;
    this.#parts = parts;
  }

  /** Asks the store; gives what it confirms, for the journal of this attempt. */
  async *confirmed(signal: AbortSignal): AsyncGenerator<JournalRecord> {
    for (const blob of this.#plan.blobs) {
      const held = this.#withoutDubious(
        await this.#decided(await this.#ask(blob, signal), blob),
        blob,
      );
      if (held.committed) {
        this.#committed ??= blob;
        this.#sample(blob, held, COMMITTED_SAMPLES);
      } else if (held.blocks.size > 0) {
        this.#sample(blob, held, RESUME_SAMPLES);
        this.#inProgress.set(blob, held);
      }
      for (const block of held.blocks.values()) {
        const isUnchecked = !held.committed && this.#isUnchecked(blob, block.index);
        if (isUnchecked && isWhole(block)) this.#unchecked.push(toProve(blob, block, false));
        const isSure = held.committed || !this.#parts.hasJournal;
        yield {
          ...this.#count(toProve(blob, block, isSure)),
          ...(isUnchecked ? { isUnchecked } : {}),
        };
      }
    }
  }

  /** The first blob that this copy has committed. */
  get committed(): BlobPlan | undefined {
    return this.#committed;
  }

  get heldBlocks(): number {
    return this.#heldBlocks;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Blocks that the journal had and the store has no longer. */
  get lostBlocks(): number {
    return this.#parts.sums.size - this.#journaledBlocks;
  }

  /**
   * Blocks to read again: samples; all that were read behind the last check that the disk has passed; and
   * those of which the journal knows no MD5, because an attempt ended between the store's answer and the
   * journal's. None of these when they are more than can have been in flight: the journal is lost then,
   * and half of the disk is not read again for a log. First those that are sure, each in the disk's order.
   */
  toProve(): readonly BlockToProve[] {
    const unsummed = this.#unsummed;
    const samples = unsummed === undefined ? this.#unsummedSamples : [];
    const all = [...(unsummed ?? []), ...this.#samples, ...samples, ...this.#unchecked];
    const chosen = new Map(all.map((block) => [block.held.id, block]));
    return [...chosen.values()].sort(
      (one, other) =>
        Number(other.isSure) - Number(one.isSure) ||
        one.extent.offsetBytes - other.extent.offsetBytes,
    );
  }

  /**
   * Blocks that turned out not to be what the disk holds are not held: they are read and staged anew. So
   * are those behind them that nobody vouches for, whose ids carry a running MD5 that goes through what
   * the first ones were staged from. Gives them all.
   */
  distrust(differing: readonly PlannedBlock[]): readonly PlannedBlock[] {
    const unsure = [...(this.#unsummed ?? []), ...this.#unchecked];
    const chained = unsure.filter(({ held }) => held.md5State !== undefined);
    const followers = chained.filter(({ blob, index }) =>
      differing.some((other) => other.blob === blob && other.index < index),
    );
    return [...differing, ...followers].filter((block) => this.#drop(block));
  }

  #drop({ blob, index }: PlannedBlock): boolean {
    const held = this.#inProgress.get(blob);
    if (held === undefined || !held.blocks.has(index)) return false;
    const blocks = new Map(held.blocks);
    blocks.delete(index);
    this.#inProgress.set(blob, { ...held, blocks });
    this.#parts.sums.delete(blob, index);
    this.#heldBlocks--;
    this.#heldBytes -= blockLength(blob, index);
    return true;
  }

  /** What the store holds of a blob whose turn it is. */
  async heldOf(blob: BlobPlan, signal: AbortSignal): Promise<Held> {
    const known = this.#inProgress.get(blob);
    this.#inProgress.delete(blob);
    return known ?? this.#withoutDubious(await this.#ask(blob, signal), blob);
  }

  /** Of several blocks for one place the journal knows which came last, and what it is. */
  async #decided({ contradicted, ...held }: Listed, { name }: BlobPlan): Promise<Held> {
    if (contradicted.size === 0) return held;
    const ids = await this.#parts.lastIds(name, new Set(contradicted.keys()));
    const last = contradicted
      .values()
      .flatMap((blocks) => blocks.filter(({ index, id }) => ids.get(index) === id));
    const known = last.map((block) => [block.index, block] as const);
    return { ...held, blocks: new Map([...held.blocks, ...known]) };
  }

  #ask(blob: BlobPlan, signal: AbortSignal): Promise<Listed> {
    return askStore(blob, this.#parts.nonce, this.#parts.container, signal);
  }

  /**
   * A block with missing bytes that the journal does not know cannot be proved by reading it again, and
   * what was read of it still lies in the scratch: it is not held. Of a lost journal that cannot be said.
   * Nor is what the journal doubts.
   */
  #withoutDubious(held: Held, blob: BlobPlan): Held {
    if (held.committed || !this.#parts.hasJournal) return held;
    const { sums, unsummed } = this.#parts;
    const isKnown = ({ index }: HeldBlock) =>
      sums.get(blob, index) !== undefined || unsummed.has(keyOf({ blob: blob.name, index }));
    const doubted = new Set(
      this.#parts.doubted.filter((block) => block.blob === blob.name).map(({ index }) => index),
    );
    const blocks = held.blocks
      .entries()
      .filter(([, block]) => isKnown(block) || (isWhole(block) && !doubted.has(block.index)));
    return { ...held, blocks: new Map(blocks) };
  }

  #sample(blob: BlobPlan, held: Held, count: number): void {
    const { sums, random } = this.#parts;
    const isSure = ({ index }: HeldBlock) =>
      held.committed || (sums.get(blob, index) !== undefined && !this.#isUnchecked(blob, index));
    const sure = new Map(held.blocks.entries().filter(([, block]) => isSure(block)));
    const isKnown = sure.size > 0;
    const drawn = samplesOf({ ...held, blocks: isKnown ? sure : held.blocks }, count, random);
    const samples = isKnown ? this.#samples : this.#unsummedSamples;
    samples.push(...drawn.map((block) => toProve(blob, block, true)));
  }

  #isUnchecked(blob: BlobPlan, index: number): boolean {
    return this.#parts.unchecked.has(keyOf({ blob: blob.name, index }));
  }

  #count(block: BlockToProve): Staged {
    const { blob, index, held } = block;
    const { id } = held;
    this.#heldBlocks++;
    this.#heldBytes += blockLength(blob, index);
    const md5 = this.#parts.sums.get(blob, index);
    if (md5 !== undefined) {
      this.#journaledBlocks++;
      return { kind: 'staged', blob: blob.name, index, id, md5 };
    }
    if (isWhole(held)) this.#unsummed?.push(block);
    if ((this.#unsummed?.length ?? 0) > RESUME_UNSUMMED_MAX) this.#unsummed = undefined;
    return { kind: 'staged', blob: blob.name, index, id };
  }
}

function toProve(blob: BlobPlan, held: HeldBlock, isSure: boolean): BlockToProve {
  return { ...plannedBlock(blob, held.index), held, isSure };
}
