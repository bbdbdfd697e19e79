import { sql, type Transaction } from 'kysely';
import { StationError } from '../errors.ts';
import type { Executor, Tables } from './tables.ts';

/**
 * Makes pieces of work atomic inside a transaction that is open already: each has a savepoint, to which
 * it is taken back when it fails, and they take turns, since a transaction has one line of savepoints.
 */
export class Savepoints {
  readonly #db: Transaction<Tables>;
  #last: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(db: Transaction<Tables>) {
    this.#db = db;
  }

  run<T>(work: (db: Executor) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#piece(work));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Waits for what has begun; whoever comes later would write into somebody else's transaction. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#last;
  }

  async #piece<T>(work: (db: Executor) => Promise<T>): Promise<T> {
    if (this.#ended) {
      const detail = 'the ledger of a transaction was used after its end';
      throw new StationError('internal-error', detail, { detail });
    }
    await sql`savepoint piece`.execute(this.#db);
    try {
      return await work(this.#db);
    } catch (error) {
      await sql`rollback to savepoint piece`.execute(this.#db);
      throw error;
    } finally {
      await sql`release savepoint piece`.execute(this.#db);
    }
  }
}
