/**
 * How one run of a task ended. `parked` leaves the queue without a failure (the disk is away, or a
 * person is asked) until it is enqueued again; `failed` counts as an attempt and is tried again.
 */
export type CopyOutcome =
  | { readonly kind: 'finished' }
  | { readonly kind: 'parked' }
  /** Stopped to make room; it stays in the queue and goes on when it has a place again. */
  | { readonly kind: 'evicted' }
  /** Tried again after a pause that grows with each time in a row; no failure, and never given up. */
  | { readonly kind: 'postponed'; readonly reason: string; readonly times: number }
  /** One that came further than the runs before it begins the count of failures anew. */
  | {
      readonly kind: 'failed';
      readonly error: unknown;
      readonly progressed?: boolean;
      /** The disk is to blame: the next attempt begins in the lane of the sick. */
      readonly sick?: boolean;
    };

/** Whether the next run begins in the lane of the sick. */
export function endedSick(outcome: CopyOutcome): boolean {
  return outcome.kind === 'evicted' || (outcome.kind === 'failed' && outcome.sick === true);
}
