import { z } from 'zod';
import type { BlobName } from '../../domain/blob-name.ts';
import type { FileItem } from '../../domain/file-item.ts';
import { DISPOSITION_STATUSES, renamed } from '../../domain/import-disposition.ts';
import {
  BLOB_STATUSES,
  type BlobStatus,
  RANGE_STATUSES,
  type RangeStatus,
  SIDE_FILE_STATUSES,
} from '../../formats/drive-log.ts';

/** How a file ended, in the words of the copy log; what is not said went well. */
export const outcomeSchema = z.strictObject({
  status: z.enum(BLOB_STATUSES),
  disposition: z.enum(DISPOSITION_STATUSES),
  /** Which name was taken: 1 (not said) is the file's own, 2 the first new one. */
  attempt: z.int().min(2).exactOptional(),
  /** A letter for each range, or one for all of them. */
  ranges: z
    .string()
    .regex(/^[A-Z]*$/u)
    .exactOptional(),
  metadata: z.enum(SIDE_FILE_STATUSES).exactOptional(),
  properties: z.enum(SIDE_FILE_STATUSES).exactOptional(),
  /** Of our blob, written or left alone, when the file ended with errors: by it we know it again. */
  etag: z.string().exactOptional(),
  /** Of our blob that was left alone: it has itself taken the place of another one. */
  replaced: z.literal(true).exactOptional(),
  /** What was wrong first, for the verdict. */
  words: z.string().exactOptional(),
});
export type Outcome = z.output<typeof outcomeSchema>;

export const CLEAN: Outcome = { status: 'Completed', disposition: 'Created' };

/** Nothing is to be told of it: the blob was made as the plan says. */
export function isClean(outcome: Outcome): boolean {
  const { status, disposition, ...more } = outcome;
  return status === 'Completed' && disposition === 'Created' && Object.keys(more).length === 0;
}

export type OutcomeClass = 'completed' | 'withErrors' | 'skipped';

export function classOf({ status, disposition }: Outcome): OutcomeClass {
  if (status !== 'Completed') return 'withErrors';
  return disposition === 'Skipped' ? 'skipped' : 'completed';
}

/** Whether there is a blob of ours. */
export function hasBlob({ etag, disposition }: Outcome): boolean {
  return etag !== undefined || !['Skipped', 'Cancelled'].includes(disposition);
}

/** A file of which nothing was written. */
export function lost(status: BlobStatus, words: string): Outcome {
  return { status, disposition: 'Cancelled', ranges: lettersOf(['Cancelled']), words };
}

/** The name under which an attempt writes: 1 is the file's own. */
export function nameAt(item: FileItem, attempt: number): BlobName {
  return attempt === 1 ? item.name : (renamed(item.name, attempt) as BlobName);
}

const LETTERS: Readonly<Record<RangeStatus, string>> = {
  Completed: 'C',
  Committed: 'K',
  Uncommitted: 'U',
  Corrupted: 'X',
  FileUnexpectedEnd: 'E',
  BlobUnexpectedEnd: 'B',
  BlobRequestFailed: 'R',
  IOFailed: 'I',
  Failed: 'F',
  Cancelled: 'N',
};
const STATUSES: ReadonlyMap<string, RangeStatus> = new Map(
  RANGE_STATUSES.map((status) => [LETTERS[status], status]),
);

export function lettersOf(statuses: readonly RangeStatus[]): string {
  return statuses.map((status) => LETTERS[status]).join('');
}

/** The status of a range in an outcome. */
export function rangeStatus({ ranges }: Outcome, index: number): RangeStatus {
  if (ranges === undefined) return 'Completed';
  const letter = ranges.length === 1 ? ranges : ranges[index];
  return STATUSES.get(letter ?? '') ?? 'Failed';
}
