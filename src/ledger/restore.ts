import { statSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { asStateDiskError, errnoOf } from '../errors.ts';
import { syncPath } from '../sync-path.ts';
import { stampOf } from './backups.ts';
import { filesOf, inspectFile } from './sqlite-file.ts';

/**
 * Puts a backup in the place of the ledger. Whoever calls holds the lock of the state directory. What
 * was there is moved aside and nothing of it is deleted: not only the database, since a write-ahead log
 * that stays behind would be played into the backup. The ledger keeps its mode, whatever that of the
 * backup is; one that was lost comes back for its owner alone. Answers where what was there is now.
 *
 * Throws what `inspectFile` says of the backup, before anything was touched, and `state-disk-failed`.
 */
export async function restoreLedger(file: string, backup: string, now: Date): Promise<string> {
  inspectFile(backup);
  const aside = join(dirname(file), `ledger-aside-${stampOf(now)}`);
  const fresh = `${file}.restored`;
  try {
    await copyFile(backup, fresh);
    await chmod(fresh, modeOf(file));
    await syncPath(fresh);
    await mkdir(aside, { mode: 0o700 });
    // The database first: left alone, its log is refused at the next start, and the other way round not.
    for (const name of filesOf(file)) await moveInto(aside, name);
    await rename(fresh, file);
    await syncPath(dirname(file));
    return aside;
  } catch (error) {
    throw asStateDiskError(file, error);
  }
}

function modeOf(file: string): number {
  return (statSync(file, { throwIfNoEntry: false })?.mode ?? 0o600) & 0o777;
}

async function moveInto(directory: string, file: string): Promise<void> {
  try {
    await rename(file, join(directory, basename(file)));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
