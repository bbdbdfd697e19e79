/** No pause between two attempts is longer: five minutes. */
export const MAX_BACKOFF_MS = 5 * 60 * 1000;

/** Pause before the database is asked again after it failed. */
export const STORE_RETRY_MS = 1000;

/** The pause after the n-th failure in a row (n from 1): doubled each time, up to the maximum. */
export function backoffMs(failures: number, firstDelayMs: number): number {
  // 2 ** 1024 is Infinity, and 0 * Infinity is not a number.
  const doublings = Math.min(Math.max(failures - 1, 0), 60);
  return Math.min(firstDelayMs * 2 ** doublings, MAX_BACKOFF_MS);
}
