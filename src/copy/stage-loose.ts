import type { BlobContainer } from '../blobs/contract.ts';
import { type BlockId, encodeBlockId } from '../domain/block-id.ts';
import { blockLength } from '../domain/plan.ts';
import { throwIfCancelled } from '../errors.ts';
import type { PlannedBlock } from './bad-places.ts';
import type { BlockSums } from './block-sums.ts';
import type { Hasher } from './hashing.ts';
import type { CopyJournal } from './journal.ts';
import { MD5_START } from './md5.ts';
import type { Slot } from './ring.ts';

export interface StageParts {
  readonly hasher: Hasher;
  readonly container: BlobContainer;
  readonly journal: CopyJournal;
  readonly sums: BlockSums;
  readonly nonce: string;
  /** A block is safe: the store verified it and the journal has it. */
  onSafe(lengthBytes: number): void;
}

export interface FilledBlock extends PlannedBlock {
  /** Holds the whole block. */
  readonly slot: Slot;
  /** Bytes of it that are zeros because the disk did not give them. */
  readonly unreadableBytes: number;
}

/** Stages one block out of its turn: hash, stage, journal. The slot stays the caller's. */
export async function stageLoose(
  { blob, index, slot, unreadableBytes }: FilledBlock,
  { hasher, container, journal, sums, nonce, onSafe }: StageParts,
  signal: AbortSignal,
): Promise<BlockId> {
  throwIfCancelled(signal);
  const { name } = blob;
  const lengthBytes = blockLength(blob, index);
  const { offsetBytes } = slot;
  const { md5, sha256 } = await hasher.hash({ offsetBytes, lengthBytes, restartFrom: MD5_START });
  const id = encodeBlockId({ nonce, index, sha256, unreadableBytes });
  await container.stageBlock({ name, id, body: slot.buffer.subarray(0, lengthBytes), md5 }, signal);
  sums.set(blob, index, md5);
  await journal.append({ kind: 'staged', blob: name, index, id, md5 });
  onSafe(lengthBytes);
  return id;
}
