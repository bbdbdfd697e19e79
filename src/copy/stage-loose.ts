import type { BlobContainer } from '../blobs/contract.ts';
import { type BlockId, encodeBlockId } from '../domain/block-id.ts';
import { blockLength, type Extent } from '../domain/plan.ts';
import { throwIfCancelled } from '../errors.ts';
import type { BlockSums } from './block-sums.ts';
import type { Hasher } from './hashing.ts';
import type { Landmark, Staged } from './journal.ts';
import type { Landmarks } from './landmarks.ts';
import { MD5_START } from './md5.ts';
import type { PlannedBlock } from './planned-block.ts';
import type { Slot } from './ring.ts';

export interface StageParts {
  readonly hasher: Hasher;
  readonly container: BlobContainer;
  readonly sums: BlockSums;
  readonly nonce: string;
  readonly landmarks: Landmarks;
}

export interface FilledBlock extends PlannedBlock {
  /** Holds the whole block. */
  readonly slot: Slot;
  /** Bytes of it that are zeros because the disk did not give them. */
  readonly unreadableBytes: number;
  /** A part of it that was read, the longest one. */
  readonly good: Extent;
}

/** A block that the store has taken, and what is to be written down of it. */
export interface LooseBlockTaken {
  readonly id: BlockId;
  readonly records: readonly (Staged | Landmark)[];
}

/** Stages one block out of its turn: hash, stage. The slot stays the caller's. */
export async function stageLoose(
  { blob, index, extent, slot, unreadableBytes, good }: FilledBlock,
  { hasher, container, sums, nonce, landmarks }: StageParts,
  signal: AbortSignal,
): Promise<LooseBlockTaken> {
  throwIfCancelled(signal);
  const { name } = blob;
  const lengthBytes = blockLength(blob, index);
  const { offsetBytes } = slot;
  const { md5, sha256 } = await hasher.hash({ offsetBytes, lengthBytes, restartFrom: MD5_START });
  const id = encodeBlockId({ nonce, index, sha256, unreadableBytes });
  const body = slot.buffer.subarray(0, lengthBytes);
  await container.stageBlock({ name, id, body, md5 }, signal);
  sums.set(blob, index, md5);
  const staged = { kind: 'staged', blob: name, index, id, md5 } as const;
  const from = good.offsetBytes - extent.offsetBytes;
  const known = landmarks.of(good, body.subarray(from, from + good.lengthBytes));
  return { id, records: [staged, ...known] };
}
