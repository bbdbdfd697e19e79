import { lookFor } from '../../blobs/clear-name.ts';
import type { BlobContainer } from '../../blobs/contract.ts';
import type { FileItem } from '../../domain/file-item.ts';
import { isStationError } from '../../errors.ts';
import type { FilesContext } from './context.ts';
import type { Intent } from './journal.ts';
import { nameAt } from './outcome.ts';

/** Times that somebody else may change the blob between a look at it and ours. */
const TRIES_MAX = 3;

/**
 * Takes our mark off the page blob of a file that has ended: a customer finds nothing of ours on it. Only
 * once the end is in the journal, because without the mark nothing proves whose blob it is; a death before
 * or in it leaves something to do for the next attempt and nothing to guess.
 */
export async function unmark(
  item: FileItem,
  { journal, containers }: FilesContext,
  signal: AbortSignal,
): Promise<void> {
  const marked = journal.marked(item);
  if (marked === undefined) return;
  const container = await containers.get(item.container, signal);
  const etag = await withoutMark(container, { item, marked }, signal);
  await journal.unmarked(item, marked, etag);
}

/** Gives the etag of the blob since then; nothing when it is not, or no more, ours to change. */
async function withoutMark(
  container: BlobContainer,
  { item, marked }: { readonly item: FileItem; readonly marked: Intent },
  signal: AbortSignal,
): Promise<string | undefined> {
  const name = nameAt(item, marked.attempt);
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const found = await lookFor(container, name, signal);
    if (found === undefined || found.sequenceNumber !== marked.mark) return undefined;
    try {
      return (await container.resetSequence({ name, etag: found.etag, was: found }, signal)).etag;
    } catch (error) {
      if (!isOfBlob(error)) throw error;
    }
  }
  return undefined;
}

/** The file has ended: what its blob alone is refused for changes nothing about that. */
function isOfBlob(error: unknown): boolean {
  return isStationError(
    error,
    'blob-changed',
    'blob-not-found',
    'blob-of-other-type',
    'blob-leased',
    'storage-rejected',
  );
}
