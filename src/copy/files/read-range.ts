import { createHash, hash } from 'node:crypto';
import type { FileRange } from '../../domain/file-item.ts';
import { throwIfCancelled } from '../../errors.ts';
import type { RangeStatus } from '../../formats/drive-log.ts';
import type { FileReader } from './file-reader.ts';

export type ReadAnswer =
  | { readonly status: 'Completed'; readonly md5: string }
  | { readonly status: Exclude<RangeStatus, 'Completed'> };

/** A range of a file and the buffer that it goes to, of its length. */
export interface RangeRead {
  readonly file: FileReader;
  readonly range: FileRange;
  readonly buffer: Buffer;
}

/**
 * Fills the buffer with a range of a file and compares it with the hash that was promised. Bytes that
 * are fewer, others or unreadable are the range's end, and no error; throws when the drive is gone, and
 * `file-read-failed` when the file is to be read another time.
 */
export async function readRange(
  { file, range: { offset, hash: promised }, buffer }: RangeRead,
  signal: AbortSignal,
): Promise<ReadAnswer> {
  const filled = await file.fill(buffer, offset, signal);
  if (filled === 'ends-early') return { status: 'FileUnexpectedEnd' };
  if (filled === 'unreadable') return { status: 'IOFailed' };
  const md5 = hash('md5', buffer, 'hex');
  if (promised === undefined) return { status: 'Completed', md5 };
  const found = promised.algorithm === 'md5' ? md5 : hash('sha256', buffer, 'hex');
  return found.toUpperCase() === promised.hex
    ? { status: 'Completed', md5 }
    : { status: 'Corrupted' };
}

/** What a file is without its being sent anywhere. */
export interface Checked {
  readonly statuses: readonly RangeStatus[];
  /** Of the good ranges, one behind the other; 32 hex digits. */
  readonly md5: string;
  readonly lengthBytes: number;
}

export function isWhole(statuses: readonly RangeStatus[]): boolean {
  return statuses.every((status) => status === 'Completed');
}

export interface CheckParts {
  readonly file: FileReader;
  readonly ranges: readonly FileRange[];
  borrow(lengthBytes: number, signal: AbortSignal): Promise<Disposable & { bytes: Buffer }>;
  /** Ranges that do not count, whatever is in them. */
  readonly without?: ReadonlySet<number>;
}

/** Reads all ranges of a file and sends nothing. */
export async function checkRanges(
  { file, ranges, borrow, without }: CheckParts,
  signal: AbortSignal,
): Promise<Checked> {
  const whole = createHash('md5');
  const statuses: RangeStatus[] = [];
  let lengthBytes = 0;
  for (const [index, range] of ranges.entries()) {
    throwIfCancelled(signal);
    if (without?.has(index)) {
      statuses.push('BlobRequestFailed');
      continue;
    }
    using buffer = await borrow(range.length, signal);
    const { status } = await readRange({ file, range, buffer: buffer.bytes }, signal);
    statuses.push(status);
    if (status !== 'Completed') continue;
    whole.update(buffer.bytes);
    lengthBytes += range.length;
  }
  return { statuses, md5: whole.digest('hex'), lengthBytes };
}
