import { once } from 'node:events';
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { asStateDiskError, errnoOf, messageOf, StationError } from '../errors.ts';
import { syncPath } from '../sync-path.ts';

/** The lock's file inside the state directory; empty, and harmless to leave. */
const LOCK_FILE = 'station.lock';

/** What the file system says of a path that is no directory, or not ours. */
const UNUSABLE: ReadonlySet<string> = new Set([
  ...['EACCES', 'EPERM', 'EEXIST', 'ENOTDIR', 'ENOENT', 'ELOOP', 'ENAMETOOLONG'],
]);

/**
 * Takes the state directory for this process; a second station is refused with
 * `state-directory-in-use`, and a path that cannot be one with `state-directory-unusable`. Both locks are the kernel's on this process: they end with it however it
 * dies, so there is nothing to clean by hand and no process id that another process could have
 * inherited. The one on a file holds wherever the directory is mounted, also in a container; the one
 * on a name holds when somebody has deleted that file.
 */
export async function lockStateDirectory(directory: string): Promise<() => void> {
  const file = join(directory, LOCK_FILE);
  try {
    await makeStateDirectory(directory);
    // SQLite would open a file of a read-only file system all the same, and then say something else.
    await access(directory, constants.W_OK);
    const releaseFile = holdFile(new DatabaseSync(file, { timeout: 0 }), directory);
    const releaseName = await holdName(directory).catch((error) => {
      releaseFile();
      throw error;
    });
    return () => {
      releaseName();
      releaseFile();
    };
  } catch (cause) {
    const error = asStateDiskError(directory, cause);
    if (error instanceof StationError) throw error;
    const detail = messageOf(error);
    if (UNUSABLE.has(errnoOf(error) ?? '')) {
      const words = `${directory} cannot be the state directory: ${detail}`;
      throw new StationError('state-directory-unusable', words, { directory, detail }, error);
    }
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

/** An exclusive SQLite transaction on an empty file. */
function holdFile(database: DatabaseSync, directory: string): () => void {
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    // A journal would be a file, and a full disk has no room for one.
    database.exec('PRAGMA journal_mode = MEMORY');
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    throw inUse(directory, error);
  }
  return () => {
    if (database.isOpen) database.close();
  };
}

/** An abstract Unix socket, which no file stands for. Named after the inode, so by any path it is one. */
async function holdName(directory: string): Promise<() => void> {
  const { dev, ino } = await stat(directory, { bigint: true });
  const socket = createServer((connection) => connection.destroy());
  try {
    await once(socket.listen(`\0drive-station/state/${dev}/${ino}`), 'listening');
  } catch (error) {
    if (errnoOf(error) !== 'EADDRINUSE') throw error;
    throw inUse(directory, error);
  }
  socket.unref();
  return () => socket.close();
}

function inUse(directory: string, cause: unknown): StationError {
  const words = `another station works in ${directory}`;
  return new StationError('state-directory-in-use', words, { directory }, cause);
}

/** SQLITE_BUSY: the lock is someone else's. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5;
}
