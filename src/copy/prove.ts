import { createHash } from 'node:crypto';
import type { BlobPlan } from '../domain/plan.ts';
import { throwIfCancelled } from '../errors.ts';
import { RESUME_SAMPLES, RESUME_UNSUMMED_MAX } from '../limits.ts';
import { contentChanged } from './blob-copy.ts';
import type { BlockSums } from './block-sums.ts';
import type { SourceDevice } from './device.ts';
import type { CopyJournal } from './journal.ts';
import { readBlock } from './read-block.ts';
import { type Held, type HeldBlock, samplesOf } from './resume.ts';
import type { BufferRing } from './ring.ts';

export interface ProofParts {
  readonly device: SourceDevice;
  readonly ring: BufferRing;
  readonly sums: BlockSums;
  readonly journal: CopyJournal;
  random(): number;
}

/**
 * Reads some blocks again that the store holds: the disk must still say the same. Among them are those
 * of which the journal knows no MD5, because an attempt ended between the store's answer and the
 * journal's; it is told now. Throws `disk-content-changed`.
 */
export async function proveContent(
  held: ReadonlyMap<BlobPlan, Held>,
  parts: ProofParts,
  signal: AbortSignal,
): Promise<void> {
  throwIfCancelled(signal);
  const unsummed = withoutSum(held, parts.sums);
  const begun = [...held].filter(([, { blocks }]) => blocks.size > 0);
  for (const [blob, blobHeld] of begun) {
    const share = Math.max(2, Math.ceil(RESUME_SAMPLES / begun.length));
    const samples = samplesOf(blobHeld, share, parts.random);
    for (const block of new Set([...samples, ...(unsummed.get(blob) ?? [])])) {
      await proveBlock(blob, block, { parts, signal });
    }
  }
}

async function proveBlock(
  blob: BlobPlan,
  { index, id, sha256 }: HeldBlock,
  { parts, signal }: { readonly parts: ProofParts; readonly signal: AbortSignal },
): Promise<void> {
  const { device, ring, sums, journal } = parts;
  const slot = await ring.acquire(signal);
  try {
    const block = await readBlock(device, { blob, index }, slot);
    const digest = createHash('sha256').update(block).digest('hex');
    if (digest !== sha256) throw contentChanged(device, blob, index);
    if (sums.get(blob, index) !== undefined) return;
    const md5 = createHash('md5').update(block).digest('hex');
    sums.set(blob, index, md5);
    await journal.append({ kind: 'staged', blob: blob.name, index, id, md5 });
  } finally {
    ring.release(slot);
  }
}

/**
 * The held blocks without an MD5, by their blobs. None when there are more than can have been in
 * flight: the journal is lost then, and half of the disk is not read again for the sake of a log.
 */
export function withoutSum(
  held: ReadonlyMap<BlobPlan, Held>,
  sums: Pick<BlockSums, 'get'>,
): ReadonlyMap<BlobPlan, readonly HeldBlock[]> {
  const found = new Map<BlobPlan, HeldBlock[]>();
  let count = 0;
  for (const [blob, { blocks }] of held) {
    const unsummed = [...blocks.values()].filter(({ index }) => !sums.get(blob, index));
    count += unsummed.length;
    if (count > RESUME_UNSUMMED_MAX) return new Map();
    found.set(blob, unsummed);
  }
  return found;
}
