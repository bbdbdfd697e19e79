import type { BlobContainer } from '../blobs/contract.ts';
import { withLimit } from '../blobs/limit.ts';
import { openContainer } from '../blobs/open.ts';
import { withRetry } from '../blobs/retry.ts';
import {
  STAGE_CONCURRENCY,
  STORAGE_ATTEMPT_MS,
  STORAGE_AWAY_AFTER_MS,
  STORAGE_SILENCE_MS,
} from '../limits.ts';
import type { Assignment, FromCopy } from './messages.ts';

interface Patience {
  report(message: FromCopy): void;
  /** In flight at once. */
  readonly requests?: number;
}

/**
 * A container of the job's account as a copy sees it: bounded in requests, and patient. An absent
 * store is waited for with every buffer kept, so that nothing is read twice when it comes back.
 */
export async function openPatiently(
  { storage }: Pick<Assignment, 'storage'>,
  name: string,
  { report, requests = STAGE_CONCURRENCY }: Patience,
): Promise<BlobContainer> {
  const patient = withRetry(
    await openContainer(storage, name),
    {
      attemptTimeoutMs: STORAGE_ATTEMPT_MS,
      awayAfterMs: STORAGE_AWAY_AFTER_MS,
      silenceMs: STORAGE_SILENCE_MS,
    },
    {
      onAway: (detail) => report({ kind: 'storage-away', detail }),
      onBack: () => report({ kind: 'storage-back' }),
    },
  );
  return withLimit(patient, requests);
}
