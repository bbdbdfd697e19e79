import type { BegunCopy } from './begun-copy.ts';
import { proveContent, type Rubbish } from './prove.ts';

/**
 * Proves that the disk is the one that the store has blocks of, and drops those that are not believed:
 * they are read and staged anew. Throws what `proveContent` throws.
 */
export async function proveDisk(copy: BegunCopy, signal: AbortSignal): Promise<void> {
  const { survey, known, journal, badPlaces, goodPlaces, parts } = copy;
  const { lostBlocks } = survey;
  const proof = { ...copy, sums: known.sums };
  const { landmarks, doubted, unchecked } = known;
  const hasLied = doubted.length > 0;
  const toProve = { blocks: survey.toProve(), landmarks: landmarks.known, hasLied };
  await drop(copy, await proveContent(toProve, proof, signal));
  if (unchecked.size > 0) await journal.append({ kind: 'checked' });
  if (badPlaces.isKnown) goodPlaces.suspect();
  parts.report({ kind: 'reconciled', heldBlocks: survey.heldBlocks, lostBlocks });
}

async function drop(
  { survey, known, journal, badPlaces, parts }: BegunCopy,
  { differing, unread }: Rubbish,
): Promise<void> {
  const rubbish = [...differing, ...unread];
  const dropped = survey.distrust(rubbish);
  for (const block of dropped) badPlaces.lost(block);
  if (unread.length > 0) {
    await parts.device.proveAlive();
    await badPlaces.unread(unread);
  }
  for (const { blob, index, extent } of new Set([...rubbish, ...dropped])) {
    known.landmarks.forget(extent);
    await journal.append({ kind: 'doubted', blob: blob.name, index });
  }
}
