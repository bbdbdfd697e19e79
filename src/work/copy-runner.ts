import { rm } from 'node:fs/promises';
import { removeBadPlaces } from '../copy/bad-places.ts';
import { type CopyResult, runCopyProcess } from '../copy/copy-process.ts';
import type { Assignment, CopyFailure, FromCopy } from '../copy/messages.ts';
import { WELL } from '../domain/condition.ts';
import type { AttachedDisk, DiskHealth } from '../domain/disk.ts';
import { shownSerial } from '../domain/disk.ts';
import type { Fault } from '../domain/drive-state.ts';
import type { KernelAnswer, ResetOutcome } from '../domain/hang-ladder.ts';
import { type BoundDisk, type Drive, type DriveRef, driveKey } from '../domain/job.ts';
import { nextStepFor } from '../error-help/catalogue.ts';
import { isCancelled, messageOf, StationError, throwIfCancelled } from '../errors.ts';
import type { CopyRecord, CopyTask } from '../ledger/contract.ts';
import type { CopyOutcome } from '../ledger/copy-queue.ts';
import type { Condition } from '../ledger/lanes.ts';
import { type AssignmentSources, assignmentOf } from './assignment.ts';
import {
  asAsked,
  asHang,
  attemptFailed,
  codeOf,
  endingOf,
  isOfDisk,
  withTried,
} from './copy-ending.ts';
import type { DiskHolder, NewHolder } from './disk-holders.ts';
import type { Floor, WorkItem } from './floor.ts';
import { isStationsOwn, stationsOwn } from './stations-own.ts';
import { type StorageHolds, type StorageTrouble, storageTroubleOf } from './storage-holds.ts';
import { VitalSigns } from './vital-signs.ts';

export interface RunnerLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface RunnerDependencies extends AssignmentSources {
  readonly floor: Floor;
  readonly holds: StorageHolds;
  readonly logger: RunnerLogger;
  readonly holders: Holders;
  diskOf(item: WorkItem): AttachedDisk | undefined;
  /** Looks at what is attached; resolves when the facts are of now, or cannot be had. */
  lookAgain(): Promise<void>;
  probeHealth(disk: AttachedDisk, signal: AbortSignal): Promise<DiskHealth>;
  now(): Date;
  /** The way a copy goes has changed: the screens want to know. */
  onProgress(): void;
  /** The state of a drive has changed, or nobody works on it any more: a decision is due. */
  onOutcome(): void;
  /** The station itself could not do its part: no copy is to be started before it can. */
  onStationFailed(error: unknown): void;
  /** A running copy turned sick, hangs or is well again: it may have to change lanes. */
  onCondition(id: string, condition: Condition): void;
  /** What the kernel knows of a disk that does not answer. */
  askKernel(disk: AttachedDisk, waitedMs: number): Promise<KernelAnswer>;
  /** Resets the disk if that may be done; says why it was not. */
  reset(disk: AttachedDisk): Promise<ResetOutcome>;
  /** Resolves after that time; rejects when the signal fires. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** The book of the processes that have a disk open. */
export interface Holders {
  began(holder: NewHolder): Promise<void>;
  ended(pid: number): Promise<void>;
  abandoned(holder: NewHolder): Promise<void>;
  toolKilled(holder: NewHolder): Promise<void>;
  leftBehindOn(diskseq: number): DiskHolder | undefined;
}

/** What an attempt works with, beside its drive. */
interface Attempt {
  readonly item: WorkItem;
  readonly disk: AttachedDisk;
  readonly makeRoom: AbortSignal;
  /** Its process could not be ended. */
  isStuck: boolean;
}

/** How a run ended: as the queue wants to know it, or outside of the queue, waiting for its storage. */
type RunEnd = CopyOutcome | { readonly kind: 'held'; readonly trouble: StorageTrouble };

/** The ledger keeps progress for the time after a restart; it need not know every block. */
const PROGRESS_TO_LEDGER_MS = 2_000;
/** A process that was left behind is looked for this often. */
const HOLDER_POLL_MS = 250;

/**
 * Runs the copy of one drive, attempt by attempt: assigns the disk to a copy process, keeps the ledger
 * and the floor informed, and turns how it ended into the drive's next state. It settles, always.
 */
export class CopyRunner {
  readonly #deps: RunnerDependencies;

