import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessMissing } from '../blobs/durable-file.ts';

/** What a copy keeps beside its journal: see `bad-places.ts`, and in `files` the journals put aside and by what the disk is known. */
const BESIDE = ['.map', '.scratch', '.differs', '.doubted', '.landmarks', '.stranger', '.asked'];
const KEPT = new RegExp(`^([^.]+)\\.journal(?:${BESIDE.join('|').replaceAll('.', '\\.')})?$`, 'u');

/** Removes what a copy keeps, journal and all: when the ledger has its verdict, it has nothing left to tell. */
export async function removeJournal(journalFile: string): Promise<void> {
  for (const end of ['', ...BESIDE]) {
    await rm(`${journalFile}${end}`, { recursive: true, force: true });
  }
}

/**
 * Removes what no copy needs any more: the files of copies that have their verdict, because the station
 * was killed between the verdict and their removal, and drafts that never took the place of a file.
 * To be called before copies run.
 */
export async function sweepJournals(
  directory: string,
  openCopies: ReadonlySet<string>,
): Promise<void> {
  for (const name of (await unlessMissing(readdir(directory))) ?? []) {
    const copyId = KEPT.exec(name)?.[1];
    if (copyId !== undefined && openCopies.has(copyId)) continue;
    await rm(join(directory, name), { recursive: true, force: true });
  }
}
