import type { CopyFailure } from '../copy/messages.ts';
import { triedInWords } from '../domain/hang-ladder.ts';
import { isStationError, StationError } from '../errors.ts';
import type { CopyOutcome } from '../ledger/copy-outcome.ts';
import type { WorkItem } from './floor.ts';

/** What the end of an attempt means: for the drive, for the queue, and for the words on the screens. */

/**
 * What a failure means for the drive: wait for its disk, ask a person at once, wait until the station
 * can do its own part, or try again. An attempt counts only where trying again can help, and not for
 * what was done to the copy process from outside.
 */
export function endingOf(
  failure: CopyFailure,
): 'parked' | 'disk-away' | 'faulted' | 'station' | 'killed' | 'starved' | 'retry' {
  switch (failure.code) {
    case 'cancelled':
      return 'parked';
    case 'state-disk-failed':
    case 'copy-process-not-started':
      return 'station';
    case 'copy-process-killed':
      return 'killed';
    case 'copy-process-starved':
      return 'starved';
    case 'disk-gone':
    case 'disk-changed':
      return 'disk-away';
    case 'disk-content-changed':
    case 'disk-unresponsive':
    case 'disk-not-readonly':
    case 'destination-exists':
    case 'blob-leased':
    case 'blob-of-other-type':
    case 'plan-impossible':
    case 'volume-tools-missing':
      return 'faulted';
    default:
      return 'retry';
  }
}

/** A process that no signal ends hangs at its disk, whatever it was last asked to do. */
export function asHang(failure: CopyFailure): CopyFailure {
  if (endingOf(failure) !== 'retry') return failure;
  return {
    ...failure,
    code: 'disk-unresponsive',
    message: `${failure.message}; it hangs at its disk`,
  };
}

/** Why a drive faulted, and what was tried with a disk that hung to the end. */
export function withTried(reason: string, { vitals }: WorkItem): string {
  const tried = vitals === undefined ? [] : triedInWords(vitals.ladder);
  return tried.length === 0 ? reason : `${reason}. Tried: ${tried.join('; ')}.`;
}

/** One that was asked to stop has not failed, however its stop went. */
export function asAsked(
  ended: CopyOutcome,
  { item, makeRoom }: { readonly item: WorkItem; readonly makeRoom: AbortSignal },
): CopyOutcome {
  const isFailed = ended.kind === 'failed' || ended.kind === 'postponed';
  if (isFailed && item.stop.signal.aborted) return { kind: 'parked' };
  const madeRoom = ended.kind === 'parked' && makeRoom.aborted && !item.stop.signal.aborted;
  return madeRoom ? { kind: 'evicted' } : ended;
}

/** Whether the disk is to blame, and not the store or the station. */
export function isOfDisk(code: string): boolean {
  return (
    code.startsWith('disk-') || code === 'copy-process-silent' || code === 'drive-reads-differ'
  );
}

export function attemptFailed({ code, message, payload: detail }: CopyFailure): CopyOutcome {
  const error = new StationError('copy-attempt-failed', message, { code, detail });
  return { kind: 'failed', error };
}

/** The code that stands for what went wrong, also when it went wrong in the copy process. */
export function codeOf(error: unknown): string {
  if (isStationError(error, 'copy-attempt-failed')) return error.payload.code;
  return isStationError(error) ? error.code : 'internal-error';
}
