import type { BlockId } from '../domain/block-id.ts';
import type { BlobPlan, ImagePlan } from '../domain/plan.ts';
import { Skipping, type SkipRules } from '../domain/rescue/skipping.ts';
import type { BlobEvidence } from '../domain/verdict.ts';
import { CAREFUL_BYTES, SLOW_READ_BYTES_PER_S, SLOW_READS } from '../limits.ts';
import type { BegunCopy } from './begun-copy.ts';
import { BlobCopy, type BlobCopyParts, type StagedBlob } from './blob-copy.ts';
import { looseBlob } from './loose-blob.ts';
import { rescueDrive } from './rescue-drive.ts';
import { askStore, type Held } from './resume.ts';
import { lookAgain, settleBlob } from './settle.ts';
import { Tally } from './tally.ts';

/** Every good area of the disk first; then the bad ones, and the blobs that waited for them. */
export async function copyBlobs(copy: BegunCopy, signal: AbortSignal): Promise<BlobEvidence[]> {
  const blobs = new Blobs(copy);
  const leftBehind: BlobPlan[] = [];
  for (const blob of copy.plan.blobs) {
    const isWhole = await blobs.copied(blob, signal);
    if (!isWhole) leftBehind.push(blob);
  }
  if (leftBehind.length > 0) await blobs.rescued(leftBehind, signal);
  return await blobs.evidence(signal);
}

class Blobs {
  readonly #copy: BegunCopy;
  readonly #tally: Tally;
  readonly #parts: BlobCopyParts;
  readonly #evidence = new Map<BlobPlan, BlobEvidence>();

  constructor(copy: BegunCopy) {
    const { assignment, plan, survey, known, parts } = copy;
    this.#copy = copy;
    this.#tally = new Tally(plan, survey.heldBytes, parts.report);
    this.#parts = {
      ...{ ...copy, ...known, device: parts.device, container: parts.container },
      staged: new Map<BlobPlan, ReadonlyMap<number, BlockId>>(),
      skipping: new Skipping(skipRules(plan)),
      nonce: assignment.nonce,
      onSafe: (lengthBytes) => this.#tally.staged(lengthBytes),
    };
  }

  /** Gives whether nothing of the blob was left behind. */
  async copied(blob: BlobPlan, signal: AbortSignal): Promise<boolean> {
    const held = await this.#copy.survey.heldOf(blob, signal);
    const staged = await new BlobCopy(blob, held, this.#parts).run(signal);
    if (staged !== undefined) await this.#settle(staged, held, signal);
    return staged !== undefined;
  }

  async rescued(leftBehind: readonly BlobPlan[], signal: AbortSignal): Promise<void> {
    const { assignment, parts } = this.#copy;
    const { rescueMs, nonce } = assignment;
    const order = { ...this.#parts, rescueMs, report: parts.report };
    const rescued = await rescueDrive(order, signal);
    for (const blob of leftBehind) {
      const held = await askStore(blob, nonce, parts.container, signal);
      const before = this.#parts.staged.get(blob) ?? [];
      const ids = new Map([...before, ...(rescued.get(blob) ?? [])]);
      await this.#settle(looseBlob(blob, held, ids), held, signal);
    }
  }

  /** In the order of the plan. All but the one that was settled last are looked at once more. */
  async evidence(signal: AbortSignal): Promise<BlobEvidence[]> {
    const { plan, parts } = this.#copy;
    for (const [blob, settled] of [...this.#evidence].slice(0, -1)) {
      this.#evidence.set(blob, await lookAgain(blob, settled, parts.container, signal));
    }
    return plan.blobs.flatMap((blob) => this.#evidence.get(blob) ?? []);
  }

  async #settle(staged: StagedBlob, held: Held, signal: AbortSignal): Promise<void> {
    const { assignment, badPlaces, parts } = this.#copy;
    const context = { container: parts.container, badPlaces, ...assignment };
    this.#evidence.set(staged.blob, await settleBlob(staged, held, context, signal));
    this.#tally.verified(staged.blob.lengthBytes);
  }
}

/** As GNU ddrescue skips: first a hundred-thousandth of the disk, at most a hundredth. */
function skipRules({ totalBytes, blobs }: ImagePlan): SkipRules {
  const blockBytes = Math.max(...blobs.map((blob) => blob.blockBytes));
  return {
    initialBytes: Math.max(blockBytes, totalBytes / 100_000),
    maxBytes: Math.max(blockBytes, totalBytes / 100),
    slowBytesPerSecond: SLOW_READ_BYTES_PER_S,
    slowReads: SLOW_READS,
    carefulBytes: CAREFUL_BYTES,
  };
}
