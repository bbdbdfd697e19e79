import { z } from 'zod';
import type { LedgerEvent } from './contract.ts';
import {
  anchorOf,
  headOf,
  type Link,
  lastEvent,
  readEvents,
  removeEventsUpTo,
} from './event-log.ts';
import type { Writer } from './writer.ts';

/** Job ids that are asked for in one statement; SQLite takes 32,766 values. */
const IDS_AT_ONCE = 1000;

/** The rows of the event log, for whoever keeps them within their quota. */
export class EventRows {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  get station(): string {
    return this.#writer.station;
  }

  /** The last entry that left, and the newest one. */
  async ends(): Promise<{ readonly anchor: Link; readonly head: Link }> {
    const { db } = this.#writer;
    return await this.#writer.guard(async () => ({
      anchor: await anchorOf(db),
      head: await headOf(db),
    }));
  }

  after(sequence: number, limit: number): AsyncIterable<LedgerEvent> {
    return readEvents(this.#writer.db, sequence, limit);
  }

  /** Which of these jobs the ledger still has. */
  async jobsAmong(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
      const some = ids.slice(at, at + IDS_AT_ONCE);
      const query = this.#writer.db.selectFrom('jobs').select('id').where('id', 'in', some);
      for (const { id } of await this.#writer.guard(() => query.execute())) found.add(id);
    }
    return found;
  }

  /**
   * Takes out everything up to an entry, in one transaction with the anchor. What the station itself asks
   * the log for, the newest entry of some entities, is written anew when it would leave.
   */
  async leave(last: Link, carried: readonly string[]): Promise<void> {
    await this.#writer.write(async (db) => {
      for (const name of carried) {
        const newest = await lastEvent(db, name);
        if (newest === undefined || newest.sequence > last.sequence) continue;
        const { entity, type, data, actor } = newest;
        await this.#writer.append(db, { entity, type, data, actor });
      }
      await removeEventsUpTo(db, last, this.#writer.station);
    });
  }
}

const ofJob = z.object({ jobId: z.string() });

/** The job that an entry is about; `undefined` for one that is about none. */
export function jobOfEvent({ entity, data }: LedgerEvent): string | undefined {
  const [kind, id] = entity.split('/');
  if (kind === 'job' || kind === 'drive') return id;
  return ofJob.safeParse(data).data?.jobId;
}
