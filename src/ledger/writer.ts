import { ZodError } from 'zod';
import { isStationError, messageOf, StationError } from '../errors.ts';
import type { Actor } from './contract.ts';
import { appendEvent, type NewEvent } from './event-log.ts';
import type { ChangeContext, Settled } from './job-changes.ts';
import type { OpenTransaction } from './open-transaction.ts';
import type { Purging } from './purging.ts';
import type { SecretBox } from './secret-box.ts';
import type { Database, Executor } from './tables.ts';

export interface SqlLedgerOptions {
  /** The station that writes; every row and event names it. */
  readonly station: string;
  /** What errors call the database: its file or its address without any credential. */
  readonly place: string;
}

export interface SqlLedgerDependencies {
  readonly db: Database;
  readonly now: () => Date;
  readonly uuid: () => string;
  readonly randomHex: (bytes: number) => string;
  /** Seals and opens what nobody may read in a copy of the database. */
  readonly secrets: SecretBox;
  readonly purging: Purging;
  /** Gives up space that was kept for the last changes on a full disk; false when there is none. */
  readonly makeRoom?: () => boolean;
  /** The transaction that `db` is, where it is one. */
  readonly open?: OpenTransaction;
}

/** What the parts of the ledger write through: one transaction, its events and its errors. */
export class Writer {
  readonly #options: SqlLedgerOptions;
  readonly #deps: SqlLedgerDependencies;

  constructor(options: SqlLedgerOptions, dependencies: SqlLedgerDependencies) {
    this.#options = options;
    this.#deps = dependencies;
  }

  get db(): Database {
    return this.#deps.db;
  }

  get station(): string {
    return this.#options.station;
  }

  now(): Date {
    return this.#deps.now();
  }

  uuid(): string {
    return this.#deps.uuid();
  }

  /** Logs that a transition was asked for and refused; thrown once that is durable. */
  async refuse(
    db: Executor,
    attempt: { entity: string; event: string; from: unknown; actor: Actor },
    reason: string,
  ): Promise<Settled<never>> {
    const { entity, event, from, actor } = attempt;
    await this.append(db, { entity, type: `${event}-refused`, data: { from, reason }, actor });
    const payload = { entity, event, reason };
    return { refused: new StationError('transition-refused', `${entity}: ${reason}`, payload) };
  }

  changeBy(db: Executor, actor: Actor): ChangeContext {
    const { now, secrets, uuid } = this.#deps;
    const { station } = this.#options;
    const append = (event: NewEvent) => this.append(db, event);
    return { station, secrets, actor, at: now(), uuid, append };
  }

  async append(db: Executor, event: NewEvent): Promise<void> {
    await appendEvent(db, event, { station: this.#options.station, at: this.#deps.now() });
    this.#deps.open?.appended(event);
  }

  /** As `write`, for work that can also end in a refusal which is kept and then thrown. */
  async settle<T>(work: (db: Executor) => Promise<Settled<T>>): Promise<T> {
    const settled = await this.write(async (db) => {
      const outcome = await work(db);
      if ('refused' in outcome) this.#deps.open?.refused();
      return outcome;
    });
    if ('refused' in settled) throw settled.refused;
    return settled.done;
  }

  /** As `settle`, for work that may take secrets out of the rows. */
  async settleRemoving<T>(work: (db: Executor) => Promise<Settled<T>>): Promise<T> {
    return await this.settle(async (db) => {
      this.#deps.purging.note();
      return await work(db);
    });
  }

  /** Runs the work in one transaction, or as one change of the open one: all of it, or nothing. */
  async write<T>(work: (db: Executor) => Promise<T>): Promise<T> {
    const { db, open, purging } = this.#deps;
    if (open !== undefined) return await this.guard(() => open.change(work));
    const change = () => db.transaction().execute(work);
    const done = await this.guard(() =>
      change().catch((error) => this.#againWithRoom(error, change)),
    );
    await purging.catchUp();
    return done;
  }

  /** A transaction that the full disk took back has changed nothing and can be made anew. */
  async #againWithRoom<T>(error: unknown, change: () => Promise<T>): Promise<T> {
    const isFull = isStationError(error, 'state-disk-failed') && error.payload.problem === 'full';
    if (!isFull || this.#deps.makeRoom?.() !== true) throw error;
    return await change();
  }

  /** Gives what the database or a schema threw the code that says what to do about it. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StationError) throw error;
      const { place: file } = this.#options;
      const detail = messageOf(error);
      if (error instanceof ZodError || error instanceof SyntaxError) {
        const words = `${file} holds something that is not a ledger's: ${detail}`;
        throw new StationError('ledger-unreadable', words, { file }, error);
      }
      const words = `the ledger ${file} failed: ${detail}`;
      throw new StationError('ledger-failed', words, { file, detail }, error);
    }
  }
}
