import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessMissing } from '../blobs/durable-file.ts';

/** `<copy id>.journal`, and beside it what else the same copy keeps. */
const KEPT = /^([^.]+)\.journal(?:\.map|\.scratch|\.differs|\.doubted|\.landmarks)?$/u;

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
