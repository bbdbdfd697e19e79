import type { BlobContainer } from '../blobs/contract.ts';
import { withLimit } from '../blobs/limit.ts';
import { openContainer } from '../blobs/open.ts';
import { Pace, type PaceOptions } from '../blobs/pace.ts';
import { withRetry } from '../blobs/retry.ts';
import { Wire } from '../blobs/wire.ts';
import {
  STAGE_PACE,
  STORAGE_ANSWERS,
  STORAGE_AWAY_AFTER_MS,
  STORAGE_SILENCE_MS,
} from '../limits.ts';
import type { Assignment, FromCopy } from './messages.ts';

interface Patience {
  report(message: FromCopy): void;
  /** Requests in flight, at first and at most. */
  readonly pace?: PaceOptions;
}

/**
 * A container of the job's account as a copy sees it: bounded in requests, and patient. An absent
 * store is waited for with every buffer kept, so that nothing is read twice when it comes back.
 */
export async function openPatiently(
  { storage }: Pick<Assignment, 'storage'>,
  name: string,
  { report, pace = STAGE_PACE }: Patience,
): Promise<BlobContainer> {
  const wire = new Wire();
  const patient = withRetry(
    await openContainer(storage, name, wire),
    {
      pieceTimeoutMs: STORAGE_ANSWERS.readMs,
      awayAfterMs: STORAGE_AWAY_AFTER_MS,
      silenceMs: STORAGE_SILENCE_MS,
    },
    {
      pace: new Pace(pace),
      wire,
      onAway: (detail) => report({ kind: 'storage-away', detail }),
      onSlow: () => report({ kind: 'storage-slow' }),
      onCommitting: () => report({ kind: 'storage-committing' }),
      onBack: () => report({ kind: 'storage-back' }),
    },
  );
  return withLimit(patient, pace.max);
}
