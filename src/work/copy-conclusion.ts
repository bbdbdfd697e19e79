import type { CopyResult } from '../copy/copy-process.ts';
import type { CopyFailure } from '../copy/messages.ts';
import { noteAsked } from '../copy/stranger.ts';
import type { KilledCopy } from '../domain/alert.ts';
import type { Fault } from '../domain/drive-state.ts';
import type { DriveRef } from '../domain/job.ts';
import { nextStepFor } from '../error-help/catalogue.ts';
import type { CopyOutcome } from '../ledger/copy-outcome.ts';
import type { Attempt, RunEnd, RunnerDependencies } from './copy-attempt.ts';
import { asHang, attemptFailed, endingOf, withTried } from './copy-ending.ts';
import type { WorkItem } from './floor.ts';
import { journalFileOf } from './staged-at.ts';
import { stationsOwn } from './stations-own.ts';
import { storageTroubleOf } from './storage-holds.ts';

type SettledCopy = Extract<CopyResult, { kind: 'settled' }>;

export type ConclusionDependencies = Pick<
  RunnerDependencies,
  | 'ledger'
  | 'floor'
  | 'logger'
  | 'diskOf'
  | 'lookAgain'
  | 'now'
  | 'onStationFailed'
  | 'journalDirectory'
>;

/** Writes down how a copy ended, and says what its queue makes of that. */
export class CopyConclusion {
  readonly #deps: ConclusionDependencies;

  constructor(dependencies: ConclusionDependencies) {
    this.#deps = dependencies;
  }

  /** Turns the end of a copy process into the state of its drive. */
  async conclude(
    { item, isStuck }: Attempt,
    result: CopyResult,
    signal: AbortSignal,
  ): Promise<RunEnd> {
    const { logger } = this.#deps;
    if (result.kind === 'settled') return await this.#settled(item, result);
    // However a stop went that was asked for, it is no failure.
    const isStop = isStuck || ['retry', 'killed', 'starved'].includes(endingOf(result.failure));
    if (signal.aborted && isStop) return { kind: 'parked' };
    const failure = isStuck ? asHang(result.failure) : result.failure;
    logger.warn({ drive: item.ref, code: failure.code, detail: failure.payload }, failure.message);
    const held = heldFor(failure.code, failure.message);
    if (held !== undefined) return held;
    const ending = endingOf(failure);
    switch (ending) {
      case 'parked':
        return { kind: 'parked' };
      case 'disk-away':
        return await this.#away(item, failure);
      case 'faulted':
        // A reset, or somebody's hand, can come right before the copy gives its disk up.
        if (failure.code === 'disk-unresponsive' && (await this.#hasLeft(item))) {
          return { kind: 'parked' };
        }
        await this.fault(item.ref, failure.code, withTried(failure.message, item));
        return { kind: 'finished' };
      case 'station':
        this.#deps.onStationFailed(stationsOwn(failure));
        return { kind: 'parked' };
      case 'killed':
      case 'starved':
        return this.#postponed(item, ending, failure);
      case 'retry':
        return attemptFailed(failure);
    }
  }

  /** Nobody's attempt. What is killed again and again would only be killed again: the pauses grow. */
  #postponed(
    item: WorkItem,
    kind: KilledCopy['kind'],
    { message: reason }: CopyFailure,
  ): CopyOutcome {
    const since = item.killed?.since ?? this.#deps.now().toISOString();
    const times = (item.killed?.times ?? 0) + 1;
    item.killed = { kind, times, since, reason };
    return { kind: 'postponed', reason, times };
  }

  async #settled(item: WorkItem, { verdict, logs }: SettledCopy): Promise<RunEnd> {
    const { ledger, logger } = this.#deps;
    const event = verdict.outcome === 'Completed' ? 'copy-verified' : 'copy-ended-with-notes';
    await ledger.transitionDrive(item.ref, { event, verdict, logs }, 'station');
    logger.info({ drive: item.ref, outcome: verdict.outcome, logs }, 'the copy is settled');
    if (logs.problem !== undefined) {
      logger.warn({ drive: item.ref, reason: logs.problem }, 'a copy log could not be written');
    }
    return { kind: 'finished' };
  }

  /**
   * The copy process lost its disk. When detection agrees, the drive waits for it. When it does not,
   * the disk is there and cannot be opened or read: without this second look it would be started again
   * at once, for as long as it is so.
   */
  async #away(item: WorkItem, failure: CopyFailure): Promise<CopyOutcome> {
    return (await this.#hasLeft(item)) ? { kind: 'parked' } : attemptFailed(failure);
  }

  async #hasLeft(item: WorkItem): Promise<boolean> {
    await this.#deps.lookAgain();
    if (this.#deps.diskOf(item) !== undefined) return false;
    this.#deps.floor.detached(item.ref, this.#deps.now().toISOString());
    return true;
  }

  /** Stops a drive that is at work and asks a person; one in another state stays as it is. */
  async fault(ref: DriveRef, code: string, reason: string): Promise<void> {
    const { ledger, logger } = this.#deps;
    const drive = await ledger.drive(ref);
    const name = drive?.state.name;
    if (name !== 'Received' && name !== 'Transferring') return;
    const since = this.#deps.now().toISOString();
    const fault: Fault = { code, reason, nextStep: nextStepFor(code), since, publicState: name };
    await ledger.transitionDrive(ref, { event: 'faulted', fault }, 'station');
    logger.warn({ drive: ref, code, reason }, 'the drive is faulted');
    if (ASKS_FOR_DISK.has(code)) await this.#noteAsked(ref);
  }

  /** Behind the fault: whatever leads on from there is a person's Retry. Without it one more is needed. */
  async #noteAsked(ref: DriveRef): Promise<void> {
    const { ledger, journalDirectory, logger } = this.#deps;
    try {
      const copy = await ledger.copyOf(ref);
      if (copy !== undefined) await noteAsked(journalFileOf(journalDirectory, copy));
    } catch (err) {
      logger.warn({ drive: ref, err }, 'that a person is asked could not be noted');
    }
  }
}

/** Faults that ask whether it is the right disk. */
const ASKS_FOR_DISK: ReadonlySet<string> = new Set(['disk-content-changed', 'disk-read-failed']);

/** Trouble of the storage is nobody's failure: the drive waits for it outside of the queue. */
export function heldFor(code: string, reason: string): RunEnd | undefined {
  const trouble = storageTroubleOf(code, reason);
  return trouble === undefined ? undefined : { kind: 'held', trouble };
}
