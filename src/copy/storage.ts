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
import type { Assignment } from './messages.ts';
import type { StoreWord } from './store-word.ts';

interface Patience {
  /** Hears how the store is. */
  readonly word: StoreWord;
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
  { word, pace = STAGE_PACE }: Patience,
): Promise<BlobContainer> {
  const wire = new Wire();
  const patient = withRetry(
    await openContainer(storage, name, wire),
    {
      pieceTimeoutMs: STORAGE_ANSWERS.readMs,
      awayAfterMs: STORAGE_AWAY_AFTER_MS,
      silenceMs: STORAGE_SILENCE_MS,
    },
    { pace: new Pace(pace), wire, ...word.listeners() },
  );
  return withLimit(patient, pace.max);
}
