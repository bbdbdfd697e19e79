import { z } from 'zod';
import type { CopyFailure } from '../copy/messages.ts';
import { isOutOfResources, isStationError, StationError } from '../errors.ts';

const stateDisk = z.object({
  place: z.string(),
  problem: z.enum(['full', 'read-only', 'failing']),
});

/**
 * Whether the station itself failed: the drive is not to blame, no attempt is counted, and trying again
 * helps only when something has changed.
 */
export function isStationsOwn(error: unknown): boolean {
  return (
    isStationError(error, 'state-disk-failed', 'ledger-failed', 'copy-process-not-started') ||
    isOutOfResources(error)
  );
}

/** The same as it comes from a copy process. */
export function stationsOwn({ message, payload }: CopyFailure): StationError {
  const { data } = stateDisk.safeParse(payload);
  if (data !== undefined) return new StationError('state-disk-failed', message, data);
  return new StationError('copy-process-not-started', message, { detail: message });
}
