import { type BlobPlan, blockCount, type ImagePlan } from '../domain/plan.ts';
import { endOf } from '../domain/rescue/map.ts';
import { BlockSums } from './block-sums.ts';
import { type Doubted, type Landmark, readJournal } from './journal.ts';
import { Landmarks } from './landmarks.ts';
import { placeOf } from './planned-block.ts';

export interface Journaled {
  /** By which the store's blocks are known; that of the assignment, unless its disk was confirmed. */
  readonly nonce: string | undefined;
  readonly sums: BlockSums;
  readonly landmarks: Landmarks;
  readonly doubted: readonly Doubted[];
  /** The disk told rubbish before. */
  readonly hasLied: boolean;
  /** Blocks that it knows without their MD5, of an attempt before whose journal was lost: `index blob`. */
  readonly unsummed: ReadonlySet<string>;
  /** Blocks that were read after the disk was last seen to tell the truth, by `keyOf`. */
  readonly unchecked: ReadonlySet<string>;
  readonly hasJournal: boolean;
}

/** What the journal of the earlier attempt knows of its blocks and its disk; nothing when it is lost. */
export async function journaled(journalFile: string, plan: ImagePlan): Promise<Journaled> {
  const sums = new BlockSums();
  let known: Landmark[] = [];
  const doubted = new Map<string, Doubted>();
  const unsummed = new Set<string>();
  const unchecked = new Set<string>();
  let hasJournal = false;
  let nonce: string | undefined;
  const blobs = new Map<string, BlobPlan>(plan.blobs.map((blob) => [blob.name, blob]));
  for await (const record of readJournal(journalFile)) {
    hasJournal = true;
    if (record.kind === 'copy') nonce = record.nonce;
    if (record.kind === 'landmark') known.push(record);
    if (record.kind === 'checked') {
      unchecked.clear();
      known = known.map(({ isUnchecked: _, ...landmark }) => landmark);
    }
    if (!('blob' in record)) continue;
    const { index } = record;
    const blob = blobs.get(record.blob);
    if (blob === undefined || index >= blockCount(blob)) continue;
    if (record.kind === 'doubted') {
      sums.delete(blob, index);
      doubted.set(keyOf(record), record);
      const place = placeOf(blob, index);
      known = known.filter(
        (at) => at.offsetBytes < place.offsetBytes || at.offsetBytes >= endOf(place),
      );
      unsummed.delete(keyOf(record));
      unchecked.delete(keyOf(record));
      continue;
    }
    if (record.isUnchecked === true) unchecked.add(keyOf(record));
    else unchecked.delete(keyOf(record));
    if (record.md5 === undefined) unsummed.add(keyOf(record));
    else {
      sums.set(blob, index, record.md5);
      doubted.delete(keyOf(record));
    }
  }
  const landmarks = new Landmarks(known, plan.totalBytes);
  return {
    nonce,
    sums,
    landmarks,
    doubted: [...doubted.values()],
    hasLied: doubted.values().some(({ isUnread }) => isUnread !== true),
    unsummed,
    unchecked,
    hasJournal,
  };
}

/** The ids that the journal has last of these blocks of a blob; of none that it doubts. */
export async function lastIds(
  journalFile: string,
  blob: string,
  indexes: ReadonlySet<number>,
): Promise<ReadonlyMap<number, string>> {
  const ids = new Map<number, string>();
  for await (const record of readJournal(journalFile)) {
    if (!('blob' in record) || record.blob !== blob || !indexes.has(record.index)) continue;
    if (record.kind === 'staged') ids.set(record.index, record.id);
    else ids.delete(record.index);
  }
  return ids;
}

/** A block in `unsummed`. */
export function keyOf({ blob, index }: { readonly blob: string; readonly index: number }): string {
  return `${index} ${blob}`;
}
