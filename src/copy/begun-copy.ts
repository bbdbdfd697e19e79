import type { BlobContainer } from '../blobs/contract.ts';
import { decodeBlockId } from '../domain/block-id.ts';
import type { BlobPlan, ImagePlan } from '../domain/plan.ts';
import { isStationError } from '../errors.ts';
import { BadPlaces } from './bad-places.ts';
import type { DiskToRead } from './device.ts';
import { GoodPlaces } from './good-places.ts';
import { Hasher } from './hashing.ts';
import { CopyJournal, type JournalRecord } from './journal.ts';
import { type Journaled, journaled, lastIds } from './journaled.ts';
import type { FromCopy, ImageAssignment } from './messages.ts';
import { NotedReads } from './noted-reads.ts';
import { readsSomewhere } from './places-all-over.ts';
import { BufferRing } from './ring.ts';
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

export interface CopyOrder {
  readonly assignment: ImageAssignment;
  readonly plan: ImagePlan;
  readonly parts: CopyParts;
}

/** An attempt whose journal is begun: what its steps share. */
export interface BegunCopy extends CopyOrder {
  /** The copy began with a disk that held something else, and a person said that this one is right. */
  readonly isSecond: boolean;
  /** By the journal of the earlier attempt; the sums and landmarks grow from here. */
  readonly known: Journaled;
  readonly survey: Survey;
  readonly journal: CopyJournal;
  readonly badPlaces: BadPlaces;
  readonly goodPlaces: GoodPlaces;
  readonly reads: NotedReads;
  readonly ring: BufferRing;
  readonly hasher: Hasher;
}

/** Asks the store before the earlier journal is believed, and begins this one with what both know. */
export async function beginCopy(order: CopyOrder, signal: AbortSignal): Promise<BegunCopy> {
  const { plan, parts } = order;
  const { journalFile } = order.assignment;
  const known = await journaled(journalFile, plan);
  const { nonce = order.assignment.nonce } = known;
  const assignment = { ...order.assignment, nonce };
  const isSecond = nonce !== order.assignment.nonce;
  const badPlaces = await BadPlaces.open(assignment, plan);
  const survey = new Survey(plan, {
    ...{ ...parts, ...known, nonce },
    // Read while the journal of the earlier attempt is still there: until that of this one is begun.
    lastIds: (blob, indexes) => lastIds(journalFile, blob, indexes),
  });
  const confirmed = noted(survey.confirmed(signal), plan, badPlaces);
  const records = joined([...known.landmarks.known, ...known.doubted], confirmed);
  const journal = await CopyJournal.start(journalFile, assignment, records);
  await badPlaces.takeOver();
  const reads = new NotedReads(parts.device, badPlaces);
  parts.onReads?.(reads);
  const ring = new BufferRing(Math.max(...plan.blobs.map(({ blockBytes }) => blockBytes)));
  const hasher = new Hasher(ring.memory);
  const onChecked = () => journal.append({ kind: 'checked' });
  const goodPlaces = new GoodPlaces({
    ...{ reads, random: parts.random, onChecked },
    readsSomewhere: () => readsSomewhere({ reads, badPlaces }),
  });
  const tools = { journal, badPlaces, goodPlaces, reads, ring, hasher };
  return { assignment, plan, parts, isSecond, known, survey, ...tools };
}

/** Leaves what the next attempt has to know of one that ends early. */
export async function noteFailure(copy: BegunCopy, error: unknown): Promise<void> {
  const { parts, journal, badPlaces, goodPlaces } = copy;
  if (isStateDiskFull(error)) await badPlaces.giveWay();
  // A copy that goes on has nothing to read again then; nobody waits for a disk that sleeps.
  const isToCheck = goodPlaces.isUnchecked && !isOfDisk(error) && !parts.device.mayBeAsleep;
  if (isToCheck) await Promise.allSettled([goodPlaces.check()]);
  await Promise.allSettled(goodPlaces.doubted.map((block) => journal.append(block)));
}

export async function closeCopy({ hasher, badPlaces, journal }: BegunCopy): Promise<void> {
  await hasher.close();
  await badPlaces.close();
  await journal.close();
}

function isOfDisk(error: unknown): boolean {
  return isStationError(error) && error.code.startsWith('disk-');
}

function isStateDiskFull(error: unknown): boolean {
  return isStationError(error, 'state-disk-failed') && error.payload.problem === 'full';
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

async function* joined(
  known: readonly JournalRecord[],
  confirmed: AsyncIterable<JournalRecord>,
): AsyncGenerator<JournalRecord> {
  yield* known;
  yield* confirmed;
}
