import { type BlobPlan, blockCount, type ImagePlan } from '../domain/plan.ts';
import { endOf } from '../domain/rescue/map.ts';
import { BlockSums } from './block-sums.ts';
import {
  type Doubted,
  type JournalRecord,
  type Landmark,
  readJournal,
  type Staged,
} from './journal.ts';
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
  const told = new Told(plan);
  for await (const record of readJournal(journalFile)) told.take(record);
  return told.known;
}

/** Of each block the last record counts. */
class Told {
  readonly #totalBytes: number;
  readonly #blobs: ReadonlyMap<string, BlobPlan>;
  readonly #sums = new BlockSums();
  readonly #doubted = new Map<string, Doubted>();
  readonly #unsummed = new Set<string>();
  readonly #unchecked = new Set<string>();
  #landmarks: Landmark[] = [];
  #hasJournal = false;
  #nonce: string | undefined;

  constructor({ totalBytes, blobs }: ImagePlan) {
    this.#totalBytes = totalBytes;
    this.#blobs = new Map<string, BlobPlan>(blobs.map((blob) => [blob.name, blob]));
  }

  take(record: JournalRecord): void {
    this.#hasJournal = true;
    switch (record.kind) {
      case 'copy':
        this.#nonce = record.nonce;
        return;
      case 'landmark':
        this.#landmarks.push(record);
        return;
      case 'checked':
        this.#unchecked.clear();
        this.#landmarks = this.#landmarks.map(({ isUnchecked: _, ...landmark }) => landmark);
        return;
      case 'staged':
      case 'doubted':
        this.#takeBlock(record);
    }
  }

  get known(): Journaled {
    return {
      nonce: this.#nonce,
      sums: this.#sums,
      landmarks: new Landmarks(this.#landmarks, this.#totalBytes),
      doubted: [...this.#doubted.values()],
      hasLied: this.#doubted.values().some(({ isUnread }) => isUnread !== true),
      unsummed: this.#unsummed,
      unchecked: this.#unchecked,
      hasJournal: this.#hasJournal,
    };
  }

  #takeBlock(record: Staged | Doubted): void {
    const blob = this.#blobs.get(record.blob);
    if (blob === undefined || record.index >= blockCount(blob)) return;
    if (record.kind === 'staged') this.#staged(blob, record);
    else this.#doubt(blob, record);
  }

  #staged(blob: BlobPlan, record: Staged): void {
    const key = keyOf(record);
    if (record.isUnchecked === true) this.#unchecked.add(key);
    else this.#unchecked.delete(key);
    if (record.md5 === undefined) this.#unsummed.add(key);
    else {
      this.#sums.set(blob, record.index, record.md5);
      this.#doubted.delete(key);
    }
  }

  #doubt(blob: BlobPlan, record: Doubted): void {
    const key = keyOf(record);
    const place = placeOf(blob, record.index);
    this.#sums.delete(blob, record.index);
    this.#doubted.set(key, record);
    this.#unsummed.delete(key);
    this.#unchecked.delete(key);
    this.#landmarks = this.#landmarks.filter(
      ({ offsetBytes }) => offsetBytes < place.offsetBytes || offsetBytes >= endOf(place),
    );
  }
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
