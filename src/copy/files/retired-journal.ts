import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asStateDiskError, errnoOf } from '../../errors.ts';
import { syncPath } from '../../sync-path.ts';
import { knownIn } from './journal-ends.ts';
import type { ItemRecord, KeptRecord } from './journal-records.ts';
import { CLEAN, hasBlob } from './outcome.ts';

/**
 * A journal of files that the drive does not show any more as it did: a folder on a failing medium may
 * read differently each time, and a disk that was found to tell rubbish may have told it of the list as well.
 * It is put aside when a person is asked; the attempt after that begins a new one, and carries over what
 * still holds.
 */

function retiredJournalOf(journalFile: string): string {
  return `${journalFile}.differs`;
}

/** Where a journal may have been put aside; the last one by stations before this one. */
export function asideOf(journalFile: string): readonly string[] {
  return [retiredJournalOf(journalFile), `${journalFile}.doubted`];
}

/** Puts the journal aside, durably; nothing when there is none. Throws `state-disk-failed`. */
export async function retireJournal(journalFile: string): Promise<void> {
  try {
    await rename(journalFile, retiredJournalOf(journalFile));
    await syncPath(dirname(journalFile));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw asStateDiskError(journalFile, error);
  }
}

export type ReadKept = () => AsyncIterable<KeptRecord>;

/**
 * What still holds of a journal that was put aside, for a drive that shows these items. Up to the first
 * item that differs the lists are the same, and what ended there has ended. Behind it an item is known
 * by its tag alone, which is too little to believe that it has ended: it is read again, and what it was
 * written to is taken for its blob when that proves to be equal, or untouched since it was left incomplete.
 */
export async function* recalled(read: ReadKept, tags: Uint32Array): AsyncGenerator<KeptRecord> {
  let firstDiffering = Number.POSITIVE_INFINITY;
  for await (const entry of read()) {
    if (entry.k === 'proved' || tags[entry.i] === entry.tag) continue;
    firstDiffering = Math.min(firstDiffering, entry.i);
  }
  const places = new Places(tags);
  for await (const entry of read()) {
    // Nobody says which of two readings of a file that differ is right, so neither is a reason to stop.
    const holds = entry.k === 'proved' || (entry.k !== 'staged' && entry.i < firstDiffering);
    if (holds) yield entry;
    else yield* movedTo(places.of(entry.tag), entry);
  }
}

/** What is told of other items than those with a mark. */
export function without(lost: Uint8Array | undefined, read: ReadKept): ReadKept {
  if (lost === undefined) return read;
  return async function* () {
    for await (const entry of read()) {
      if (entry.k === 'proved' || lost[entry.i] !== 1) yield entry;
    }
  };
}

/** What an entry still says of an item that is to be read again; `i`: where it is in the list now. */
export function* movedTo(i: number | undefined, entry: ItemRecord): Generator<ItemRecord> {
  if (i === undefined) return;
  if (entry.k === 'staged') yield { ...entry, i, unsure: true };
  else if (entry.k !== 'done') yield { ...entry, i };
  else if (hasBlob(entry.outcome ?? CLEAN)) {
    const { tag, outcome, mark, md5 } = entry;
    const isInPlace = outcome?.disposition === 'Overwritten' || outcome?.replaced;
    const more = isInPlace ? { replace: true as const } : {};
    const known = knownIn({ etag: outcome?.etag, mark, md5 });
    yield { k: 'doubted', i, tag, attempt: outcome?.attempt ?? 1, ...more, ...known };
  }
}

/** Where the one item with a tag is in the list; nowhere when there are two. */
class Places {
  readonly #tags: Uint32Array;
  /** Indexes in the order of their tags: four bytes an item, and there may be millions. */
  readonly #order: Uint32Array;

  constructor(tags: Uint32Array) {
    this.#tags = tags;
    this.#order = Uint32Array.from(tags.keys()).sort((a, b) => this.#tagAt(a) - this.#tagAt(b));
  }

  of(tag: number): number | undefined {
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#tagOf(middle) < tag) low = middle + 1;
      else high = middle;
    }
    const isOnly = this.#tagOf(low) === tag && this.#tagOf(low + 1) !== tag;
    return isOnly ? this.#order[low] : undefined;
  }

  #tagAt(index: number): number {
    return this.#tags[index] ?? 0;
  }

  #tagOf(rank: number): number {
    return this.#tagAt(this.#order[rank] ?? this.#tags.length);
  }
}
