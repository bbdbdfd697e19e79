import type { BlobContainer } from '../blobs/contract.ts';
import { type BlobPlan, blockLength, type CopyPlan } from '../domain/plan.ts';
import { type BlobEvidence, type DriveLogs, judge, type Verdict } from '../domain/verdict.ts';
import { throwIfCancelled } from '../errors.ts';
import { BlobCopy } from './blob-copy.ts';
import { BlockSums } from './block-sums.ts';
import type { SourceDevice } from './device.ts';
import { Hasher } from './hashing.ts';
import { CopyJournal, type JournalRecord, readJournal } from './journal.ts';
import { writeLogs } from './logs.ts';
import type { Assignment, FromCopy } from './messages.ts';
import { planFor } from './planners.ts';
import { proveContent } from './prove.ts';
import { askStore, type Held } from './resume.ts';
import { BufferRing } from './ring.ts';
import { settleBlob } from './settle.ts';

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
  assignment: Assignment,
  parts: CopyParts,
  signal: AbortSignal,
): Promise<Settled> {
  throwIfCancelled(signal);
  const { device, container, report } = parts;
  const plan = await planFor(assignment.plan, { driveId: assignment.driveId, device });
  report({ kind: 'planned', plan });
  await container.ensure(signal);
  const held = await heldBlocks(plan, assignment.nonce, container, signal);
  const sums = new BlockSums();
  const journal = await startJournal(assignment, { held, sums }, report);
  const ring = new BufferRing(Math.max(...plan.blobs.map((blob) => blob.blockBytes)));
  const hasher = new Hasher(ring.memory);
  try {
    report({ kind: 'phase', phase: 'proving' });
    await proveContent(held, { ...parts, ring, sums, journal }, signal);
    report({ kind: 'phase', phase: 'copying' });
    const tally = new Tally(plan, held, report);
    const evidence: BlobEvidence[] = [];
    for (const [blob, blobHeld] of held) {
      const copy = new BlobCopy(blob, blobHeld, {
        ...{ device, ring, hasher, container, journal, sums },
        nonce: assignment.nonce,
        onSafe: (lengthBytes) => tally.staged(lengthBytes),
      });
      const staged = await copy.run(signal);
      const settled = await settleBlob(staged, blobHeld, { container, ...assignment }, signal);
      await journal.append({ kind: 'verified', evidence: settled });
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

async function heldBlocks(
  plan: CopyPlan,
  nonce: string,
  container: BlobContainer,
  signal: AbortSignal,
): Promise<Map<BlobPlan, Held>> {
  const held = new Map<BlobPlan, Held>();
  for (const blob of plan.blobs) held.set(blob, await askStore(blob, nonce, container, signal));
  return held;
}

/** The journal begins with what the store confirmed, so that it never claims more. */
async function startJournal(
  { journalFile, copyId, nonce }: Assignment,
  { held, sums }: { held: ReadonlyMap<BlobPlan, Held>; sums: BlockSums },
  report: CopyParts['report'],
): Promise<CopyJournal> {
  const before = await readJournal(journalFile);
  const known = new Map(
    before.flatMap((record) =>
      record.kind === 'staged' ? [[record.id, record.md5] as const] : [],
    ),
  );
  const confirmed = new Map<string, JournalRecord>();
  for (const [blob, { blocks }] of held) {
    for (const { index, id } of blocks.values()) {
      const md5 = known.get(id);
      if (md5 !== undefined) sums.set(blob, index, md5);
      const sum = md5 === undefined ? {} : { md5 };
      confirmed.set(id, { kind: 'staged', blob: blob.name, index, id, ...sum });
    }
  }
  const lost = before.filter((record) => record.kind === 'staged' && !confirmed.has(record.id));
  report({ kind: 'reconciled', heldBlocks: confirmed.size, lostBlocks: lost.length });
  return CopyJournal.start(journalFile, { copyId, nonce }, [...confirmed.values()]);
}

async function finalVerdict(
  plan: CopyPlan,
  blobs: readonly BlobEvidence[],
  { assignment, device }: { assignment: Assignment; device: SourceDevice },
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
  #stagedBytes = 0;
  #verifiedBytes = 0;

  constructor(
    plan: CopyPlan,
    held: ReadonlyMap<BlobPlan, Held>,
    report: (message: FromCopy) => void,
  ) {
    this.#totalBytes = plan.totalBytes;
    this.#report = report;
    for (const [blob, { blocks }] of held) {
      for (const index of blocks.keys()) this.#stagedBytes += blockLength(blob, index);
    }
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
