import type { BlobContainer } from '../../blobs/contract.ts';
import { Slots } from '../../blobs/slots.ts';
import type { FileItem, FileTotals } from '../../domain/file-item.ts';
import { judgeFiles, refusedDrive } from '../../domain/files-verdict.ts';
import type { Verdict } from '../../domain/verdict.ts';
import { isCancelled, isStationError, throwIfCancelled } from '../../errors.ts';
import {
  FILES_IN_FLIGHT,
  FILES_NAMED,
  RESCUE_DRIVE_MS,
  SMALL_FILE_READERS,
  STORED_ROUNDS,
} from '../../limits.ts';
import type { OpenVolume } from '../../volumes/contract.ts';
import type { Settled } from '../copy-drive.ts';
import type { FilesAssignment, FromCopy } from '../messages.ts';
import { FileBuffers } from './buffers.ts';
import { Containers } from './containers.ts';
import type { FilesContext } from './context.ts';
import { copyFile } from './copy-file.ts';
import { DriveFiles, type DriveUnderCopy } from './drive.ts';
import { fileList } from './file-list.ts';
import { type EndedItem, fileLog } from './file-log.ts';
import { eachInFlight } from './in-flight.ts';
import { FilesJournal } from './journal.ts';
import { ManifestSource } from './manifest-source.ts';
import { NameLocks } from './names.ts';
import { closeVolume, openedMessage } from './opened-volume.ts';
import { classOf } from './outcome.ts';
import { unmark } from './page-mark.ts';
import { Patience } from './patience.ts';
import { type Refusal, unlessRefused } from './refusal.ts';
import { retireJournal } from './retired-journal.ts';
import { SideFiles } from './side-files.ts';
import { type FileSource, sameItems } from './source.ts';
import { isPromised, sourceOf } from './source-of.ts';
import { StillStored } from './still-stored.ts';
import { FilesTally } from './tally.ts';
import { VolumeLandmarks } from './volume-landmarks.ts';
import { writeFileLogs } from './write-logs.ts';

export interface FilesParts {
  readonly drive: DriveUnderCopy;
  openContainer(name: string): Promise<BlobContainer>;
  openLogContainer(name: string): Promise<BlobContainer>;
  contentTypeOf(name: string): string | undefined;
  now(): Date;
  random(): number;
  report(message: FromCopy): void;
  /** Told once the volume is open, for whoever watches that its reads are answered. */
  onOpen?(files: DriveFiles): void;
}

/** What the steps of one copy share. */
interface Copying {
  readonly assignment: FilesAssignment;
  readonly parts: FilesParts;
  readonly volume: OpenVolume;
  readonly files: DriveFiles;
  readonly source: FileSource;
  readonly totals: FileTotals;
  readonly landmarks: VolumeLandmarks;
  /** For all bad places of the drive. */
  readonly patience: Patience;
  readonly stored: StillStored;
}

/**
 * The copy of the files of one drive, from its volume to verdict and logs, in whatever state an earlier
 * attempt left it. A drive that cannot be copied as it is ends here too, with a status for its customer
 * and no blob; trouble with the store or a disk that left is thrown, and the copy goes on another time.
 */
export async function copyFiles(
  assignment: FilesAssignment,
  parts: FilesParts,
  signal: AbortSignal,
): Promise<Settled> {
  throwIfCancelled(signal);
  const landmarks = await VolumeLandmarks.proved(assignment, parts.drive);
  const volume = await unlessRefused(() => parts.drive.openVolume(signal));
  if ('refusal' in volume)
    return await settleRefused(volume.refusal, { assignment, parts }, signal);
  parts.report(openedMessage(volume.value));
  try {
    await landmarks.choose(volume.value.found, parts.random);
    return await copyFrom(volume.value, { assignment, parts, landmarks }, signal);
  } finally {
    await closeVolume(volume.value);
  }
}

type Order = Pick<Copying, 'assignment' | 'parts'>;

