import type { FileItem } from '../../domain/file-item.ts';
import { StationError } from '../../errors.ts';
import type { RangeStatus } from '../../formats/drive-log.ts';
import { UNPROVED_FILES_MAX } from '../../limits.ts';
import type { Borrowed } from './buffers.ts';
import type { FileCopy } from './context.ts';
import type { HeldRange } from './journal.ts';
import { readRange } from './read-range.ts';

/** A range in its buffer, as it was promised; who gets it gives the buffer back. */
export interface GoodRange {
  readonly index: number;
  readonly buffer: Borrowed;
  /** Of the range, 32 hex digits. */
  readonly md5: string;
}

export interface RangeReading {
  /** Ranges that the store holds: they are read and compared, and not given when they agree. */
  readonly held: ReadonlyMap<number, HeldRange>;
  /** Gets what became of each range that was read. */
  readonly statuses: RangeStatus[];
  /** Told the bytes of each good range in turn, those that the store holds included. */
  onGood?(bytes: Buffer): void;
}

/**
 * The ranges of a file in order, read one after the other and no faster than buffers come back. What
 * the store holds already is read all the same: it must still be what the drive has, or is sent again when
 * nobody vouches for that reading. The disk is proved from time to time, so that not all of a huge file is
 * read in vain.
 */
export async function* goodRanges(
  { item, file, context, onSafe }: FileCopy,
  { held, statuses, onGood }: RangeReading,
  signal: AbortSignal,
): AsyncGenerator<GoodRange> {
  let unproved = 0;
  for (const [index, range] of item.ranges.entries()) {
    const buffer = await context.buffers.borrow(range.length, signal);
    let isGiven = false;
    try {
      const answer = await readRange({ file, range, buffer: buffer.bytes }, signal);
      statuses[index] = answer.status;
      if (answer.status !== 'Completed') continue;
      unproved += range.length;
      if (unproved >= UNPROVED_FILES_MAX.bytes) {
        await context.landmarks.vouch();
        unproved = 0;
      }
      const before = held.get(index);
      const isSame = before?.md5 === answer.md5;
      if (before?.isUnsure === false && !isSame) {
        throw changedSince(item, context.files.devicePath);
      }
      onGood?.(buffer.bytes);
      isGiven = !isSame;
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
