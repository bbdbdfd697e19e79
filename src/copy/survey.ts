import type { BlobContainer } from '../blobs/contract.ts';
import { type BlobPlan, blockLength, type ImagePlan } from '../domain/plan.ts';
import { RESUME_SAMPLES, RESUME_UNSUMMED_MAX } from '../limits.ts';
import type { BlockSums } from './block-sums.ts';
import type { Doubted, JournalRecord } from './journal.ts';
import { keyOf } from './journaled.ts';
import { askStore, type Held, type HeldBlock, isWhole, samplesOf } from './resume.ts';

export interface SurveyParts {
  readonly nonce: string;
  readonly container: BlobContainer;
  /** What the journal of the earlier attempt knows. */
  readonly sums: BlockSums;
  /** Whether there is one. */
  readonly hasJournal: boolean;
  /** Blocks that it knows without their MD5, by `keyOf`. */
  readonly unsummed: ReadonlySet<string>;
  /** Blocks of the journal that were found to be rubbish, perhaps. */
  readonly doubted: readonly Doubted[];
  random(): number;
}

/** A block of a blob. */
export interface PlacedBlock {
  readonly blob: BlobPlan;
  readonly block: HeldBlock;
}

/**
 * A block to read again. One that is not sure was staged, and its attempt ended before the journal had it:
 * it may be of a disk that had begun to tell rubbish.
 */
export interface BlockToProve extends PlacedBlock {
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
  readonly #samples: PlacedBlock[] = [];
  /** Of blobs of which the journal knows no block. */
  readonly #unsummedSamples: PlacedBlock[] = [];
  #unsummed: PlacedBlock[] | undefined = [];
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
      const held = this.#withoutDubious(await this.#ask(blob, signal), blob);
      if (held.committed) this.#sample(blob, held, COMMITTED_SAMPLES);
      else if (held.blocks.size > 0) {
        this.#sample(blob, held, RESUME_SAMPLES);
        this.#inProgress.set(blob, held);
      }
      for (const block of held.blocks.values()) yield this.#count(blob, block);
    }
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
   * Blocks to read again: samples, and those of which the journal knows no MD5, because an attempt
   * ended between the store's answer and the journal's. None of the latter when they are more than can
   * have been in flight: the journal is lost then, and half of the disk is not read again for a log.
   */
  toProve(): readonly BlockToProve[] {
    const unsummed = this.#unsummed;
    const samples = unsummed === undefined ? this.#unsummedSamples : [];
    const chosen = new Map<string, BlockToProve>();
    for (const placed of unsummed ?? []) {
      const isSure = !this.#parts.hasJournal || !this.#inProgress.has(placed.blob);
      chosen.set(placed.block.id, { ...placed, isSure });
    }
    for (const placed of [...this.#samples, ...samples]) {
      chosen.set(placed.block.id, { ...placed, isSure: true });
    }
    return [...chosen.values()].sort((one, other) => Number(other.isSure) - Number(one.isSure));
  }

  /**
   * Blocks that turned out not to be what the disk holds are not held: they are read and staged anew. So
   * are those behind them that nobody vouches for, whose ids carry a running MD5 that goes through what
   * the first ones were staged from. Gives them all.
   */
  distrust(differing: readonly PlacedBlock[]): readonly PlacedBlock[] {
    const followers = differing.flatMap(({ blob, block }) =>
      (this.#unsummed ?? []).filter(
        (other) => other.blob === blob && other.block.index > block.index,
      ),
    );
    const chained = followers.filter(({ block }) => block.md5State !== undefined);
    const all = new Set([...differing, ...chained]);
    return [...all].filter((placed) => this.#drop(placed));
  }

  #drop({ blob, block }: PlacedBlock): boolean {
    const held = this.#inProgress.get(blob);
    if (held === undefined || !held.blocks.has(block.index)) return false;
    const blocks = new Map(held.blocks);
    blocks.delete(block.index);
    this.#inProgress.set(blob, { ...held, blocks });
    this.#heldBlocks--;
    this.#heldBytes -= blockLength(blob, block.index);
    return true;
  }

  /** What the store holds of a blob whose turn it is. */
  async heldOf(blob: BlobPlan, signal: AbortSignal): Promise<Held> {
    const known = this.#inProgress.get(blob);
    this.#inProgress.delete(blob);
    return known ?? this.#withoutDubious(await this.#ask(blob, signal), blob);
  }

  #ask(blob: BlobPlan, signal: AbortSignal): Promise<Held> {
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
    const isSure = ({ index }: HeldBlock) => held.committed || sums.get(blob, index) !== undefined;
    const sure = new Map(held.blocks.entries().filter(([, block]) => isSure(block)));
    const isKnown = sure.size > 0;
    const drawn = samplesOf({ ...held, blocks: isKnown ? sure : held.blocks }, count, random);
    const samples = isKnown ? this.#samples : this.#unsummedSamples;
    samples.push(...drawn.map((block) => ({ blob, block })));
  }

  #count(blob: BlobPlan, block: HeldBlock): JournalRecord {
    const { index, id } = block;
    this.#heldBlocks++;
    this.#heldBytes += blockLength(blob, index);
    const md5 = this.#parts.sums.get(blob, index);
    if (md5 !== undefined) {
      this.#journaledBlocks++;
      return { kind: 'staged', blob: blob.name, index, id, md5 };
    }
    if (isWhole(block)) this.#unsummed?.push({ blob, block });
    if ((this.#unsummed?.length ?? 0) > RESUME_UNSUMMED_MAX) this.#unsummed = undefined;
    return { kind: 'staged', blob: blob.name, index, id };
  }
}
