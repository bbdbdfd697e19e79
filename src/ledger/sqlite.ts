import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { messageOf, StationError } from '../errors.ts';
import { MIGRATION_TABLE, MIGRATIONS, migrateToLatest } from './migrations.ts';
import { Purging } from './purging.ts';
import { CLOSED_BOX, type SecretBox } from './secret-box.ts';
import { SqlLedger } from './sql-ledger.ts';
import { NodeSqliteDialect, openDurable, purgeLog } from './sqlite-dialect.ts';
import type { Tables } from './tables.ts';

export interface SqliteLedgerOptions {
  /** The database file; made when it is missing. */
  readonly file: string;
  /** The station's name, kept with every row. */
  readonly station: string;
  readonly now: () => Date;
  readonly uuid: () => string;
  /** That many random bytes in lower-case hex. */
  readonly randomHex: (bytes: number) => string;
  /** Without it, secrets of jobs can be neither kept nor read. */
  readonly secrets?: SecretBox;
}

/**
 * The ledger in one SQLite file. Whoever opens it holds the lock of the state directory
 * (`state-lock.ts`): the file bears readers beside the daemon, never a second daemon.
 */
export class SqliteLedger extends SqlLedger {
  /**
   * Opens the file and brings it up to date. Throws `ledger-newer` when a newer version of the station
   * wrote it (nothing is touched), `ledger-unreadable` when it is damaged or no ledger, and
   * `ledger-failed` when it cannot be opened.
   */
  static async open(options: SqliteLedgerOptions): Promise<SqliteLedger> {
    const { file, station, now, uuid, randomHex, secrets = CLOSED_BOX } = options;
    inspect(file);
    const database = attempt(file, () => openDurable(file));
    const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect(database) });
    try {
      await migrateToLatest(db);
    } catch (cause) {
      // Not by db.destroy(): it closes only what Kysely has used already.
      database.close();
      throw ledgerError(file, cause);
    }
    // A killed daemon can leave a removed secret behind in the write-ahead log.
    await purgeLog(db);
    const purging = new Purging(() => purgeLog(db));
    return new SqliteLedger(
      { station, place: file },
      { db, now, uuid, randomHex, secrets, purging },
    );
  }
}

/** Looks at the file through a connection that cannot write, before anything could change it. */
function inspect(file: string): void {
  try {
    look(file);
  } catch (error) {
    if (sqliteCode(error) !== SQLITE_READONLY) throw ledgerError(file, error);
    attempt(file, () => {
      takeBackHalfAChange(file);
      look(file);
    });
  }
}

function look(file: string): void {
  const database = openForInspection(file);
  try {
    if (database !== undefined) checkContent(database, file);
  } finally {
    database?.close();
  }
}

/**
 * Before the very first change has turned the write-ahead log on, SQLite keeps a rollback journal. After
 * a kill in that moment only a connection that can write may read the file: it rolls back first.
 */
function takeBackHalfAChange(file: string): void {
  const database = new DatabaseSync(file);
  try {
    database.prepare('SELECT count(*) FROM sqlite_master').all();
  } finally {
    database.close();
  }
}

/** `undefined` when there is no file yet. */
function openForInspection(file: string): DatabaseSync | undefined {
  try {
    return new DatabaseSync(file, { readOnly: true });
  } catch (error) {
    if (sqliteCode(error) === SQLITE_CANTOPEN) return undefined;
    throw error;
  }
}

function checkContent(database: DatabaseSync, file: string): void {
  const [answer] = database.prepare('PRAGMA quick_check(1)').all();
  if (answer?.quick_check !== 'ok') {
    const words = `${file} is damaged: ${String(answer?.quick_check)}`;
    throw new StationError('ledger-unreadable', words, { file });
  }
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  if (tables.length === 0) return;
  if (!tables.some((table) => table.name === MIGRATION_TABLE)) {
    throw new StationError('ledger-unreadable', `${file} is no ledger`, { file });
  }
  const versions = database.prepare(`SELECT name FROM ${MIGRATION_TABLE} ORDER BY name`).all();
  const unknown = versions
    .map((row) => String(row.name))
    .find((name) => !Object.hasOwn(MIGRATIONS, name));
  if (unknown === undefined) return;
  const words = `${file} was written by a newer version of the station (it has ${unknown})`;
  throw new StationError('ledger-newer', words, { file, found: unknown });
}

function attempt<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw ledgerError(file, cause);
  }
}

/** Result codes of SQLite (https://sqlite.org/rescode.html). */
/** A rollback is due, and the connection may not write. */
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

function ledgerError(file: string, cause: unknown): StationError {
  if (cause instanceof StationError) return cause;
  const detail = messageOf(cause);
  const code = sqliteCode(cause);
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) {
    return new StationError('ledger-unreadable', `${file}: ${detail}`, { file }, cause);
  }
  const words = `the ledger ${file} failed: ${detail}`;
  return new StationError('ledger-failed', words, { file, detail }, cause);
}

/** The primary result code; the extended ones carry it in their low byte. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}
