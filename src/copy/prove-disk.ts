import { type BegunCopy, beginCopy, type CopyOrder, closeCopy, noteFailure } from './begun-copy.ts';
import type { Doubted } from './journal.ts';
import { beginAnew, requireConfirmed } from './other-disk.ts';
import type { PlannedBlock } from './planned-block.ts';
import { proveContent, type Rubbish } from './prove.ts';
import { forgetStranger } from './stranger.ts';

/**
 * Begins an attempt whose disk is the one that the store has blocks of. What it has of another one is left
 * behind when a person has said that this disk is right. Throws what `proveContent` and `requireConfirmed`
 * throw.
 */
export async function provenCopy(order: CopyOrder, signal: AbortSignal): Promise<BegunCopy> {
  const copy = await beginCopy(order, signal);
  try {
    await proveDisk(copy, signal);
    return copy;
  } catch (error) {
    await noteFailure(copy, error);
    await requireConfirmed(copy, error).finally(() => closeCopy(copy));
  }
  await beginAnew(order.assignment);
  return await provenCopy(order, signal);
}

/** Drops what is not believed: it is read and staged anew. */
async function proveDisk(copy: BegunCopy, signal: AbortSignal): Promise<void> {
  const { survey, known, journal, badPlaces, goodPlaces, assignment, parts } = copy;
  const { lostBlocks } = survey;
  parts.report({ kind: 'phase', phase: 'proving' });
  const { sums, landmarks, hasLied, unchecked } = known;
  const toProve = { blocks: survey.toProve(), landmarks: landmarks.known, hasLied };
  const rubbish = await proveContent(toProve, { ...copy, sums }, signal);
  await forgetStranger(assignment.journalFile);
  await drop(copy, rubbish);
  if (unchecked.size > 0) await journal.append({ kind: 'checked' });
  if (badPlaces.isKnown) goodPlaces.suspect();
  parts.report({ kind: 'reconciled', heldBlocks: survey.heldBlocks, lostBlocks });
}

async function drop(
  { survey, known, journal, badPlaces, parts }: BegunCopy,
  { differing, unread }: Rubbish,
): Promise<void> {
  if (unread.length > 0) await parts.device.proveAlive();
  const doubt = async (blocks: readonly PlannedBlock[], why: Pick<Doubted, 'isUnread'>) => {
    const dropped = survey.distrust(blocks);
    for (const block of dropped) badPlaces.lost(block);
    for (const { blob, index, extent } of new Set([...blocks, ...dropped])) {
      known.landmarks.forget(extent);
      await journal.append({ kind: 'doubted', blob: blob.name, index, ...why });
    }
  };
  await doubt(unread, { isUnread: true });
  await doubt(differing, {});
  if (unread.length > 0) await badPlaces.unread(unread);
}
