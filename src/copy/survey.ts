import type { BlobContainer } from '../blobs/contract.ts';
import { type BlobPlan, blockLength, type ImagePlan } from '../domain/plan.ts';
import { RESUME_SAMPLES, RESUME_UNSUMMED_MAX } from '../limits.ts';
import type { BlockSums } from './block-sums.ts';
import type { JournalRecord } from './journal.ts';
import { askStore, type Held, type HeldBlock, isWhole, samplesOf } from './resume.ts';

export interface SurveyParts {
  readonly nonce: string;
  readonly container: BlobContainer;
  /** What the journal of the earlier attempt knows. */
  readonly sums: BlockSums;
  random(): number;
}

/** A block of a blob. */
export interface PlacedBlock {
  readonly blob: BlobPlan;
  readonly block: HeldBlock;
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
      const held = await this.#ask(blob, signal);
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
  toProve(): readonly PlacedBlock[] {
    const chosen = new Map<string, PlacedBlock>();
    for (const placed of [...this.#samples, ...(this.#unsummed ?? [])]) {
      chosen.set(placed.block.id, placed);
    }
    return [...chosen.values()];
  }

  /** What the store holds of a blob whose turn it is. */
  async heldOf(blob: BlobPlan, signal: AbortSignal): Promise<Held> {
    const known = this.#inProgress.get(blob);
    this.#inProgress.delete(blob);
    return known ?? (await this.#ask(blob, signal));
  }

  #ask(blob: BlobPlan, signal: AbortSignal): Promise<Held> {
    return askStore(blob, this.#parts.nonce, this.#parts.container, signal);
  }

  #sample(blob: BlobPlan, held: Held, count: number): void {
    const samples = samplesOf(held, count, this.#parts.random);
    this.#samples.push(...samples.map((block) => ({ blob, block })));
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
