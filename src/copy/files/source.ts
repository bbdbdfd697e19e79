import { crc32 } from 'node:zlib';
import { type FileItem, type FileTotals, itemIdentity } from '../../domain/file-item.ts';
import { StationError, throwIfCancelled } from '../../errors.ts';

/**
 * Where the files of a copy come from. It is gone through more than once (to know what there is, to
 * copy, to write the logs), and each pass gives the same items in the same order.
 */
export interface FileSource {
  /** Throws `drive-refused` for a drive that cannot be copied as it is. */
  totals(signal: AbortSignal): Promise<FileTotals>;
  items(signal: AbortSignal): AsyncIterable<FileItem>;
}

/** Goes through all items once. */
export async function totalsOf(
  items: AsyncIterable<FileItem>,
  leftOut: () => number,
): Promise<FileTotals> {
  const tags = new Tags();
  let bytes = 0;
  let longestRangeBytes = 0;
  let container: FileTotals['container'];
  for await (const item of items) {
    tags.add(tagOf(item));
    bytes += item.lengthBytes;
    container ??= item.container;
    for (const { length } of item.ranges) longestRangeBytes = Math.max(longestRangeBytes, length);
  }
  const first = container === undefined ? {} : { container };
  return {
    ...{ files: tags.count, bytes, longestRangeBytes, ...first },
    tags: tags.all(),
    leftOut: leftOut(),
  };
}

/**
 * The items of a later pass, each compared with the first pass before it is given: a disk that reads
 * otherwise the second time must not make another blob. Throws `drive-reads-differ`.
 */
export async function* sameItems(
  source: FileSource,
  { tags, files }: FileTotals,
  signal: AbortSignal,
): AsyncGenerator<FileItem> {
  throwIfCancelled(signal);
  let count = 0;
  for await (const item of source.items(signal)) {
    if (tags[count] !== tagOf(item) || count >= files) throw readsDiffer(item.filePath);
    count++;
    yield item;
  }
  if (count !== files) throw readsDiffer(`the list of ${files} files`);
}

export function readsDiffer(what: string): StationError<'drive-reads-differ'> {
  const words = `the drive says something else of ${what} than when it was read before`;
  return new StationError('drive-reads-differ', words, { what });
}

/** Never 0, so that an item that was not seen is equal to none. */
export function tagOf(item: FileItem): number {
  return crc32(itemIdentity(item)) || 1;
}

/** A growing array of tags. */
class Tags {
  #tags = new Uint32Array(1024);
  count = 0;

  add(tag: number): void {
    if (this.count === this.#tags.length) {
      const larger = new Uint32Array(this.#tags.length * 2);
      larger.set(this.#tags);
      this.#tags = larger;
    }
    this.#tags[this.count++] = tag;
  }

  all(): Uint32Array {
    return this.#tags.subarray(0, this.count);
  }
}
