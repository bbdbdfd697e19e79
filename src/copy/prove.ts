import { createHash } from 'node:crypto';
import { isStationError, throwIfCancelled } from '../errors.ts';
import { placeOf } from './bad-places.ts';
import { contentChanged } from './blob-copy.ts';
import type { BlockSums } from './block-sums.ts';
import type { SourceDevice } from './device.ts';
import type { GoodPlaces } from './good-places.ts';
import type { CopyJournal } from './journal.ts';
import { readBlock } from './read-block.ts';
import type { BufferRing } from './ring.ts';
import type { PlacedBlock } from './survey.ts';

export interface ProofParts {
  readonly device: SourceDevice;
  readonly ring: BufferRing;
  readonly sums: BlockSums;
  readonly journal: CopyJournal;
  readonly goodPlaces: GoodPlaces;
}

/**
 * Reads some blocks again that the store holds: the disk must still say the same. A block of which the
 * journal knew no MD5 gets it now. One that has become unreadable proves nothing, and harms nothing: the
 * store has it. Throws `disk-content-changed`, and `disk-read-failed` when none of them can be read.
 */
export async function proveContent(
  blocks: readonly PlacedBlock[],
  parts: ProofParts,
  signal: AbortSignal,
): Promise<void> {
  throwIfCancelled(signal);
  let proved = 0;
  let failure: unknown;
  for (const placed of blocks) {
    try {
      await proveBlock(placed, parts, signal);
      proved++;
    } catch (error) {
      if (!isStationError(error, 'disk-read-failed')) throw error;
      failure = error;
    }
  }
  if (proved === 0 && failure !== undefined) throw failure;
}

async function proveBlock(
  { blob, block: { index, id, sha256 } }: PlacedBlock,
  { device, ring, sums, journal, goodPlaces }: ProofParts,
  signal: AbortSignal,
): Promise<void> {
  const slot = await ring.acquire(signal);
  try {
    const block = await readBlock(device, { blob, index }, slot);
    const digest = createHash('sha256').update(block).digest('hex');
    if (digest !== sha256) throw contentChanged(device, blob, index);
    goodPlaces.remember(placeOf(blob, index).offsetBytes, block);
    if (sums.get(blob, index) !== undefined) return;
    const md5 = createHash('md5').update(block).digest('hex');
    sums.set(blob, index, md5);
    await journal.append({ kind: 'staged', blob: blob.name, index, id, md5 });
  } finally {
    ring.release(slot);
  }
}
