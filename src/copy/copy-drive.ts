import type { BlobContainer } from '../blobs/contract.ts';
import { type BlockId, decodeBlockId } from '../domain/block-id.ts';
import type { BlobPlan, ImagePlan } from '../domain/plan.ts';
import { Skipping, type SkipRules } from '../domain/rescue/skipping.ts';
import { type BlobEvidence, type DriveLogs, judge, type Verdict } from '../domain/verdict.ts';
import { isStationError, throwIfCancelled } from '../errors.ts';
import { CAREFUL_BYTES, SLOW_READ_BYTES_PER_S, SLOW_READS } from '../limits.ts';
import { BadPlaces, placeOf } from './bad-places.ts';
import { BlobCopy, type BlobCopyParts, type StagedBlob } from './blob-copy.ts';
import type { DiskToRead } from './device.ts';
import { GoodPlaces } from './good-places.ts';
import { Hasher } from './hashing.ts';
import { imagePlanOf } from './image-plan.ts';
import { CopyJournal, type JournalRecord } from './journal.ts';
import { journaled, lastIds } from './journaled.ts';
import { writeLogs } from './logs.ts';
import { looseBlob } from './loose-blob.ts';
import type { FromCopy, ImageAssignment } from './messages.ts';
import { NotedReads } from './noted-reads.ts';
import { proveContent } from './prove.ts';
import { rescueDrive } from './rescue-drive.ts';
import { askStore, type Held } from './resume.ts';
import { BufferRing } from './ring.ts';
import { lookAgain, settleBlob } from './settle.ts';
import { Survey } from './survey.ts';

export interface CopyParts {
  readonly device: DiskToRead;
  readonly container: BlobContainer;
  /** Opens the container for the copy logs. */
  openLogContainer(name: string): Promise<BlobContainer>;
  now(): Date;
  random(): number;
  report(message: FromCopy): void;
  /** Gets who is told when a read of the disk never comes back. */
  onReads?(reads: Pick<NotedReads, 'noteHang'>): void;
}

/** What a copy comes to. */
export interface Settled {
  readonly verdict: Verdict;
  readonly logs: DriveLogs;
}

