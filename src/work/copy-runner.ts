import { type CopyResult, runCopyProcess } from '../copy/copy-process.ts';
import { retireJournal } from '../copy/files/retired-journal.ts';
import { removeJournal } from '../copy/journal-directory.ts';
import type { Assignment, FromCopy } from '../copy/messages.ts';
import { WELL } from '../domain/condition.ts';
import { type AttachedDisk, shownSerial } from '../domain/disk.ts';
import { isProcessed } from '../domain/drive-state.ts';
import { type BoundDisk, type Drive, type DriveRef, driveKey } from '../domain/job.ts';
import { isCancelled, messageOf, StationError } from '../errors.ts';
import type { CopyRecord, CopyTask } from '../ledger/contract.ts';
import type { CopyOutcome } from '../ledger/copy-outcome.ts';
import { driveEntity } from '../ledger/entities.ts';
import { assignmentOf } from './assignment.ts';
import type { Attempt, RunEnd, RunnerDependencies } from './copy-attempt.ts';
import { CopyConclusion, heldFor } from './copy-conclusion.ts';
import { asAsked, codeOf, isOfDisk } from './copy-ending.ts';
import type { DiskHolder, NewHolder } from './disk-holders.ts';
import type { WorkItem } from './floor.ts';
import { leftBehindInWords, untilLetGo } from './left-behind.ts';
import { ShownActivity } from './shown-activity.ts';
import { journalFileOf } from './staged-at.ts';
import { isStationsOwn } from './stations-own.ts';
import { VitalSigns } from './vital-signs.ts';
import { whileAsked } from './while-asked.ts';

/** The ledger keeps progress for the time after a restart; it need not know every block. */
const PROGRESS_TO_LEDGER_MS = 2_000;

/**
 * Runs the copy of one drive, attempt by attempt: assigns the disk to a copy process, keeps the ledger
 * and the floor informed, and turns how it ended into the drive's next state. It settles, always.
 */
export class CopyRunner {
  readonly #deps: RunnerDependencies;
  readonly #ends: CopyConclusion;

