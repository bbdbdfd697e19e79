import type { BlobContainer } from '../blobs/contract.ts';
import { type BlobPlan, blockCount, type ImagePlan } from '../domain/plan.ts';
import { type BlobEvidence, type DriveLogs, judge, type Verdict } from '../domain/verdict.ts';
import { throwIfCancelled } from '../errors.ts';
import { BlobCopy } from './blob-copy.ts';
import { BlockSums } from './block-sums.ts';
import type { SourceDevice } from './device.ts';
import { Hasher } from './hashing.ts';
import { imagePlanOf } from './image-plan.ts';
import { CopyJournal, readJournal } from './journal.ts';
import { writeLogs } from './logs.ts';
import type { FromCopy, ImageAssignment } from './messages.ts';
import { proveContent } from './prove.ts';
import { BufferRing } from './ring.ts';
import { settleBlob } from './settle.ts';
import { Survey } from './survey.ts';

export interface CopyParts {
  readonly device: SourceDevice;
  readonly container: BlobContainer;
  /** Opens the container for the copy logs. */
  openLogContainer(name: string): Promise<BlobContainer>;
  now(): Date;
  random(): number;
  report(message: FromCopy): void;
}

/** What a copy comes to. */
export interface Settled {
  readonly verdict: Verdict;
  readonly logs: DriveLogs;
}

/**
 * The copy of one drive, from plan to verdict and logs, in whatever state an earlier attempt left it.
 * The order is the safety: plan before any byte moves, ask the store before believing the journal,
 * prove the disk before adding to what came from it.
 */
export async function copyDrive(
  assignment: ImageAssignment,
  parts: CopyParts,
  signal: AbortSignal,
): Promise<Settled> {
  throwIfCancelled(signal);
  const { device, container, report } = parts;
  const plan = imagePlanOf(assignment.plan, { ...assignment, sizeBytes: device.sizeBytes });
  report({ kind: 'planned', plan });
  await container.ensure(signal);
  const sums = await journaledSums(assignment, plan);
  const survey = new Survey(plan, { ...parts, nonce: assignment.nonce, sums });
  const { journalFile } = assignment;
  const journal = await CopyJournal.start(journalFile, assignment, survey.confirmed(signal));
  const { heldBlocks, lostBlocks } = survey;
  report({ kind: 'reconciled', heldBlocks, lostBlocks });
  const ring = new BufferRing(Math.max(...plan.blobs.map((blob) => blob.blockBytes)));
  const hasher = new Hasher(ring.memory);
  try {
    report({ kind: 'phase', phase: 'proving' });
    await proveContent(survey.toProve(), { device, ring, sums, journal }, signal);
    report({ kind: 'phase', phase: 'copying' });
    const tally = new Tally(plan, survey.heldBytes, report);
    const evidence: BlobEvidence[] = [];
    for (const blob of plan.blobs) {
      const held = await survey.heldOf(blob, signal);
      const copy = new BlobCopy(blob, held, {
        ...{ device, ring, hasher, container, journal, sums },
        nonce: assignment.nonce,
        onSafe: (lengthBytes) => tally.staged(lengthBytes),
      });
      const staged = await copy.run(signal);
      const settled = await settleBlob(staged, held, { container, ...assignment }, signal);
      evidence.push(settled);
      tally.verified(blob.lengthBytes);
    }
    report({ kind: 'phase', phase: 'settling' });
    const verdict = await finalVerdict(plan, evidence, { assignment, device });
    const logs = await writeLogs(verdict, { ...parts, assignment, plan, sums }, signal);
    return { verdict, logs };
  } finally {
    await hasher.close();
    await journal.close();
  }
}

/** What the journal of the earlier attempt knows of its blocks; empty when it is lost. */
async function journaledSums(
  { journalFile }: ImageAssignment,
  plan: ImagePlan,
): Promise<BlockSums> {
  const sums = new BlockSums();
  const blobs = new Map<string, BlobPlan>(plan.blobs.map((blob) => [blob.name, blob]));
  for await (const record of readJournal(journalFile)) {
    if (record.kind !== 'staged' || record.md5 === undefined) continue;
    const blob = blobs.get(record.blob);
    if (blob !== undefined && record.index < blockCount(blob)) {
      sums.set(blob, record.index, record.md5);
    }
  }
  return sums;
}

async function finalVerdict(
  plan: ImagePlan,
  blobs: readonly BlobEvidence[],
  { assignment, device }: { assignment: ImageAssignment; device: SourceDevice },
): Promise<Verdict> {
  await device.stillSame();
  const writes = await device.writesCompleted();
  const kernelWrites =
    writes === undefined ? undefined : writes - assignment.disk.writesAtFirstSight;
  return judge({ plannedBytes: plan.totalBytes, blobs, kernelWrites });
}

/** Progress is what the journal has, never what was merely sent. */
class Tally {
  readonly #totalBytes: number;
  readonly #report: (message: FromCopy) => void;
  #stagedBytes: number;
  #verifiedBytes = 0;

  constructor(plan: ImagePlan, heldBytes: number, report: (message: FromCopy) => void) {
    this.#totalBytes = plan.totalBytes;
    this.#stagedBytes = heldBytes;
    this.#report = report;
    this.#tell();
  }

  staged(lengthBytes: number): void {
    this.#stagedBytes += lengthBytes;
    this.#tell();
  }

  verified(lengthBytes: number): void {
    this.#verifiedBytes += lengthBytes;
    this.#tell();
  }

  #tell(): void {
    const progress = {
      totalBytes: this.#totalBytes,
      stagedBytes: this.#stagedBytes,
      verifiedBytes: this.#verifiedBytes,
    };
    this.#report({ kind: 'progress', progress });
  }
}
