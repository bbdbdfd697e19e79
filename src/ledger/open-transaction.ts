import { sql, type Transaction } from 'kysely';
import { StationError } from '../errors.ts';
import type { NewEvent } from './event-log.ts';
import type { Executor, Tables } from './tables.ts';

/**
 * Work inside a transaction that is open already. The whole of it has a savepoint, and each change in
 * it too, to which it is taken back when it fails; changes take turns, since a transaction has one line
 * of savepoints. What the ledger logged of refusals is remembered, so that it can be written down also
 * when everything else is taken back.
 */
export class OpenTransaction {
  readonly #db: Transaction<Tables>;
  readonly #refusals: NewEvent[] = [];
  /** By the change that is being made. */
  #appended: NewEvent[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(db: Transaction<Tables>) {
    this.#db = db;
  }

  /** The entries of refused changes, in their order. */
  get refusals(): readonly NewEvent[] {
    return this.#refusals;
  }

  /** Runs all of the work; afterwards no change is taken any more. */
  async whole<T>(work: () => Promise<T>): Promise<T> {
    return await this.#withSavepoint('whole', async () => {
      try {
        return await work();
      } finally {
        this.#ended = true;
        await this.#last;
      }
    });
  }

  /** Makes one change, when those before it have ended. */
  change<T>(work: (db: Executor) => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      this.#refuseLate();
      this.#appended = [];
      return await this.#withSavepoint('change', () => work(this.#db));
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  appended(event: NewEvent): void {
    this.#appended.push(event);
  }

  /** The change that is being made is a refusal. */
  refused(): void {
    this.#refusals.push(...this.#appended);
  }

  /** Whoever comes after the end would write into somebody else's transaction. */
  #refuseLate(): void {
    if (!this.#ended) return;
    const detail = 'the ledger of a transaction was used after its end';
    throw new StationError('internal-error', detail, { detail });
  }

  async #withSavepoint<T>(name: 'whole' | 'change', work: () => Promise<T>): Promise<T> {
    const savepoint = sql.raw(name);
    await sql`savepoint ${savepoint}`.execute(this.#db);
    try {
      return await work();
    } catch (error) {
      await sql`rollback to savepoint ${savepoint}`.execute(this.#db);
      throw error;
    } finally {
      await sql`release savepoint ${savepoint}`.execute(this.#db);
    }
  }
}
