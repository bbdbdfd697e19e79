import type { BlobName } from '../domain/blob-name.ts';
import { throwIfCancelled } from '../errors.ts';
import type { BlobContainer, ListedBlob, Listing, PageRange } from './contract.ts';

/**
 * Every blob of a container whose name begins so, a request for each 5,000 of them: how a copy looks at
 * millions of small blobs without a request for each. Blobs that come and go meanwhile may be in it.
 */
export function allBlobs(
  container: BlobContainer,
  { prefix }: { readonly prefix: string },
  signal: AbortSignal,
): AsyncGenerator<ListedBlob> {
  return parts((from) => container.listBlobs({ prefix, from }, signal), signal);
}

/** What was ever written of a page blob, ascending and joined. Throws `blob-not-found`. */
export async function* allPageRanges(
  container: BlobContainer,
  name: BlobName,
  signal: AbortSignal,
): AsyncGenerator<PageRange> {
  let open: PageRange | undefined;
  for await (const range of parts((from) => container.pageRanges({ name, from }, signal), signal)) {
    if (open !== undefined && open.offsetBytes + open.lengthBytes === range.offsetBytes) {
      const lengthBytes = open.lengthBytes + range.lengthBytes;
      open = { offsetBytes: open.offsetBytes, lengthBytes };
      continue;
    }
    if (open !== undefined) yield open;
    open = range;
  }
  if (open !== undefined) yield open;
}

async function* parts<Item>(
  ask: (from: string | undefined) => Promise<Listing<Item>>,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  throwIfCancelled(signal);
  let from: string | undefined;
  do {
    const { items, next } = await ask(from);
    yield* items;
    from = next;
  } while (from !== undefined);
}
