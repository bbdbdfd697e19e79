import { messageOf, StationError, stateDiskFailed } from '../errors.ts';

/** Result codes of SQLite (https://sqlite.org/rescode.html). */
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;
/** Extended ones: the index of the write-ahead log could not grow. */
const SQLITE_IOERR_SHMSIZE = 4874;

/** What the database threw, with the code that says what to do about it. */
export function sqliteError(file: string, cause: unknown): StationError {
  if (cause instanceof StationError) return cause;
  const detail = messageOf(cause);
  switch (extendedCode(cause) === SQLITE_IOERR_SHMSIZE ? SQLITE_FULL : sqliteCode(cause)) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new StationError(
        'ledger-unreadable',
        `${file} is damaged: ${detail}`,
        { file },
        cause,
      );
    case SQLITE_FULL:
      return stateDiskFailed(file, 'full', cause);
    case SQLITE_READONLY:
      return stateDiskFailed(file, 'read-only', cause);
    case SQLITE_IOERR:
      return stateDiskFailed(file, 'failing', cause);
    default: {
      const words = `the ledger ${file} failed: ${detail}`;
      return new StationError('ledger-failed', words, { file, detail }, cause);
    }
  }
}

/** The primary result code; the extended ones carry it in their low byte. */
function sqliteCode(error: unknown): number | undefined {
  const code = extendedCode(error);
  return code === undefined ? undefined : code & 0xff;
}

function extendedCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}