async function copyFrom(
  volume: OpenVolume,
  order: Order & Pick<Copying, 'landmarks'>,
  signal: AbortSignal,
): Promise<Settled> {
  const { assignment, parts, landmarks } = order;
  const files = new DriveFiles(volume, parts.drive, () => landmarks.doubt());
  parts.onOpen?.(files);
  const patience = new Patience(assignment.rescueMs ?? RESCUE_DRIVE_MS);
  const known = await unlessRefused(async () => {
    const source = sourceOf(assignment, { ...parts, files, patience });
    const totals = await source.totals(signal);
    // Of a disk that left, each folder is one that cannot be read: nothing may be written down by that.
    await parts.drive.proveStillThere();
    // Kept by the volume for the verdict; the kernel's log forgets.
    await volume.damage();
    return { source, patience, totals };
  });
  await landmarks.prove();
  if ('refusal' in known) return await settleRefused(known.refusal, order, signal);
  try {
    const stored = new StillStored();
    return await copyAll({ ...order, volume, files, stored, ...known.value }, signal);
  } catch (error) {
    if (isStationError(error, 'disk-content-changed')) await retireJournal(assignment.journalFile);
    throw error;
  }
}

async function copyAll(copying: Copying, signal: AbortSignal): Promise<Settled> {
  const { assignment, parts, landmarks, totals } = copying;
  const { report } = parts;
  const plan = { kind: 'files', totalBytes: totals.bytes, files: totals.files } as const;
  report({ kind: 'planned', plan });
  const { copyId, nonce, journalFile } = assignment;
  const vouching = { landmarks: landmarks.id, isPromised: isPromised(assignment) };
  let lost: Uint8Array | undefined;
  for (let round = 1; ; round++) {
    const head = { copyId, nonce, lost, ...vouching };
    const journal = await FilesJournal.start(journalFile, head, totals);
    landmarks.onProving = () => journal.proving();
    try {
      const { completed, withErrors, skipped } = journal.summary;
      const heldFiles = completed + withErrors + skipped;
      report({ kind: 'reconciled', heldBlocks: 0, lostBlocks: 0, heldFiles });
      report({ kind: 'phase', phase: 'copying' });
      const tally = new FilesTally(totals.bytes, journal.heldBytes, report);
      const context = contextOf(copying, { journal });
      await copyItems(copying, { journal, tally, context }, signal);
      lost = round < STORED_ROUNDS ? await lostItems(copying, context, signal) : undefined;
      if (lost !== undefined) {
        // What is not vouched for is read again in the next round.
        await landmarks.vouch();
        continue;
      }
      report({ kind: 'phase', phase: 'settling' });
      const verdict = await verdictOf(copying, { journal, tally }, signal);
      const logs = await logsOf(copying, { journal, verdict }, signal);
      return { verdict, logs };
    } catch (error) {
      // Nothing is to be read again because somebody stopped the copy; nobody waits for a disk that sleeps.
      if (isCancelled(error) && !copying.files.mayBeAsleep) await landmarks.vouch();
      throw error;
    } finally {
      await journal.close();
    }
  }
}

interface Under {
  readonly journal: FilesJournal;
  readonly tally: FilesTally;
}

/** Every file that reads first; then, one at a time and with patience, those with bad places. */
async function copyItems(copying: Copying, going: Going, signal: AbortSignal): Promise<void> {
  const { files, patience, parts } = copying;
  const putOff = await pass(copying, going, signal);
  if (putOff.files === 0) return;
  const one = new Slots(1);
  const last = { patience, sideFiles: new SideFiles(files, patience) };
  const patient = { ...going.context, ...last, readers: { small: one, large: one } };
  let openBytes = putOff.bytes;
  const tell = (endedBytes: number) => {
    openBytes -= endedBytes;
    parts.report({ kind: 'rescuing', openBytes, unreadableBytes: patience.unreadableBytes });
  };
  tell(0);
  await pass(copying, { ...going, context: patient, onEnd: tell }, signal);
}

/** What ended and is not in the store any more. */
async function lostItems(
  { source, totals, stored, parts }: Copying,
  { journal, containers }: FilesContext,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const order = { source, totals, journal, containers };
  return await ofDrive(parts, () => stored.lost(order, signal));
}

interface Going extends Under {
  readonly context: FilesContext;
  onEnd?(lengthBytes: number): void;
}

/** Copies what has not ended yet; gives what was put off. */
async function pass(
  { parts, source, totals, stored }: Copying,
  { journal, tally, context, onEnd }: Going,
  signal: AbortSignal,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const putOff = { files: 0, bytes: 0 };
  const work = async (item: FileItem, live: AbortSignal) => {
    if (journal.hasEnded(item)) return await unmark(item, context, live);
    await journal.recall(item);
    const inItem = tally.of(item);
    const ended = await copyFile({ item, context, onSafe: inItem.safe }, live);
    await context.landmarks.cleared();
    if (ended === undefined) {
      putOff.files++;
      putOff.bytes += item.lengthBytes;
      inItem.putOff();
      return;
    }
    await journal.end(item, ended.outcome, ended.bytes);
    stored.ended(item, ended.outcome);
    // What a sick disk gave with patience is not to be asked of it again.
    if (context.patience !== undefined) await context.landmarks.vouch();
    else await context.landmarks.ended(item.lengthBytes);
    await unmark(item, context, live);
    inItem.ended(ended.bytes);
    onEnd?.(item.lengthBytes);
  };
  const open = unended(stored.noting(sameItems(source, totals, signal), journal), journal);
  await ofDrive(parts, () => eachInFlight(open, { max: FILES_IN_FLIGHT, work }, signal));
  return putOff;
}