  constructor(dependencies: RunnerDependencies) {
    this.#deps = dependencies;
    this.#ends = new CopyConclusion(dependencies);
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
    // A ledger that cannot be read is the station's trouble, which the attempt itself meets.
    const drive = () => this.#deps.ledger.drive(task.ref).catch(() => undefined);
    const known = item.progress ?? (await drive())?.progress;
    const safeBefore = known?.stagedBytes ?? 0;
    floor.attempted(item, safeBefore);
    item.vitals = this.#vitalsOf(item, disk, task.id);
    item.putBack = WELL;
    const shown = new ShownActivity();
    const attempt = { item, disk, makeRoom, shown, isStuck: false };
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
        item.activity = this.#retrying(messageOf(outcome.error));
        break;
      case 'postponed':
        item.failedAtDisk = false;
        item.activity = this.#retrying(outcome.reason);
    }
  }

  #vitalsOf(item: WorkItem, disk: AttachedDisk, id: string): VitalSigns {
    const { readHangMs, spinUpMs, logger, disks } = this.#deps;
    const { failedAtDisk: failedBefore } = item;
    return new VitalSigns(
      { readHangMs, spinUpMs, failedBefore },
      {
        askKernel: (waitedMs) => disks.askKernel(disk, waitedMs),
        reset: () => disks.reset(disk),
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
      if (codeOf(error) === 'drive-reads-differ') await this.#retireJournal(task.ref);
      await this.#ends.fault(task.ref, codeOf(error), messageOf(error));
    } finally {
      // Only now: a drive that nobody works on and that is not faulted yet would be started again.
      if (item !== undefined) this.#deps.floor.end(item);
      this.#deps.onOutcome();
    }
  }

  /**
   * A retry begins the journal anew. Done before the fault is durable: a kill in between costs a person's
   * look, and after it no retry would ever help.
   */
  async #retireJournal(ref: DriveRef): Promise<void> {
    const { ledger, journalDirectory } = this.#deps;
    const copy = await ledger.copyOf(ref);
    if (copy !== undefined) await retireJournal(journalFileOf(journalDirectory, copy));
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
      const isTrial = this.#deps.holds.isHeld(item);
      if (!isTrial) item.activity = { kind: 'starting' };
      // A person has ended it while its disk was away, and it came back at that moment.
      if (isProcessed((await this.#driveOf(item.ref)).state.name)) return { kind: 'finished' };
      const left = await this.#prepare(attempt, signal);
      if (left === 'replugged') return { kind: 'parked' };
      if (left !== undefined) {
        await this.#ends.fault(item.ref, 'disk-unresponsive', leftBehindInWords(left));
        return { kind: 'finished' };
      }
      // Asked again: what the disk was asked meanwhile can take minutes.
      const drive = await this.#driveOf(item.ref);
      if (isProcessed(drive.state.name)) return { kind: 'finished' };
      const record = await this.#recordOf(attempt, isTrial);
      await this.#markStarted(drive, record);
      const assignment = await assignmentOf({ drive, record, disk }, this.#deps);
      const result = await this.#copy(attempt, record, { assignment, signal });
      const outcome = await this.#ends.conclude(attempt, result, signal);
      if (result.kind === 'settled') this.#keep(removeJournal(assignment.journalFile));
      return outcome;
    } catch (error) {
      if (isCancelled(error)) return { kind: 'parked' };
      if (isStationsOwn(error)) {
        this.#deps.onStationFailed(error);
        return { kind: 'parked' };
      }
      return heldFor(codeOf(error), messageOf(error)) ?? { kind: 'failed', error };
    } finally {
      await this.#noted(this.#deps.disks.release(disk));
    }
  }

  /**
   * Binds the dock anew where that is due, then asks the disk all that is asked beside its reads. Answers
   * who still has it open, before a question or after it: to ask can hang as well.
   */
  async #prepare(
    attempt: Attempt,
    signal: AbortSignal,
  ): Promise<DiskHolder | 'replugged' | undefined> {
    const { disks } = this.#deps;
    const left = await untilLetGo(attempt, this.#deps, signal);
    if (left !== undefined) return left;
    if (await this.#deps.rebindDock(attempt.disk, attempt.item.ref)) return 'replugged';
    const health = await whileAsked(attempt.item, disks.health(attempt.disk, signal), this.#deps);
    const hung = await untilLetGo(attempt, this.#deps, signal);
    if (hung !== undefined) return hung;
    await this.#admit(attempt, { ...attempt.disk, health }, signal);
    return await untilLetGo(attempt, this.#deps, signal);
  }

  async #admit(attempt: Attempt, disk: AttachedDisk, signal: AbortSignal): Promise<void> {
    const { disks, ledger, logger } = this.#deps;
    const { ref, bay } = attempt.item;
    const admission = await whileAsked(attempt.item, disks.admit(disk, signal), this.#deps);
    if (disk.admission !== undefined || admission.kind === 'none') return;
    const { settings } = admission;
    logger.info({ drive: ref, bay, settings }, 'the drive was admitted');
    await ledger.note(driveEntity(ref), 'admitted', { disk: disk.key, settings }, 'station');
  }

  async #driveOf(ref: DriveRef): Promise<Drive> {
    const drive = await this.#deps.ledger.drive(ref);
    if (drive !== undefined) return drive;
    const { jobId: jobName, driveId } = ref;
    throw new StationError('drive-not-found', 'the drive is gone', { jobName, driveId });
  }

  /** A copy on hold is tried every minute, for days if need be: such tries are not counted nor logged. */
  async #recordOf({ item: { ref }, disk }: Attempt, isTrial: boolean): Promise<CopyRecord> {
    const { ledger } = this.#deps;
    const known = isTrial ? await ledger.copyOf(ref) : undefined;
    return known ?? (await ledger.beginCopyAttempt(ref, boundDiskOf(disk)));
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
        if (message.progress.stagedBytes <= heldAtFirst) return;
        this.#deps.holds.works(item);
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
    item.activity = attempt.shown.after(message, this.#deps.now()) ?? item.activity;
    switch (message.kind) {
      case 'progress':
        floor.progressed(item, message.progress);
        break;
      case 'storage-away':
        holds.away(item, message.detail);
        break;
      case 'storage-back':
      // It has taken what it was sent: it is there for the other drives of the job as well.
      case 'storage-committing':
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
      case 'phase':
      case 'rescuing':
      case 'storage-slow':
      case 'planned':
      case 'ready':
      case 'alive':
      case 'settled':
      case 'failed':
        break;
    }
    this.#deps.onProgress();
  }

  #retrying(reason: string): WorkItem['activity'] {
    return { kind: 'retrying', at: this.#deps.now().toISOString(), reason };
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
