import { rm } from 'node:fs/promises';
import { StationError } from '../errors.ts';
import { EVENT_ARCHIVE_BYTES, EVENT_ARCHIVE_ENTRIES, EVENT_ARCHIVES_KEPT } from '../limits.ts';
import { CLOCK_ENTITY } from './entities.ts';
import { archivesIn, writeArchive } from './event-archive.ts';
import { follows, type Link } from './event-log.ts';
import { type EventRows, jobOfEvent } from './event-rows.ts';

export interface EventQuotaOptions {
  /** Where the archives lie. */
  readonly directory: string;
  /** Entries that the ledger keeps, the newest ones; so many more at most for jobs that it still has. */
  readonly keptEntries: number;
  /** Entries that leave at once, into one archive. */
  readonly archiveEntries?: number;
  /** Of their data, in bytes of text: fewer entries leave at once when these are more. */
  readonly archiveBytes?: number;
  readonly archivesKept?: number;
}

const DEFAULTS = {
  archiveEntries: EVENT_ARCHIVE_ENTRIES,
  archiveBytes: EVENT_ARCHIVE_BYTES,
  archivesKept: EVENT_ARCHIVES_KEPT,
};

type Rows = Pick<EventRows, 'station' | 'ends' | 'after' | 'jobsAmong' | 'leave'>;

/** What the station asks the log itself for. */
const CARRIED = [CLOCK_ENTITY] as const;

/**
 * Keeps the event log within its quota. The oldest entries leave together, as many as one archive holds,
 * and only when they are on the medium there; what a kill leaves half done is done again, into the same
 * archive. Entries about a job that the ledger still has keep all behind them back, until there are twice
 * as many entries as are to be kept: a job that never ends must not fill the disk.
 */
export class EventQuota {
  readonly #options: Required<EventQuotaOptions>;
  readonly #rows: Rows;

  constructor(options: EventQuotaOptions, { rows }: { readonly rows: Rows }) {
    this.#options = { ...DEFAULTS, ...options };
    this.#rows = rows;
  }

  /**
   * Lets go of what is too much, one archive after the other; answers the new ones. Throws
   * `state-disk-failed`, `ledger-failed`, and `ledger-unreadable` for a broken chain, of which nothing
   * leaves.
   */
  async keep(signal: AbortSignal): Promise<string[]> {
    const written: string[] = [];
    while (!signal.aborted) {
      const file = await this.#archiveOne();
      if (file === undefined) break;
      written.push(file);
    }
    await this.#prune();
    return written;
  }

  async #archiveOne(): Promise<string | undefined> {
    const { directory, keptEntries, archiveEntries } = this.#options;
    const { anchor, head } = await this.#rows.ends();
    const count = head.sequence - anchor.sequence;
    if (count < keptEntries + archiveEntries) return undefined;
    const last = await this.#lastToLeave(anchor, { forced: count > 2 * keptEntries });
    if (last === undefined) return undefined;
    const entries = this.#rows.after(anchor.sequence, last.sequence - anchor.sequence);
    const { station } = this.#rows;
    const file = await writeArchive(directory, { station, after: anchor, last, entries });
    await this.#rows.leave(last, CARRIED);
    return file;
  }

  /** The last entry of the next archive; nothing when a job that is still there has one of them. */
  async #lastToLeave(
    anchor: Link,
    { forced }: { readonly forced: boolean },
  ): Promise<Link | undefined> {
    const { archiveEntries, archiveBytes } = this.#options;
    const jobs = new Set<string>();
    let last = anchor;
    let bytes = 0;
    for await (const event of this.#rows.after(anchor.sequence, archiveEntries)) {
      if (!follows(last, event)) throw brokenAt(last.sequence + 1);
      const job = jobOfEvent(event);
      if (job !== undefined) jobs.add(job);
      last = { sequence: event.sequence, hash: event.hash };
      bytes += JSON.stringify(event.data).length;
      if (bytes >= archiveBytes) break;
    }
    if (forced) return last;
    return (await this.#rows.jobsAmong([...jobs])).size === 0 ? last : undefined;
  }

  async #prune(): Promise<void> {
    const { directory, archivesKept } = this.#options;
    const files = await archivesIn(directory);
    for (const file of files.slice(0, Math.max(0, files.length - archivesKept))) {
      await rm(file, { force: true });
    }
  }
}

function brokenAt(sequence: number): StationError {
  const file = `entry ${sequence} of the event log`;
  return new StationError('ledger-unreadable', `${file} breaks the chain of hashes`, { file });
}
