/**
 * How a copy gets on, from what its process says of itself. Pure: the lanes follow from it, and what the
 * screens say of a drive that is sick.
 */

export type SickWhy = 'bad-places' | 'slow' | 'failed-before';

export type DriveCondition =
  | { readonly kind: 'well' }
  | { readonly kind: 'sick'; readonly why: SickWhy }
  | { readonly kind: 'hanging' };

export const WELL: DriveCondition = { kind: 'well' };

/** What the process of a copy said last. */
export interface CopySigns {
  /** For how long the oldest read, or the opening of the disk, has not been answered. */
  readonly waitedMs: number;
  /** It reads the bad places of the disk. */
  readonly isRescuing: boolean;
  /** Bytes a second of the disk alone, over the time that was spent in reads; `undefined`: too few. */
  readonly diskBytesPerSecond: number | undefined;
  /** An earlier attempt failed at the disk. */
  readonly failedBefore: boolean;
  /** Since when nothing kept it waiting. */
  readonly calmMs: number;
}

export interface ConditionLimits {
  readonly hangLaneMs: number;
  readonly slowBytesPerSecond: number;
  readonly wellAgainMs: number;
}

/**
 * The condition now. To turn sick takes a sign, to be well again takes a while without one, so that a
 * drive on the edge does not change lanes each second.
 */
export function conditionOf(
  before: DriveCondition,
  signs: CopySigns,
  limits: ConditionLimits,
): DriveCondition {
  if (signs.waitedMs >= limits.hangLaneMs) return { kind: 'hanging' };
  if (signs.isRescuing) return { kind: 'sick', why: 'bad-places' };
  const rate = signs.diskBytesPerSecond;
  if (rate !== undefined && rate < limits.slowBytesPerSecond) return { kind: 'sick', why: 'slow' };
  const isWellAgain = signs.calmMs >= limits.wellAgainMs;
  if (signs.failedBefore && !isWellAgain) return { kind: 'sick', why: 'failed-before' };
  return before.kind === 'well' || isWellAgain ? WELL : before;
}