  constructor(dependencies: RunnerDependencies) {
    this.#deps = dependencies;
  }

  /**
   * One task of the queue. `parked`: the disk is not there; a later decision queues it again. `evicted`:
   * it made room, and keeps its place on the floor.
   */
  async run(task: CopyTask, makeRoom: AbortSignal, signal: AbortSignal): Promise<CopyOutcome> {
    const { floor } = this.#deps;
    const item = floor.working.get(driveKey(task.ref));
    const disk = item === undefined ? undefined : this.#deps.diskOf(item);
    if (item === undefined || disk === undefined) {
      if (item !== undefined) floor.end(item);
      this.#deps.onOutcome();
      return { kind: 'parked' };
    }
    const known = item.progress ?? (await this.#deps.ledger.drive(task.ref))?.progress;
    const safeBefore = known?.stagedBytes ?? 0;
    item.vitals = this.#vitalsOf(item, disk, task.id);
    item.putBack = WELL;
    const attempt = { item, disk, makeRoom, isStuck: false };
    const ended = await this.#unlessHeld(attempt, AbortSignal.any([signal, item.stop.signal]));
    if (ended.kind === 'held' && !item.stop.signal.aborted) {
      item.vitals = undefined;
      this.#deps.holds.hold(item, ended.trouble);
      return { kind: 'parked' };
    }
    const outcome = asAsked(ended.kind === 'held' ? { kind: 'parked' } : ended, { item, makeRoom });
    this.#leaveFloor(item, outcome);
    item.vitals = undefined;
    this.#deps.onOutcome();
    if (outcome.kind !== 'failed') return outcome;
    // Days of copying with a crash now and then are no defect; an attempt that gets no further is one.
    const progressed = (item.progress?.stagedBytes ?? 0) > safeBefore;
    return { ...outcome, progressed, sick: item.failedAtDisk };
  }

  #leaveFloor(item: WorkItem, outcome: CopyOutcome): void {
    switch (outcome.kind) {
      case 'finished':
      case 'parked':
        this.#deps.floor.end(item);
        break;
      case 'evicted':
        item.putBack = item.vitals?.condition ?? WELL;
        item.activity = { kind: 'queued' };
        break;
      case 'failed':
        item.failedAtDisk = isOfDisk(codeOf(outcome.error));
        item.activity = this.#retrying(outcome.error);
    }
  }

  #vitalsOf(item: WorkItem, disk: AttachedDisk, id: string): VitalSigns {
    const { readHangMs, logger, askKernel, reset } = this.#deps;
    const { failedAtDisk: failedBefore } = item;
    return new VitalSigns(
      { readHangMs, failedBefore },
      {
        askKernel: (waitedMs) => askKernel(disk, waitedMs),
        reset: () => reset(disk),
        now: () => performance.now(),
        onCondition: (condition) => {
          logger.info({ drive: item.ref, bay: item.bay, condition }, 'how the copy gets on');
          this.#deps.onCondition(id, condition.kind);
        },
      },
    );
  }

  /** Every attempt failed: a person is asked. */
  async giveUp(task: CopyTask, error: unknown): Promise<void> {
    const item = this.#deps.floor.working.get(driveKey(task.ref));
    try {
      await this.#fault(task.ref, codeOf(error), messageOf(error));
    } finally {
      // Only now: a drive that nobody works on and that is not faulted yet would be started again.
      if (item !== undefined) this.#deps.floor.end(item);
      this.#deps.onOutcome();
    }
  }

