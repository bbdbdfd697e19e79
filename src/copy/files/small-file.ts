import { hash } from 'node:crypto';
import type { BlobProperties, WrittenBlob } from '../../blobs/contract.ts';
import { FILE_BUFFERS } from '../../limits.ts';
import type { Borrowed } from './buffers.ts';
import type { FileCopy } from './context.ts';
import type { Ended } from './ending.ts';
import { endOf } from './ending.ts';
import type { Intent } from './journal.ts';
import { conditionOf, headersOf, isAsIntended, isOwn, readBack, wantedMd5 } from './new-blob.ts';
import { intentOf, type Place, placeBlob } from './place.ts';
import { readRange } from './read-range.ts';

/** A file that lies in one buffer, read and found to be what was promised. */
export interface SmallFile extends Disposable {
  readonly body: Buffer;
  readonly md5: string;
}

/** A block blob whose bytes fit into one buffer of any drive. */
export function isSmall({ item }: FileCopy): boolean {
  return item.kind === 'block' && item.lengthBytes <= FILE_BUFFERS.largeBytes;
}

/**
 * Reads a small file as a whole; `undefined` when something is wrong with it, or with the digest that
 * it is to carry: such a file goes the way of the large ones, block by block.
 */
export async function readSmall(
  copy: FileCopy,
  signal: AbortSignal,
): Promise<SmallFile | undefined> {
  const { item, file, context } = copy;
  const buffer = await context.buffers.borrow(item.lengthBytes, signal);
  try {
    const md5 = await goodMd5(copy, buffer);
    if (md5 !== undefined) return { body: buffer.bytes, md5, ...disposing(buffer) };
  } catch (error) {
    buffer[Symbol.dispose]();
    throw error;
  }
  buffer[Symbol.dispose]();
  return undefined;

  async function goodMd5(of: FileCopy, { bytes }: Borrowed): Promise<string | undefined> {
    let last = hash('md5', '', 'hex');
    for (const range of item.ranges) {
      const part = bytes.subarray(range.offset, range.offset + range.length);
      const answer = await readRange({ file, range, buffer: part }, signal);
      if (answer.status !== 'Completed') return undefined;
      last = answer.md5;
    }
    const md5 = item.ranges.length > 1 ? hash('md5', bytes, 'hex') : last;
    const wanted = wantedMd5(of);
    return wanted === undefined || wanted === md5 ? md5 : undefined;
  }
}

/** Puts a small file: one request for its bytes, and one to see that they are there. */
export async function putSmall(
  copy: FileCopy,
  small: SmallFile,
  signal: AbortSignal,
): Promise<Ended> {
  const { item, container, context } = copy;
  const expected = { type: 'block', lengthBytes: item.lengthBytes, contentMd5: small.md5 } as const;
  const isOurs = async (found: BlobProperties, intent: Intent) =>
    isOwn(copy, { found, intent, expected });
  const write = async (place: Place): Promise<WrittenBlob> => {
    await context.landmarks.cleared();
    const { body, md5 } = small;
    await context.journal.intend(item, intentOf(place, md5), context.now());
    const blob = { name: place.name, condition: conditionOf(place), ...headersOf(copy) } as const;
    return await container.put({ ...blob, body, md5 }, signal);
  };
  const wasOurs = (found: BlobProperties, intent: Intent) => isAsIntended(copy, found, intent);
  const order = { item, container, context, looksFirst: false, isOurs, wasOurs, write };
  const placed = await placeBlob(order, signal);
  if (placed.kind === 'skipped' || placed.kind === 'rename-failed') return endOf(copy, placed);
  copy.onSafe(item.lengthBytes);
  small[Symbol.dispose]();
  const { place } = placed;
  const { etag } = placed.kind === 'written' ? placed.value : (place.found ?? {});
  const problem = await readBack(copy, { name: place.name, expected, etag }, signal);
  return endOf(copy, { kind: 'written', place, statuses: [], problem, etag });
}

function disposing(buffer: Borrowed) {
  return { [Symbol.dispose]: () => buffer[Symbol.dispose]() };
}
