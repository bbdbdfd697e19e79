import { lookFor } from '../../blobs/clear-name.ts';
import type { FileItem, FileTotals } from '../../domain/file-item.ts';
import { FILES_IN_FLIGHT } from '../../limits.ts';
import type { Containers } from './containers.ts';
import { eachInFlight } from './in-flight.ts';
import type { FilesJournal } from './journal.ts';
import { hasBlob, nameAt } from './outcome.ts';
import { type FileSource, sameItems } from './source.ts';

export interface StoredParts {
  readonly source: FileSource;
  readonly totals: FileTotals;
  readonly journal: Pick<FilesJournal, 'outcomeOf'>;
  readonly containers: Containers;
}

/** So many first items of a container: those in flight together may have ended in any order. */
const FIRST_ITEMS = FILES_IN_FLIGHT;

/**
 * Whether the store still has what was stored and read back. A container can be deleted in mid-copy, and
 * be there again before anybody notices: what had ended before is gone then, and the journal does not know.
 * The first items of each container show that; only when one of them is gone all of it is asked for.
 */
export class StillStored {
  readonly #first = new Map<string, FileItem[]>();
  #noted = -1;

  /** Notes the first items of each container on their way. */
  async *noting(items: AsyncIterable<FileItem>): AsyncGenerator<FileItem> {
    for await (const item of items) {
      if (item.index > this.#noted) this.#note(item);
      yield item;
    }
  }

  #note(item: FileItem): void {
    this.#noted = item.index;
    const first = this.#first.get(item.container) ?? [];
    this.#first.set(item.container, first);
    // The ranges of a file may take megabytes.
    if (first.length < FIRST_ITEMS) first.push({ ...item, ranges: [] });
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
    for (const first of this.#first.values()) yield* first;
  }
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
