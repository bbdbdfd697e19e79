import { backup, type DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { StationError } from '../errors.ts';
import { EventRows } from './event-rows.ts';
import { migrateToLatest } from './migrations.ts';
import { Purging } from './purging.ts';
import { CLOSED_BOX, type SecretBox } from './secret-box.ts';
import { SqlLedger } from './sql-ledger.ts';
import { NodeSqliteDialect, openDurable, purgeLog } from './sqlite-dialect.ts';
import { sqliteError } from './sqlite-errors.ts';
import { attempt, beginFile, inspectFile } from './sqlite-file.ts';
import type { Tables } from './tables.ts';
import { type SqlLedgerDependencies, type SqlLedgerOptions, Writer } from './writer.ts';

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
  /** As `SqlLedgerDependencies` has it. */
  readonly makeRoom?: () => boolean;
  /** Told of what the database ends a statement with while the ledger is open. */
  readonly onError?: (error: StationError) => void;
}

/** A `null` is not counted. */
const COUNT_FOREIGN = `SELECT count(*) AS count FROM (
    SELECT storage_credential AS sealed FROM jobs UNION ALL SELECT bit_locker_key FROM drives
  ) WHERE substr(sealed, 1, length($mark)) <> $mark`;

/** Pages that a backup copies before the station has its turn again: 1 MiB. */
const BACKUP_STEP_PAGES = 256;

/**
 * The ledger in one SQLite file. Whoever opens it holds the lock of the state directory
 * (`state-lock.ts`): the file bears readers beside the daemon, never a second daemon.
 */
export class SqliteLedger extends SqlLedger {
  readonly #database: DatabaseSync;
  readonly #place: string;
  readonly #secrets: SecretBox;
  readonly eventRows: EventRows;

  private constructor(
    options: SqlLedgerOptions,
    dependencies: SqlLedgerDependencies,
    database: DatabaseSync,
  ) {
    super(options, dependencies);
    this.#database = database;
    this.#place = options.place;
    this.#secrets = dependencies.secrets;
    this.eventRows = new EventRows(new Writer(options, dependencies));
  }

  /**
   * Opens the file and brings it up to date. Throws `ledger-newer` when a newer version of the station
   * wrote it (nothing is touched), `ledger-unreadable` when it is damaged or no ledger,
   * `state-disk-failed`, and `ledger-failed` when it cannot be opened.
   */
  static async open(options: SqliteLedgerOptions): Promise<SqliteLedger> {
    const { file, station, now, uuid, randomHex, secrets = CLOSED_BOX, makeRoom } = options;
    await beginFile(file, migrated);
    inspectFile(file);
    const { db, database } = await migrated(file, options.onError);
    // A killed daemon can leave a removed secret behind in the write-ahead log.
    await purgeLog(db);
    const purging = new Purging(() => purgeLog(db));
    const room = makeRoom === undefined ? {} : { makeRoom };
    return new SqliteLedger(
      { station, place: file },
      { db, now, uuid, randomHex, secrets, purging, ...room },
      database,
    );
  }

  /** How many secrets another key sealed than the one that this ledger was opened with. */
  foreignSecrets(): number {
    const { mark } = this.#secrets;
    return attempt(this.#place, () =>
      Number(this.#database.prepare(COUNT_FOREIGN).get({ mark })?.count),
    );
  }

  /**
   * Writes the ledger as it is at one moment into another file, while work goes on. The file is not
   * forced to the medium.
   */
  async backUp(file: string): Promise<void> {
    try {
      await backup(this.#database, file, { rate: BACKUP_STEP_PAGES });
    } catch (cause) {
      throw sqliteError(file, cause);
    }
  }
}

/** A database file with today's tables. */
async function migrated(file: string, onError?: (error: StationError) => void) {
  const database = attempt(file, () => openDurable(file));
  const told = onError === undefined ? {} : { onError };
  const db = new Kysely<Tables>({
    dialect: new NodeSqliteDialect(database, { place: file, ...told }),
  });
  try {
    await migrateToLatest(db);
    return { db, database };
  } catch (cause) {
    // Not by db.destroy(): it closes only what Kysely has used already.
    database.close();
    throw sqliteError(file, cause);
  }
}
