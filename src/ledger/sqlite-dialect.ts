import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Kysely,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
  sql,
} from 'kysely';
import { StationError } from '../errors.ts';
import { sqliteError } from './sqlite-errors.ts';

/** Statements kept prepared; the ledger has about fifty, so this is never reached in normal work. */
const MAX_CACHED_STATEMENTS = 256;
/** How long a statement waits for another process (a backup, a person with a shell). */
const BUSY_TIMEOUT_MS = 5000;

/** Opens the file for durable work: WAL, every commit synced, foreign keys enforced. */
export function openDurable(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    database.exec('PRAGMA foreign_keys = ON');
    // What is deleted is overwritten: a job takes its sealed keys with it.
    database.exec('PRAGMA secure_delete = ON');
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/**
 * Empties the write-ahead log into the database. The database overwrites what is deleted; the log has
 * the pages as they were before, until it is cut. Does not wait for another process that reads: false
 * when one is in the way, and the log stays as it is.
 */
export async function purgeLog<Tables>(db: Kysely<Tables>): Promise<boolean> {
  try {
    return await db.connection().execute(cutLog);
  } catch {
    // What is removed is removed all the same; a database in trouble shows at the next statement.
    return false;
  }
}

async function cutLog<Tables>(connection: Kysely<Tables>): Promise<boolean> {
  const waitFor = (milliseconds: number) =>
    sql.raw(`PRAGMA busy_timeout = ${milliseconds}`).execute(connection);
  // The driver is synchronous: waiting for a reader would hold up the whole daemon.
  await waitFor(0);
  try {
    const answer = await sql<{ busy: number }>`PRAGMA wal_checkpoint(TRUNCATE)`.execute(connection);
    return answer.rows[0]?.busy === 0;
  } finally {
    await waitFor(BUSY_TIMEOUT_MS);
  }
}

export interface DialectOptions {
  /** What errors call the database. */
  readonly place: string;
  /** Told of each error that a statement ends with. */
  readonly onError?: (error: StationError) => void;
}

/**
 * SQLite for Kysely on `node:sqlite`. Three deviations from Kysely's own dialect: migrations run inside
 * a transaction (SQLite can roll back DDL); a transaction takes the write lock when it begins, because
 * a read that is upgraded later can be refused at once, whatever the busy timeout says; and one that
 * SQLite took back by itself, which it does when the disk is full, has ended for everybody.
 */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #database: SqliteDatabase;
  readonly #transaction: WatchedTransaction;

  constructor(database: DatabaseSync, options: DialectOptions) {
    const transaction = new WatchedTransaction(database);
    const shaped = betterSqliteShape(database, transaction, options);
    super({ database: shaped });
    this.#database = shaped;
    this.#transaction = transaction;
  }

  override createDriver(): SqliteDriver {
    return new ImmediateDriver(this.#database, this.#transaction);
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalDdlAdapter();
  }
}

class ImmediateDriver extends SqliteDriver {
  readonly #transaction: WatchedTransaction;

  constructor(database: SqliteDatabase, transaction: WatchedTransaction) {
    super({ database });
    this.#transaction = transaction;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
    this.#transaction.begun();
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await super.commitTransaction(connection);
    this.#transaction.ended();
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // Asked for once more, a rollback would fail and hide why it came to that.
    if (this.#transaction.ended()) await super.rollbackTransaction(connection);
  }
}

/** Whether the transaction that was begun is still open in the database. */
class WatchedTransaction {
  readonly #database: DatabaseSync;
  #isBegun = false;
  #lostBy: StationError | undefined;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  begun(): void {
    this.#isBegun = true;
    this.#lostBy = undefined;
  }

  failed(error: StationError): void {
    if (this.#isBegun && !this.#database.isTransaction) this.#lostBy ??= error;
  }

  /** Answers whether the database still has it open. */
  ended(): boolean {
    this.#isBegun = false;
    return this.#database.isTransaction;
  }

  /** A change that came after the loss would be durable alone, without those before it. */
  check(): void {
    if (this.#isBegun && this.#lostBy !== undefined) throw this.#lostBy;
  }
}

class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** The shape of better-sqlite3 that Kysely talks to, with prepared statements kept by their text. */
function betterSqliteShape(
  database: DatabaseSync,
  transaction: WatchedTransaction,
  { place, onError = () => undefined }: DialectOptions,
): SqliteDatabase {
  const cache = new Map<string, SqliteStatement>();
  const guarded = <T>(work: () => T): T => {
    transaction.check();
    try {
      return work();
    } catch (cause) {
      const error = sqliteError(place, cause);
      transaction.failed(error);
      onError(error);
      throw error;
    }
  };
  return {
    close: () => {
      cache.clear();
      database.close();
    },
    prepare: (sql) => {
      const known = cache.get(sql);
      if (known !== undefined) return known;
      if (cache.size >= MAX_CACHED_STATEMENTS) cache.clear();
      const statement = shapedStatement(
        guarded(() => database.prepare(sql)),
        guarded,
      );
      cache.set(sql, statement);
      return statement;
    },
  };
}

type Guarded = <T>(work: () => T) => T;

function shapedStatement(statement: StatementSync, guarded: Guarded): SqliteStatement {
  const all = (parameters: readonly unknown[]) => {
    const bound = parameters.map(bindable);
    return guarded(() => statement.all(...bound));
  };
  return {
    reader: statement.columns().length > 0,
    all,
    run: (parameters) => {
      const bound = parameters.map(bindable);
      return guarded(() => statement.run(...bound));
    },
    // Not lazily: a cached statement that is still being walked would be reset by its next use.
    iterate: (parameters) => all(parameters).values(),
  };
}

function bindable(value: unknown): SQLInputValue {
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value;
  if (typeof value === 'number' || value instanceof Uint8Array) return value;
  const detail = `a value of type ${typeof value} cannot be stored`;
  throw new StationError('internal-error', detail, { detail });
}