/** Of a disk that left, a list of files reads as one that ends early. */
async function ofDrive<T>({ drive }: FilesParts, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isStationError(error, 'drive-reads-differ')) await drive.proveStillThere();
    throw error;
  }
}

function contextOf(
  { assignment, parts, files, landmarks, totals }: Copying,
  { journal }: Pick<Under, 'journal'>,
): FilesContext {
  return {
    files,
    landmarks,
    journal,
    containers: new Containers(parts.openContainer),
    buffers: new FileBuffers(totals.longestRangeBytes),
    sideFiles: new SideFiles(files),
    names: new NameLocks(),
    readers: { small: new Slots(SMALL_FILE_READERS), large: new Slots(1) },
    nonce: assignment.nonce,
    now: () => parts.now().getTime(),
  };
}

async function* unended(
  items: AsyncIterable<FileItem>,
  journal: FilesJournal,
): AsyncGenerator<FileItem> {
  for await (const item of items) {
    if (!journal.hasEnded(item) || journal.marked(item) !== undefined) yield item;
  }
}

async function verdictOf(
  { assignment, parts, volume, source, totals, landmarks }: Copying,
  { journal, tally }: Under,
  signal: AbortSignal,
): Promise<Verdict> {
  await parts.drive.proveStillThere();
  // Also when no read has failed: the kernel may have read ahead over an error, and told nobody.
  await landmarks.vouch();
  const files = journal.summary;
  const failures: string[] = [];
  const wanted = Math.min(files.withErrors, FILES_NAMED);
  if (wanted > 0) {
    for await (const { outcome } of endedItems({ source, totals, journal }, signal)) {
      if (classOf(outcome) === 'withErrors') failures.push(outcome.words ?? outcome.status);
      if (failures.length === wanted) break;
    }
  }
  return judgeFiles({
    ...{ files, failures, plannedBytes: totals.bytes, leftOut: totals.leftOut },
    verifiedBytes: tally.verifiedBytes,
    damage: await volume.damage(),
    isPromised: isPromised(assignment),
    isSecond: landmarks.isSecond,
    notes: volume.notes.map(({ words }) => words),
    kernelWrites: await parts.drive.kernelWrites(),
  });
}

interface Ends {
  readonly source: FileSource;
  readonly totals: FileTotals;
  readonly journal: FilesJournal;
}

async function* endedItems(
  { source, totals, journal }: Ends,
  signal: AbortSignal,
): AsyncGenerator<EndedItem> {
  for await (const item of sameItems(source, totals, signal)) {
    const outcome = await journal.outcomeOf(item);
    if (outcome !== undefined) yield { item, outcome };
  }
}

async function logsOf(
  { assignment, parts, source, totals }: Copying,
  { journal, verdict }: { readonly journal: FilesJournal; readonly verdict: Verdict },
  signal: AbortSignal,
) {
  const items = () => endedItems({ source, totals, journal }, signal);
  const log = fileLog({ driveId: assignment.driveId, status: verdict.copyStatus, items });
  const more =
    source instanceof ManifestSource
      ? { manifest: () => source.bytes(signal) }
      : { list: () => fileList(items()) };
  const { openLogContainer, now } = parts;
  const blobsIn = totals.container;
  const order = { assignment, log, blobsIn, openLogContainer, now, ...more };
  return await writeFileLogs(order, signal);
}

async function settleRefused(
  refusal: Refusal,
  { assignment, parts: { drive, openLogContainer, now, report } }: Order,
  signal: AbortSignal,
): Promise<Settled> {
  await drive.proveStillThere();
  report({ kind: 'phase', phase: 'settling' });
  const verdict = refusedDrive(refusal, await drive.kernelWrites());
  const { driveId } = assignment;
  const log = { driveId, blobs: [], status: () => refusal.status };
  const order = { assignment, log, blobsIn: undefined, openLogContainer, now };
  return { verdict, logs: await writeFileLogs(order, signal) };
}
