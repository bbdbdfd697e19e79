import type { Actor } from './contract.ts';
import type { NewEvent } from './event-log.ts';
import type { ChangeContext, Settled } from './job-changes.ts';
import type { Database, Executor } from './tables.ts';

/** What the parts of the ledger write through: one transaction, its events and its errors. */
export interface Writer {
  readonly db: Database;
  readonly station: string;
  now(): Date;
  uuid(): string;
  /** All of the work is durable, or nothing happened. */
  write<T>(work: (db: Executor) => Promise<T>): Promise<T>;
  /** As `write`, for work that can end in a refusal which is kept and then thrown. */
  settle<T>(work: (db: Executor) => Promise<Settled<T>>): Promise<T>;
  /** Gives what the database threw its code. */
  guard<T>(work: () => Promise<T>): Promise<T>;
  append(db: Executor, event: NewEvent): Promise<void>;
  changeBy(db: Executor, actor: Actor): ChangeContext;
}
