import type { FilesRecord, ItemRecord } from './journal.ts';
import { movedTo, putAside } from './retired-journal.ts';

/**
 * The journal of an attempt that ended because the disk no longer read as before. Nobody knows when it
 * began to: what was read since the disk was proved the last time is read again, and a blob that was made
 * of rubbish is known by what the journal says of it and is replaced.
 */

export function doubtedJournalOf(journalFile: string): string {
  return `${journalFile}.doubted`;
}

/** Puts the journal aside, durably; nothing when there is none. Throws `state-disk-failed`. */
export async function doubtJournal(journalFile: string): Promise<void> {
  await putAside(journalFile, doubtedJournalOf(journalFile));
}

/** What still holds of such a journal. */
export async function* undoubted(
  read: () => AsyncIterable<FilesRecord>,
): AsyncGenerator<ItemRecord> {
  let [count, proved] = [0, 0];
  for await (const { k } of read()) {
    count++;
    if (k === 'proved') proved = count;
  }
  let at = 0;
  for await (const entry of read()) {
    at++;
    // Blocks are staged again without a loss: only files that had not ended have any.
    if (entry.k === 'files' || entry.k === 'proved' || entry.k === 'staged') continue;
    if (at <= proved) yield entry;
    else yield* movedTo(entry.i, entry);
  }
}
