import type { FileItem } from '../../domain/file-item.ts';
import { StationError } from '../../errors.ts';
import type { RangeStatus } from '../../formats/drive-log.ts';
import type { Borrowed } from './buffers.ts';
import type { FileCopy } from './context.ts';
import { readRange } from './read-range.ts';

/** Of 4 MiB each mostly: a check is a few seeks and a GiB some seconds. */
const RANGES_BETWEEN_CHECKS = 256;

/** A range in its buffer, as it was promised; who gets it gives the buffer back. */
export interface GoodRange {
  readonly index: number;
  readonly buffer: Borrowed;
  /** Of the range, 32 hex digits. */
  readonly md5: string;
}

export interface RangeReading {
  /** The MD5 of ranges that the store holds: they are read and compared, and not given. */
  readonly held: ReadonlyMap<number, string>;
  /** Gets what became of each range that was read. */
  readonly statuses: RangeStatus[];
  /** Told the bytes of each good range in turn, those that the store holds included. */
  onGood?(bytes: Buffer): void;
}

/**
 * The ranges of a file in order, read one after the other and no faster than buffers come back. What
 * the store holds already is read all the same: it must still be what the drive has. A disk that has
 * become doubtful is checked from time to time, so that not all of a huge file is read in vain.
 */
export async function* goodRanges(
  { item, file, context, onSafe }: FileCopy,
  { held, statuses, onGood }: RangeReading,
  signal: AbortSignal,
): AsyncGenerator<GoodRange> {
  for (const [index, range] of item.ranges.entries()) {
    const buffer = await context.buffers.borrow(range.length, signal);
    let isGiven = false;
    try {
      const answer = await readRange({ file, range, buffer: buffer.bytes }, signal);
      statuses[index] = answer.status;
      if (answer.status !== 'Completed') continue;
      if (index % RANGES_BETWEEN_CHECKS === 0) await context.landmarks.cleared();
      const before = held.get(index) ?? answer.md5;
      if (before !== answer.md5) throw changedSince(item, context.files.devicePath);
      onGood?.(buffer.bytes);
      isGiven = !held.has(index);
      if (isGiven) yield { index, buffer, md5: answer.md5 };
      else onSafe(range.length);
    } finally {
      if (!isGiven) buffer[Symbol.dispose]();
    }
  }
}

/** The rest of the file would make a blob with what is staged that never was on any disk. */
function changedSince({ filePath }: FileItem, devicePath: string) {
  const words = `${devicePath} does not hold what the first blocks of ${filePath} were copied from`;
  return new StationError('disk-content-changed', words, { devicePath });
}
