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

/**
 * SQLite for Kysely on `node:sqlite`. Two deviations from Kysely's own dialect: migrations run inside
 * a transaction (SQLite can roll back DDL), and a transaction takes the write lock when it begins,
 * because a read that is upgraded later can be refused at once, whatever the busy timeout says.
 */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #database: SqliteDatabase;

  constructor(database: DatabaseSync) {
    const shaped = betterSqliteShape(database);
    super({ database: shaped });
    this.#database = shaped;
  }

  override createDriver(): SqliteDriver {
    return new ImmediateDriver({ database: this.#database });
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalDdlAdapter();
  }
}

class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
}

class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** The shape of better-sqlite3 that Kysely talks to, with prepared statements kept by their text. */
function betterSqliteShape(database: DatabaseSync): SqliteDatabase {
  const cache = new Map<string, SqliteStatement>();
  return {
    close: () => {
      cache.clear();
      database.close();
    },
    prepare: (sql) => {
      const known = cache.get(sql);
      if (known !== undefined) return known;
      if (cache.size >= MAX_CACHED_STATEMENTS) cache.clear();
      const statement = shapedStatement(database.prepare(sql));
      cache.set(sql, statement);
      return statement;
    },
  };
}

function shapedStatement(statement: StatementSync): SqliteStatement {
  const all = (parameters: readonly unknown[]) => statement.all(...parameters.map(bindable));
  return {
    reader: statement.columns().length > 0,
    all,
    run: (parameters) => statement.run(...parameters.map(bindable)),
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