  /** One attempt, when the storage of the job is not known to be in trouble; it may lose its place. */
  async #unlessHeld(attempt: Attempt, signal: AbortSignal): Promise<RunEnd> {
    const { item } = attempt;
    const { holds } = this.#deps;
    const known = holds.inTheWay(item);
    if (known !== undefined) return { kind: 'held', trouble: known };
    using place = holds.begin(item);
    const end = await this.#attempt(attempt, AbortSignal.any([signal, place.signal]));
    if (end.kind !== 'parked' || signal.aborted || place.trouble === undefined) return end;
    return { kind: 'held', trouble: place.trouble };
  }

  async #attempt(attempt: Attempt, signal: AbortSignal): Promise<RunEnd> {
    const { item, disk } = attempt;
    try {
      if (!this.#deps.holds.isHeld(item)) item.activity = { kind: 'starting' };
      const drive = await this.#driveOf(item.ref);
      const left = await this.#askHealth(attempt, signal);
      if (left !== undefined) return await this.#concludeHeld(item, left);
      const record = await this.#deps.ledger.beginCopyAttempt(item.ref, boundDiskOf(disk));
      await this.#markStarted(drive, record);
      const assignment = await assignmentOf({ drive, record, disk }, this.#deps);
      const result = await this.#copy(attempt, record, { assignment, signal });
      const outcome = await this.#conclude(attempt, result, signal);
      // The ledger has the verdict: the journal has nothing left to tell.
      if (result.kind === 'settled') {
        this.#keep(rm(assignment.journalFile, { force: true }));
        this.#keep(removeBadPlaces(assignment.journalFile));
      }
      return outcome;
    } catch (error) {
      if (isCancelled(error)) return { kind: 'parked' };
      if (isStationsOwn(error)) {
        this.#deps.onStationFailed(error);
        return { kind: 'parked' };
      }
      return heldFor(codeOf(error), messageOf(error)) ?? { kind: 'failed', error };
    }
  }

  /** Answers who still has the disk open, before the question or after it: to ask can hang as well. */
  async #askHealth(attempt: Attempt, signal: AbortSignal): Promise<DiskHolder | undefined> {
    const left = await this.#untilLetGo(attempt, signal);
    if (left !== undefined) return left;
    await this.#deps.probeHealth(attempt.disk, signal);
    return await this.#untilLetGo(attempt, signal);
  }

  /**
   * A process that was left behind has the disk open still: to open it beside would hang as well. Most
   * end within a moment; who does not let go in the time of a hang is answered.
   */
  async #untilLetGo(
    { item, disk, makeRoom }: Attempt,
    signal: AbortSignal,
  ): Promise<DiskHolder | undefined> {
    const { holders, readHangMs } = this.#deps;
    const stop = AbortSignal.any([signal, makeRoom]);
    for (let waitedMs = 0; ; waitedMs += HOLDER_POLL_MS) {
      throwIfCancelled(stop);
      const holder = holders.leftBehindOn(disk.diskseq);
      const isOver = holder === undefined;
      item.vitals?.waits({ kind: 'open', offsetBytes: null, waitedMs: isOver ? 0 : waitedMs });
      if (isOver || waitedMs >= readHangMs) return holder;
      this.#deps.onProgress();
      await this.#deps.sleep(HOLDER_POLL_MS, stop).catch(() => undefined);
    }
  }

  async #concludeHeld(item: WorkItem, { pid, what, since }: DiskHolder): Promise<CopyOutcome> {
    const process = what === 'copy' ? 'an earlier copy process' : what;
    const words = `${process} (${pid}) hangs in a read of this disk since ${since}; as long as it does, the disk cannot be opened.`;
    await this.#fault(item.ref, 'disk-unresponsive', words);
    return { kind: 'finished' };
  }

  async #driveOf(ref: DriveRef): Promise<Drive> {
    const drive = await this.#deps.ledger.drive(ref);
    if (drive !== undefined) return drive;
    const { jobId: jobName, driveId } = ref;
    throw new StationError('drive-not-found', 'the drive is gone', { jobName, driveId });
  }

  async #markStarted(drive: Drive, record: CopyRecord): Promise<void> {
    if (drive.state.name === 'Transferring') return;
    const change = { event: 'copy-started', copyId: record.id } as const;
    await this.#deps.ledger.transitionDrive(drive.ref, change, 'station');
    this.#deps.onOutcome();
  }

  async #copy(
    attempt: Attempt,
    record: CopyRecord,
    { assignment, signal }: { assignment: Assignment; signal: AbortSignal },
  ): Promise<CopyResult> {
    const { ledger, floor, holders } = this.#deps;
    const { item, makeRoom } = attempt;
    const holder = (pid: number) => holderOf(attempt, { what: 'copy', pid });
    let toldAt = Number.NEGATIVE_INFINITY;
    let heldAtFirst: number | undefined;
    const tellLedger = (force: boolean) => {
      const nowMs = performance.now();
      if (item.progress === undefined || (!force && nowMs - toldAt < PROGRESS_TO_LEDGER_MS)) return;
      toldAt = nowMs;
      return ledger.recordProgress(record.id, item.progress);
    };
    const listener = {
      makeRoom,
      onStarted: (pid: number) => this.#noted(holders.began(holder(pid))),
      onEnded: (pid: number) => this.#noted(holders.ended(pid)),
      onMessage: (message: FromCopy) => {
        this.#hear(attempt, message);
        if (message.kind === 'planned') this.#keep(ledger.recordPlan(record.id, message.plan));
        if (message.kind !== 'progress') return;
        this.#keep(tellLedger(false));
        heldAtFirst ??= message.progress.stagedBytes;
        if (message.progress.stagedBytes > heldAtFirst) this.#deps.holds.works(item);
      },
      onAbandoned: (pid: number) => {
        attempt.isStuck = true;
        return this.#noted(holders.abandoned(holder(pid)));
      },
    };
    const result = await runCopyProcess(assignment, listener, signal);
    await tellLedger(true);
    floor.storageBack(item.ref);
    return result;
  }

  /** What is only told or tidied must not end the copy when it cannot be done now. */
  #keep(written: Promise<void> | undefined): void {
    if (written !== undefined) void this.#noted(written);
  }

  async #noted(written: Promise<void>): Promise<void> {
    await written.catch((err) => this.#deps.logger.warn({ err }, 'a side task of a copy failed'));
  }

  #hear(attempt: Attempt, message: FromCopy): void {
    const { floor, holds, logger } = this.#deps;
    const { item } = attempt;
    item.vitals?.hear(message);
    switch (message.kind) {
      case 'progress':
        floor.progressed(item, message.progress);
        break;
      case 'phase':
        item.activity = { kind: message.phase === 'settling' ? 'settling' : 'copying' };
        break;
      case 'rescuing': {
        const { openBytes, unreadableBytes } = message;
        item.activity = { kind: 'rescuing', openBytes, unreadableBytes };
        break;
      }
      case 'storage-away':
        holds.away(item, message.detail);
        break;
      case 'storage-slow':
        item.activity = { kind: 'slow-storage', since: this.#deps.now().toISOString() };
        break;
      case 'storage-back':
        item.activity = { kind: 'copying' };
        holds.back(item);
        break;
      case 'reconciled':
        logger.info({ drive: item.ref, ...message }, 'the store was asked what it holds');
        break;
      case 'tool-abandoned': {
        const { tool: what, group: pid } = message;
        this.#keep(this.#deps.holders.toolKilled(holderOf(attempt, { what, pid })));
        break;
      }
      case 'volume-opened':
        logger.info({ drive: item.ref, ...message }, 'the volume of the drive was opened');
        break;
      case 'planned':
      case 'ready':
      case 'alive':
      case 'settled':
      case 'failed':
        break;
    }
    this.#deps.onProgress();
  }

  async #conclude(
    { item, isStuck }: Attempt,
    result: CopyResult,
    signal: AbortSignal,
  ): Promise<RunEnd> {
    const { ledger, logger } = this.#deps;
    if (result.kind === 'settled') {
      const { verdict, logs } = result;
      const event = verdict.outcome === 'Completed' ? 'copy-verified' : 'copy-ended-with-notes';
      await ledger.transitionDrive(item.ref, { event, verdict, logs }, 'station');
      logger.info({ drive: item.ref, outcome: verdict.outcome, logs }, 'the copy is settled');
      if (logs.problem !== undefined) {
        logger.warn({ drive: item.ref, reason: logs.problem }, 'a copy log could not be written');
      }
      return { kind: 'finished' };
    }
    // However a stop went that was asked for, it is no failure.
    const isStop = isStuck || endingOf(result.failure) === 'retry';
    if (signal.aborted && isStop) return { kind: 'parked' };
    const failure = isStuck ? asHang(result.failure) : result.failure;
    logger.warn({ drive: item.ref, code: failure.code, detail: failure.payload }, failure.message);
    const held = heldFor(failure.code, failure.message);
    if (held !== undefined) return held;
    switch (endingOf(failure)) {
      case 'parked':
        return { kind: 'parked' };
      case 'disk-away':
        return await this.#concludeAway(item, failure);
      case 'faulted':
        await this.#fault(item.ref, failure.code, withTried(failure.message, item));
        return { kind: 'finished' };
      case 'station':
        this.#deps.onStationFailed(stationsOwn(failure));
        return { kind: 'parked' };
      case 'retry':
        return attemptFailed(failure);
    }
  }

  /**
   * The copy process lost its disk. When detection agrees, the drive waits for it. When it does not,
   * the disk is there and cannot be opened or read: without this second look it would be started again
   * at once, for as long as it is so.
   */
  async #concludeAway(item: WorkItem, failure: CopyFailure): Promise<CopyOutcome> {
    this.#deps.floor.detached(item.ref, this.#deps.now().toISOString());
    await this.#deps.lookAgain();
    if (this.#deps.diskOf(item) === undefined) return { kind: 'parked' };
    return attemptFailed(failure);
  }

  async #fault(ref: DriveRef, code: string, reason: string): Promise<void> {
    const { ledger, logger } = this.#deps;
    const drive = await ledger.drive(ref);
    const name = drive?.state.name;
    if (name !== 'Received' && name !== 'Transferring') return;
    const since = this.#deps.now().toISOString();
    const fault: Fault = { code, reason, nextStep: nextStepFor(code), since, publicState: name };
    await ledger.transitionDrive(ref, { event: 'faulted', fault }, 'station');
    logger.warn({ drive: ref, code, reason }, 'the drive is faulted');
  }

  #retrying(error: unknown): WorkItem['activity'] {
    return { kind: 'retrying', at: this.#deps.now().toISOString(), reason: messageOf(error) };
  }
}

function holderOf(
  { disk: { diskseq }, item: { bay, ref } }: Attempt,
  process: Pick<NewHolder, 'what' | 'pid'>,
): NewHolder {
  return { ...process, diskseq, bay, ref };
}

function boundDiskOf(disk: AttachedDisk): BoundDisk {
  return {
    serial: shownSerial(disk.identity) ?? '',
    sizeBytes: disk.sizeBytes,
    wwns: disk.identity.wwns,
    bay: disk.bay,
  };
}

/** Trouble of the storage is nobody's failure: the drive waits for it outside of the queue. */
function heldFor(code: string, reason: string): RunEnd | undefined {
  const trouble = storageTroubleOf(code, reason);
  return trouble === undefined ? undefined : { kind: 'held', trouble };
}
