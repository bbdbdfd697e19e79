import type { BlobContainer, StoredBlock } from '../blobs/contract.ts';
import { type BlockId, type BlockIdParts, decodeBlockId } from '../domain/block-id.ts';
import { type BlobPlan, blockCount, blockLength } from '../domain/plan.ts';
import { StationError } from '../errors.ts';

/** A block that the store holds for this copy. */
export type HeldBlock = BlockIdParts & { readonly id: BlockId };

export interface Held {
  /** The blob was committed by this copy; every block is held. */
  readonly committed: boolean;
  readonly blocks: ReadonlyMap<number, HeldBlock>;
}

/** What the store says, and all blocks of ours where it has several for one place. */
export interface Listed extends Held {
  readonly contradicted: ReadonlyMap<number, readonly HeldBlock[]>;
}

/**
 * What the store says it holds of a blob of this copy. Its answer beats the journal: a block it does
 * not list is gone (uncommitted blocks vanish after a week), one it lists with our nonce was verified
 * when it arrived. Throws `destination-exists` when a committed blob of that name is not ours.
 */
export async function askStore(
  blob: BlobPlan,
  nonce: string,
  container: BlobContainer,
  signal: AbortSignal,
): Promise<Listed> {
  const lists = await container.listBlocks(blob.name, signal);
  if (lists.committed === undefined) {
    return { committed: false, ...ourBlocks(blob, nonce, lists.uncommitted) };
  }
  const ours = ourBlocks(blob, nonce, lists.committed);
  if (ours.blocks.size === blockCount(blob) && inOrder(lists.committed)) {
    return { committed: true, ...ours };
  }
  const words = `${blob.name} exists already and is not from this copy`;
  throw new StationError('destination-exists', words, { blob: blob.name });
}

function ourBlocks(
  blob: BlobPlan,
  nonce: string,
  listed: readonly StoredBlock[],
): Omit<Listed, 'committed'> {
  const ours = new Map<number, HeldBlock[]>();
  for (const block of listed) {
    const parts = decodeBlockId(block.id);
    if (parts === undefined || parts.nonce !== nonce || parts.index >= blockCount(blob)) continue;
    if (block.lengthBytes !== blockLength(blob, parts.index)) continue;
    ours.set(parts.index, [...(ours.get(parts.index) ?? []), parts]);
  }
  const single = ours.entries().flatMap(([index, [block, ...others]]) => {
    return block === undefined || others.length > 0 ? [] : [[index, block] as const];
  });
  const contradicted = ours.entries().filter(([, { length }]) => length > 1);
  return { blocks: new Map(single), contradicted: new Map(contradicted) };
}

function inOrder(listed: readonly StoredBlock[]): boolean {
  return listed.every((block, position) => decodeBlockId(block.id)?.index === position);
}

/** Whether reading the block again must give what the store has: not where zeros stand in it. */
export function isWhole(block: HeldBlock): boolean {
  return (block.unreadableBytes ?? 0) === 0;
}

/**
 * Which held blocks to read again as proof that this disk is the one they came from: the first, the
 * last, and others drawn at random.
 */
export function samplesOf(held: Held, count: number, random: () => number): HeldBlock[] {
  const all = [...held.blocks.values().filter(isWhole)].sort((a, b) => a.index - b.index);
  const chosen = new Set<HeldBlock>();
  for (const end of [all[0], all.at(-1)]) if (end !== undefined) chosen.add(end);
  for (let draw = 0; draw < count * 4 && chosen.size < Math.min(count, all.length); draw++) {
    const block = all[Math.floor(random() * all.length)];
    if (block !== undefined) chosen.add(block);
  }
  return [...chosen];
}
