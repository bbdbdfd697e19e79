import { randomBytes } from 'node:crypto';
import { isStationError, StationError } from '../errors.ts';
import type { BegunCopy } from './begun-copy.ts';
import { CopyJournal, type JournalHeader } from './journal.ts';
import { digestsAllOver } from './places-all-over.ts';
import { isConfirmed } from './stranger.ts';

/**
 * What becomes of the copy of an image whose disk does not hold what its copy began with, when a person says
 * that it is the right one; see `stranger.ts`. The blocks of a copy are known by its nonce. So the copy gets
 * another one, and whatever has the first one is no longer of it, also when the journal is lost later:
 * blocks, what lies in the scratch, the map of bad places.
 */

/**
 * Throws the error unless it is about a disk that a person has confirmed; and `destination-exists` when a
 * blob was committed already: it may be all that there is of the first disk.
 */
export async function requireConfirmed(copy: BegunCopy, error: unknown): Promise<void> {
  if (!isStationError(error, 'disk-content-changed', 'disk-read-failed')) throw error;
  const { assignment, survey } = copy;
  const { journalFile, nonce, disk } = assignment;
  const found = await Array.fromAsync(digestsAllOver(copy));
  // Of a disk that reads nowhere the store may have all that there is.
  if (found.every((digest) => digest === null)) throw error;
  const stranger = { landmarks: nonce, diskseq: disk.diskseq, found };
  if (!(await isConfirmed(journalFile, stranger))) throw error;
  if (survey.committed === undefined) return;
  const blob = survey.committed.name;
  const words = `${blob} was made of what the disk held when its copy began, and is not replaced`;
  throw new StationError('destination-exists', words, { blob }, error);
}

/** Believes nothing any more of what was copied; durable when it resolves. */
export async function beginAnew({
  journalFile,
  copyId,
  nonce,
}: Omit<JournalHeader, 'kind'> & { readonly journalFile: string }): Promise<void> {
  const another = randomBytes(nonce.length / 2).toString('hex');
  const journal = await CopyJournal.start(journalFile, { copyId, nonce: another }, []);
  await journal.close();
}
