import { lookFor } from '../../blobs/clear-name.ts';
import type { FileItem, FileTotals } from '../../domain/file-item.ts';
import { FILES_IN_FLIGHT } from '../../limits.ts';
import type { Containers } from './containers.ts';
import { eachInFlight } from './in-flight.ts';
import type { FilesJournal } from './journal.ts';
import { hasBlob, nameAt, type Outcome } from './outcome.ts';
import { type FileSource, sameItems } from './source.ts';

export interface StoredParts {
  readonly source: FileSource;
  readonly totals: FileTotals;
  readonly journal: Pick<FilesJournal, 'outcomeOf'>;
  readonly containers: Containers;
}

/** So many items of a container: those in flight together may have ended in any order. */
const FIRST_ITEMS = FILES_IN_FLIGHT;

/**
 * Whether the store still has what was stored and read back. A container can be deleted in mid-copy, and
 * be there again before anybody notices: what had ended before is gone then, and the journal does not know.
 * The first blobs of each container show that, of those that earlier attempts wrote and of those that this
 * one did; only when one of them is gone all of it is asked for.
 */
export class StillStored {
  readonly #before: FirstItems = new Map();
  readonly #now: FirstItems = new Map();
  #seen = -1;

  /** Notes on their way those that an earlier attempt ended with a blob. */
  async *noting(
    items: AsyncIterable<FileItem>,
    journal: StoredParts['journal'],
  ): AsyncGenerator<FileItem> {
    for await (const item of items) {
      if (item.index > this.#seen) {
        this.#seen = item.index;
        const outcome = isWanted(this.#before, item) ? await journal.outcomeOf(item) : undefined;
        if (outcome !== undefined) note(this.#before, item, outcome);
      }
      yield item;
    }
  }

  /** Notes how this attempt ended one. */
  ended(item: FileItem, outcome: Outcome): void {
    note(this.#now, item, outcome);
  }

  /** A mark for each item that has ended and whose blob is gone, by its index; `undefined`: none is. */
  async lost(parts: StoredParts, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const deleted = new Set<string>();
    const ask = async (item: FileItem, live: AbortSignal) => {
      if (await isGone(item, parts, live)) deleted.add(item.container);
    };
    const max = FILES_IN_FLIGHT;
    await eachInFlight(this.#all(), { max, work: ask }, signal);
    if (deleted.size === 0) return undefined;
    const lost = new Uint8Array(parts.totals.files);
    const look = async (item: FileItem, live: AbortSignal) => {
      const isLost = deleted.has(item.container) && (await isGone(item, parts, live));
      if (isLost) lost[item.index] = 1;
    };
    const { source, totals } = parts;
    await eachInFlight(sameItems(source, totals, signal), { max, work: look }, signal);
    return lost;
  }

  async *#all(): AsyncGenerator<FileItem> {
    for (const first of [this.#before, this.#now]) {
      for (const items of first.values()) yield* items;
    }
  }
}

/** By container. */
type FirstItems = Map<string, FileItem[]>;

function isWanted(first: FirstItems, { container }: FileItem): boolean {
  return (first.get(container)?.length ?? 0) < FIRST_ITEMS;
}

function note(first: FirstItems, item: FileItem, outcome: Outcome): void {
  if (!hasBlob(outcome) || !isWanted(first, item)) return;
  const items = first.get(item.container) ?? [];
  first.set(item.container, items);
  // The ranges of a file may take megabytes.
  items.push({ ...item, ranges: [] });
}

async function isGone(
  item: FileItem,
  { journal, containers }: StoredParts,
  signal: AbortSignal,
): Promise<boolean> {
  const outcome = await journal.outcomeOf(item);
  if (outcome === undefined || !hasBlob(outcome)) return false;
  const container = await containers.get(item.container, signal);
  const name = nameAt(item, outcome.attempt ?? 1);
  return (await lookFor(container, name, signal)) === undefined;
}
