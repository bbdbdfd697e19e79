import { access, constants, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { asStateDiskError, messageOf, StationError } from '../errors.ts';
import { syncPath } from '../sync-path.ts';

/** The lock's file inside the state directory; empty, and harmless to leave. */
const LOCK_FILE = 'station.lock';

/**
 * Takes the state directory for this process; a second station is refused with
 * `state-directory-in-use`. The lock is an exclusive SQLite transaction on an empty file, which is a
 * lock of the kernel's on this process: it ends with the process however that dies, so there is
 * nothing to clean by hand and no process id that another process could have inherited.
 */
export async function lockStateDirectory(directory: string): Promise<() => void> {
  const file = join(directory, LOCK_FILE);
  try {
    await makeStateDirectory(directory);
    // SQLite would open a file of a read-only file system all the same, and then say something else.
    await access(directory, constants.W_OK);
    return hold(new DatabaseSync(file, { timeout: 0 }), directory);
  } catch (cause) {
    const error = asStateDiskError(directory, cause);
    if (error instanceof StationError) throw error;
    const detail = messageOf(error);
    throw new StationError(
      'ledger-failed',
      `cannot lock ${file}: ${detail}`,
      { file, detail },
      error,
    );
  }
}

/** With its name forced to the disk, or a power cut could take away all that is forced below it. */
async function makeStateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await syncPath(dirname(resolve(directory)));
}

function hold(database: DatabaseSync, directory: string): () => void {
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    // A journal would be a file, and a full disk has no room for one.
    database.exec('PRAGMA journal_mode = MEMORY');
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    const words = `another station works in ${directory}`;
    throw new StationError('state-directory-in-use', words, { directory }, error);
  }
  return () => {
    if (database.isOpen) database.close();
  };
}

/** SQLITE_BUSY: the lock is someone else's. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5;
}