/**
 * The copy of one drive, from plan to verdict and logs, in whatever state an earlier attempt left it.
 * The order is the safety: plan before any byte moves, ask the store before believing the journal,
 * prove the disk before adding to what came from it, finish every good area before any bad one.
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
  const { landmarks, ...known } = await journaled(assignment.journalFile, plan);
  const { sums, doubted } = known;
  const badPlaces = await BadPlaces.open(assignment, plan);
  const survey = new Survey(plan, {
    ...parts,
    nonce: assignment.nonce,
    ...known,
    // Read while the journal of the earlier attempt is still there: until that of this one is begun.
    lastIds: (blob, indexes) => lastIds(assignment.journalFile, blob, indexes),
  });
  const confirmed = noted(survey.confirmed(signal), plan, badPlaces);
  const records = joined([...landmarks.known, ...doubted], confirmed);
  const journal = await CopyJournal.start(assignment.journalFile, assignment, records);
  await badPlaces.takeOver();
  const reads = new NotedReads(device, badPlaces);
  parts.onReads?.(reads);
  const blockBytes = Math.max(...plan.blobs.map((blob) => blob.blockBytes));
  const ring = new BufferRing(blockBytes);
  const hasher = new Hasher(ring.memory);
  const onChecked = () => journal.append({ kind: 'checked' });
  const goodPlaces = new GoodPlaces({ reads, random: parts.random, onChecked });
  try {
    report({ kind: 'phase', phase: 'proving' });
    const proof = { reads, ring, sums, journal, goodPlaces, badPlaces };
    const hasLied = doubted.length > 0;
    const toProve = { blocks: survey.toProve(), landmarks: landmarks.known, hasLied };
    const { lostBlocks } = survey;
    const { differing, unread } = await proveContent(toProve, proof, signal);
    const rubbish = [...differing, ...unread];
    const dropped = survey.distrust(rubbish);
    for (const { blob, index } of dropped) badPlaces.lost(blob, index);
    if (unread.length > 0) {
      await device.proveAlive();
      await badPlaces.unread(unread);
    }
    for (const { blob, index } of new Set([...rubbish, ...dropped])) {
      landmarks.forget(placeOf(blob, index));
      await journal.append({ kind: 'doubted', blob: blob.name, index });
    }
    if (known.unchecked.size > 0) await onChecked();
    if (badPlaces.isKnown) goodPlaces.suspect();
    const { heldBlocks } = survey;
    report({ kind: 'reconciled', heldBlocks, lostBlocks });
    report({ kind: 'phase', phase: 'copying' });
    const tally = new Tally(plan, survey.heldBytes, report);
    const copying = {
      ...{
        device,
        reads,
        ring,
        hasher,
        container,
        journal,
        sums,
        badPlaces,
        goodPlaces,
        landmarks,
      },
      staged: new Map<BlobPlan, ReadonlyMap<number, BlockId>>(),
      skipping: new Skipping(skipRules(plan, blockBytes)),
      nonce: assignment.nonce,
      onSafe: (lengthBytes: number) => tally.staged(lengthBytes),
    };
    const evidence = await copyBlobs({ assignment, plan, survey, tally, report, copying }, signal);
    report({ kind: 'phase', phase: 'settling' });
    const verdict = await finalVerdict(plan, evidence, { assignment, device });
    const logs = await writeLogs(verdict, { ...parts, assignment, plan, sums, badPlaces }, signal);
    return { verdict, logs };
  } catch (error) {
    if (isStateDiskFull(error)) await badPlaces.giveWay();
    // A copy that goes on has nothing to read again then; nobody waits for a disk that sleeps.
    const isToCheck = goodPlaces.isUnchecked && !isOfDisk(error) && !device.mayBeAsleep;
    if (isToCheck) await Promise.allSettled([goodPlaces.check()]);
    await Promise.allSettled(goodPlaces.doubted.map((block) => journal.append(block)));
    throw error;
  } finally {
    await hasher.close();
    await badPlaces.close();
    await journal.close();
  }
}

interface BlobsToCopy {
  readonly assignment: ImageAssignment;
  readonly plan: ImagePlan;
  readonly survey: Survey;
  readonly tally: Tally;
  readonly copying: BlobCopyParts;
  report(message: FromCopy): void;
}

function isOfDisk(error: unknown): boolean {
  return isStationError(error) && error.code.startsWith('disk-');
}

function isStateDiskFull(error: unknown): boolean {
  return isStationError(error, 'state-disk-failed') && error.payload.problem === 'full';
}

/** Every good area of the disk first; then the bad ones, and the blobs that waited for them. */
async function copyBlobs(
  { assignment, plan, survey, tally, report, copying }: BlobsToCopy,
  signal: AbortSignal,
): Promise<BlobEvidence[]> {
  const { container, badPlaces } = copying;
  const evidence = new Map<BlobPlan, BlobEvidence>();
  const settle = async (staged: StagedBlob, held: Held) => {
    const context = { container, badPlaces, ...assignment };
    evidence.set(staged.blob, await settleBlob(staged, held, context, signal));
    tally.verified(staged.blob.lengthBytes);
  };
  const leftBehind: BlobPlan[] = [];
  for (const blob of plan.blobs) {
    const held = await survey.heldOf(blob, signal);
    const staged = await new BlobCopy(blob, held, copying).run(signal);
    if (staged === undefined) leftBehind.push(blob);
    else await settle(staged, held);
  }
  if (leftBehind.length > 0) {
    const { rescueMs } = assignment;
    const rescued = await rescueDrive({ ...copying, rescueMs, report }, signal);
    for (const blob of leftBehind) {
      const held = await askStore(blob, assignment.nonce, container, signal);
      const ids = new Map([...(copying.staged.get(blob) ?? []), ...(rescued.get(blob) ?? [])]);
      await settle(looseBlob(blob, held, ids), held);
    }
  }
  for (const [blob, settled] of [...evidence].slice(0, -1)) {
    evidence.set(blob, await lookAgain(blob, settled, container, signal));
  }
  return plan.blobs.flatMap((blob) => evidence.get(blob) ?? []);
}

/** What the store confirms is told to the map of bad places on its way to the journal. */
async function* noted(
  records: AsyncIterable<JournalRecord>,
  plan: ImagePlan,
  badPlaces: BadPlaces,
): AsyncGenerator<JournalRecord> {
  const blobs = new Map<string, BlobPlan>(plan.blobs.map((blob) => [blob.name, blob]));
  for await (const record of records) {
    const block = record.kind === 'staged' ? decodeBlockId(record.id) : undefined;
    const blob = record.kind === 'staged' ? blobs.get(record.blob) : undefined;
    if (block !== undefined && blob !== undefined) badPlaces.stored(blob, block);
    yield record;
  }
}

/** As GNU ddrescue skips: first a hundred-thousandth of the disk, at most a hundredth. */
function skipRules({ totalBytes }: ImagePlan, blockBytes: number): SkipRules {
  return {
    initialBytes: Math.max(blockBytes, totalBytes / 100_000),
    maxBytes: Math.max(blockBytes, totalBytes / 100),
    slowBytesPerSecond: SLOW_READ_BYTES_PER_S,
    slowReads: SLOW_READS,
    carefulBytes: CAREFUL_BYTES,
  };
}

async function* joined(
  known: readonly JournalRecord[],
  confirmed: AsyncIterable<JournalRecord>,
): AsyncGenerator<JournalRecord> {
  yield* known;
  yield* confirmed;
}

async function finalVerdict(
  plan: ImagePlan,
  blobs: readonly BlobEvidence[],
  { assignment, device }: { assignment: ImageAssignment; device: DiskToRead },
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
