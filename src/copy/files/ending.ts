import { blobPathText } from '../../domain/blob-path.ts';
import type { DispositionStatus } from '../../domain/import-disposition.ts';
import type { Extent } from '../../domain/plan.ts';
import type { RangeStatus } from '../../formats/drive-log.ts';
import { UNREADABLE_RANGES_TOLD } from '../../limits.ts';
import type { FileCopy } from './context.ts';
import { lettersOf, lost, type Outcome } from './outcome.ts';
import { dispositionOf, type Place } from './place.ts';
import { isWhole } from './read-range.ts';

/** How a file ended, and how many of its bytes the store holds. */
export interface Ended {
  readonly outcome: Outcome;
  readonly bytes: number;
}

export type Ending =
  | { readonly kind: 'skipped' }
  | { readonly kind: 'rename-failed' }
  /** There is a blob, of all ranges or of the good ones. */
  | {
      readonly kind: 'written';
      readonly place: Place;
      /** By range; none means that all are good. */
      readonly statuses: readonly RangeStatus[];
      /** What the store said when it was asked again. */
      readonly problem: string | undefined;
      /** Of the blob, where it changes no more. */
      readonly etag?: string | undefined;
    }
  /** Ranges are bad, and what is there may only be replaced by a whole blob. */
  | {
      readonly kind: 'kept-out';
      readonly place: Place;
      readonly statuses: readonly RangeStatus[];
    };

export function endOf(copy: FileCopy, ending: Ending): Ended {
  switch (ending.kind) {
    case 'skipped':
      return { outcome: { status: 'Completed', disposition: 'Skipped' }, bytes: 0 };
    case 'rename-failed':
      return { outcome: lost('RenameFailed', told(copy, 'no free name was found')), bytes: 0 };
    case 'written':
      return writtenEnd(copy, ending);
    case 'kept-out': {
      const statuses = ending.statuses.map(unless('Completed', 'Uncommitted'));
      const words = told(copy, `${badIn(copy, statuses)}; the blob that is there was left alone`);
      const outcome = badOutcome(copy, { statuses, disposition: 'Cancelled', words });
      const { place } = ending;
      const replaced = place.replace ? { replaced: true as const } : {};
      const ours = place.isOutdated ? { ...knownAs(place, place.found?.etag), ...replaced } : {};
      return { outcome: { ...outcome, ...ours }, bytes: 0 };
    }
  }
}

/** By what a later attempt knows the blob of a file that ended with errors. */
function knownAs({ attempt }: Place, etag: string | undefined) {
  return { ...(attempt > 1 ? { attempt } : {}), ...(etag === undefined ? {} : { etag }) };
}

function writtenEnd(copy: FileCopy, ending: Extract<Ending, { kind: 'written' }>): Ended {
  const { place, problem } = ending;
  const { item, side } = copy;
  const disposition = dispositionOf(place);
  const attempt = place.attempt > 1 ? { attempt: place.attempt } : {};
  const incomplete = knownAs(place, ending.etag);
  if (problem !== undefined) {
    // Nobody knows which range it is about: a repair that does too much is right.
    const ranges = lettersOf(['Failed']);
    const words = told(copy, problem);
    return { outcome: { status: 'Failed', disposition, ...incomplete, ranges, words }, bytes: 0 };
  }
  if (!isWhole(ending.statuses)) {
    const good = item.kind === 'block' ? 'Committed' : 'Completed';
    const statuses = ending.statuses.map(unless('Completed', good));
    const bytes = item.ranges.reduce(
      (sum, { length }, index) => sum + (statuses[index] === good ? length : 0),
      0,
    );
    const words = told(copy, badIn(copy, ending.statuses));
    const outcome = badOutcome(copy, { statuses, disposition, words });
    return { outcome: { ...outcome, ...incomplete }, bytes };
  }
  const failed = Object.entries(side.failed)[0];
  const bytes = item.lengthBytes;
  if (failed === undefined)
    return { outcome: { status: 'Completed', disposition, ...attempt }, bytes };
  const words = told(copy, `the ${failed[0]} file: ${failed[1]}`);
  const more = { ...incomplete, ...side.failed, words };
  return { outcome: { status: 'CompletedWithErrors', disposition, ...more }, bytes };
}

interface Bad {
  readonly statuses: readonly RangeStatus[];
  readonly disposition: DispositionStatus;
  readonly words: string;
}

function badOutcome({ side }: FileCopy, { statuses, disposition, words }: Bad): Outcome {
  const ranges = lettersOf(statuses);
  // A single letter would speak for all ranges, which is the same where there is one.
  return { status: 'CompletedWithErrors', disposition, ranges, ...side.failed, words };
}

function unless(from: RangeStatus, to: RangeStatus) {
  return (status: RangeStatus) => (status === from ? to : status);
}

function badIn({ file }: FileCopy, statuses: readonly RangeStatus[]): string {
  const good: readonly RangeStatus[] = ['Completed', 'Committed', 'Uncommitted'];
  const bad = statuses.filter((status) => !good.includes(status));
  const words = `${bad.length} of ${statuses.length} ranges: ${bad[0] ?? 'none'}`;
  return [words, ...unreadable(file.unreadable)].join('; ');
}

/** Where in the file the disk gave nothing: the first and last byte of each place. */
function unreadable(lost: readonly Extent[]): string[] {
  if (lost.length === 0) return [];
  const told = lost.slice(0, UNREADABLE_RANGES_TOLD).map(({ offsetBytes, lengthBytes }) => {
    return `${offsetBytes}-${offsetBytes + lengthBytes - 1}`;
  });
  const more = lost.length - told.length;
  const others = more > 0 ? ` and ${more} more places` : '';
  return [`bytes ${told.join(', ')}${others} of the file cannot be read`];
}

function told({ item }: FileCopy, words: string): string {
  return `${blobPathText(item)}: ${words}`;
}
