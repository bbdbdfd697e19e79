import { rm } from 'node:fs/promises';
import type { StorageAccount } from '../blobs/contract.ts';
import { removeBadPlaces } from '../copy/bad-places.ts';
import { type CopyResult, runCopyProcess } from '../copy/copy-process.ts';
import type { Assignment, CopyFailure, FromCopy } from '../copy/messages.ts';
import type { AttachedDisk, DiskHealth } from '../domain/disk.ts';
import { shownSerial } from '../domain/disk.ts';
import type { Fault } from '../domain/drive-state.ts';
import {
  type BoundDisk,
  type Drive,
  type DriveRef,
  driveKey,
  type Job,
  type JobId,
  type PlanRequest,
  planOfDrive,
} from '../domain/job.ts';
import { nextStepFor } from '../error-help.ts';
import { isCancelled, isStationError, messageOf, StationError } from '../errors.ts';
import type { CopyRecord, CopyTask, Ledger } from '../ledger/contract.ts';
import type { CopyOutcome } from '../ledger/copy-queue.ts';
import type { Floor, WorkItem } from './floor.ts';
import { journalFileOf } from './staged-at.ts';
import { isStationsOwn, stationsOwn } from './stations-own.ts';
import { type StorageHolds, type StorageTrouble, storageTroubleOf } from './storage-holds.ts';

export interface RunnerLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface RunnerDependencies {
  readonly ledger: Ledger;
  readonly floor: Floor;
  readonly holds: StorageHolds;
  readonly logger: RunnerLogger;
  /** Holds the copy journals. */
  readonly journalDirectory: string;
  /** A disk that has not answered for this long is given up. */
  readonly readHangMs: number;
  /** Time for all bad areas of a disk. */
  readonly rescueMs?: number;
  diskOf(item: WorkItem): AttachedDisk | undefined;
  /** Looks at what is attached; resolves when the facts are of now, or cannot be had. */
  lookAgain(): Promise<void>;
  /**
   * Asked by each attempt anew, so that a renewed credential is used by the next one. Throws
   * `storage-account-unknown`, `credential-missing`, `secret-unreadable`.
   */
  storageOf(job: Job): Promise<StorageAccount>;
  probeHealth(disk: AttachedDisk, signal: AbortSignal): Promise<DiskHealth>;
  now(): Date;
  /** The way a copy goes has changed: the screens want to know. */
  onProgress(): void;
  /** The state of a drive has changed, or nobody works on it any more: a decision is due. */
  onOutcome(): void;
  onAbandoned(pid: number, ref: DriveRef): void;
  /** The station itself could not do its part: no copy is to be started before it can. */
  onStationFailed(error: unknown): void;
}

/** How a run ended: as the queue wants to know it, or outside of the queue, waiting for its storage. */
type RunEnd = CopyOutcome | { readonly kind: 'held'; readonly trouble: StorageTrouble };

/** The ledger keeps progress for the time after a restart; it need not know every block. */
const PROGRESS_TO_LEDGER_MS = 2_000;

/**
 * Runs the copy of one drive, attempt by attempt: assigns the disk to a copy process, keeps the ledger
 * and the floor informed, and turns how it ended into the drive's next state. It settles, always.
 */
export class CopyRunner {
  readonly #deps: RunnerDependencies;

  constructor(dependencies: RunnerDependencies) {
    this.#deps = dependencies;
  }

  /** One task of the queue. `parked`: the disk is not there; a later decision queues it again. */
  async run(task: CopyTask, signal: AbortSignal): Promise<CopyOutcome> {
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
    const outcome = await this.#unlessHeld(item, disk, AbortSignal.any([signal, item.stop.signal]));
    if (outcome.kind === 'held' && !item.stop.signal.aborted) {
      this.#deps.holds.hold(item, outcome.trouble);
      return { kind: 'parked' };
    }
    if (outcome.kind !== 'failed') floor.end(item);
    else item.activity = this.#retrying(outcome.error);
    this.#deps.onOutcome();
    if (outcome.kind === 'held') return { kind: 'parked' };
    if (outcome.kind !== 'failed') return outcome;
    // Days of copying with a crash now and then are no defect; an attempt that gets no further is one.
    return { ...outcome, progressed: (item.progress?.stagedBytes ?? 0) > safeBefore };
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
  async #unlessHeld(item: WorkItem, disk: AttachedDisk, signal: AbortSignal): Promise<RunEnd> {
    const { holds } = this.#deps;
    const known = holds.inTheWay(item);
    if (known !== undefined) return { kind: 'held', trouble: known };
    using place = holds.begin(item);
    const end = await this.#attempt(item, disk, AbortSignal.any([signal, place.signal]));
    if (end.kind !== 'parked' || signal.aborted || place.trouble === undefined) return end;
    return { kind: 'held', trouble: place.trouble };
  }

  async #attempt(item: WorkItem, disk: AttachedDisk, signal: AbortSignal): Promise<RunEnd> {
    try {
      if (!this.#deps.holds.isHeld(item)) item.activity = { kind: 'starting' };
      const drive = await this.#driveOf(item.ref);
      await this.#deps.probeHealth(disk, signal);
      const record = await this.#deps.ledger.beginCopyAttempt(item.ref, boundDiskOf(disk));
      await this.#markStarted(drive, record);
      const assignment = await this.#assignment(drive, record, disk);
      const result = await this.#copy(item, record, { assignment, signal });
      const outcome = await this.#conclude(item, result);
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

  async #assignment(drive: Drive, record: CopyRecord, disk: AttachedDisk): Promise<Assignment> {
    const job = await this.#jobOf(drive.ref.jobId, drive.jobName);
    const { details } = job;
    const plan = planOfDrive(details.plan, drive.listed);
    const prepared = await this.#preparedOf(drive, plan);
    return {
      kind: 'assignment',
      copyId: record.id,
      nonce: record.nonce,
      driveId: drive.ref.driveId,
      disk: {
        devicePath: disk.devicePath,
        diskseq: disk.diskseq,
        sizeBytes: disk.sizeBytes,
        wwns: [...disk.identity.wwns],
        writesAtFirstSight: disk.writesAtFirstSight,
      },
      plan: { ...plan },
      ...(prepared === undefined ? {} : { prepared }),
      storage: await this.#deps.storageOf(job),
      logs: {
        jobName: drive.jobName,
        level: details.logLevel,
        path: details.diagnosticsPath,
        backupManifest: details.backupDriveManifest,
      },
      journalFile: journalFileOf(this.#deps.journalDirectory, record),
      readHangMs: this.#deps.readHangMs,
      ...(this.#deps.rescueMs === undefined ? {} : { rescueMs: this.#deps.rescueMs }),
    };
  }

  /** What the job says of a drive whose files are copied, its key included; an image needs none of it. */
  async #preparedOf({ ref, listed }: Drive, plan: PlanRequest): Promise<Assignment['prepared']> {
    if (plan.kind === 'image') return undefined;
    const { manifestFile, manifestHash } = listed ?? {};
    const keys = await this.#deps.ledger.bitLockerKeys(ref.jobId);
    const key = keys.find(({ driveId }) => driveId === ref.driveId);
    return {
      ...(manifestFile === undefined ? {} : { manifestFile }),
      ...(manifestHash === undefined ? {} : { manifestHash }),
      ...(key === undefined ? {} : { bitLockerKey: key.bitLockerKey }),
    };
  }

  async #jobOf(id: JobId, name: string) {
    const job = await this.#deps.ledger.jobByName(id);
    if (job?.id === id) return job;
    throw new StationError('job-not-found', `job ${name} is gone`, { jobName: name });
  }

  async #copy(
    item: WorkItem,
    record: CopyRecord,
    { assignment, signal }: { assignment: Assignment; signal: AbortSignal },
  ): Promise<CopyResult> {
    const { ledger, floor } = this.#deps;
    let toldAt = Number.NEGATIVE_INFINITY;
    let heldAtFirst: number | undefined;
    const tellLedger = (force: boolean) => {
      const nowMs = performance.now();
      if (item.progress === undefined || (!force && nowMs - toldAt < PROGRESS_TO_LEDGER_MS)) return;
      toldAt = nowMs;
      return ledger.recordProgress(record.id, item.progress);
    };
    const listener = {
      onMessage: (message: FromCopy) => {
        this.#hear(item, message);
        if (message.kind === 'planned') this.#keep(ledger.recordPlan(record.id, message.plan));
        if (message.kind !== 'progress') return;
        this.#keep(tellLedger(false));
        heldAtFirst ??= message.progress.stagedBytes;
        if (message.progress.stagedBytes > heldAtFirst) this.#deps.holds.works(item);
      },
      onAbandoned: (pid: number) => this.#deps.onAbandoned(pid, item.ref),
    };
    const result = await runCopyProcess(assignment, listener, signal);
    await tellLedger(true);
    floor.storageBack(item.ref);
    return result;
  }

  /** What is only told or tidied must not end the copy when it cannot be done now. */
  #keep(written: Promise<void> | undefined): void {
    void written?.catch((err) => this.#deps.logger.warn({ err }, 'a side task of a copy failed'));
  }

  #hear(item: WorkItem, message: FromCopy): void {
    const { floor, holds, logger } = this.#deps;
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

  async #conclude(item: WorkItem, result: CopyResult): Promise<RunEnd> {
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
    const { failure } = result;
    logger.warn({ drive: item.ref, code: failure.code, detail: failure.payload }, failure.message);
    const held = heldFor(failure.code, failure.message);
    if (held !== undefined) return held;
    switch (endingOf(failure)) {
      case 'parked':
        return { kind: 'parked' };
      case 'disk-away':
        return await this.#concludeAway(item, failure);
      case 'faulted':
        await this.#fault(item.ref, failure.code, failure.message);
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

function boundDiskOf(disk: AttachedDisk): BoundDisk {
  return {
    serial: shownSerial(disk.identity) ?? '',
    sizeBytes: disk.sizeBytes,
    wwns: disk.identity.wwns,
    bay: disk.bay,
  };
}

/**
 * What a failure means for the drive: wait for its disk, ask a person at once, or try again. An
 * attempt counts only where trying again can help.
 */
function endingOf(failure: CopyFailure): 'parked' | 'disk-away' | 'faulted' | 'station' | 'retry' {
  switch (failure.code) {
    case 'cancelled':
      return 'parked';
    case 'state-disk-failed':
    case 'copy-process-not-started':
      return 'station';
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

/** Trouble of the storage is nobody's failure: the drive waits for it outside of the queue. */
function heldFor(code: string, reason: string): RunEnd | undefined {
  const trouble = storageTroubleOf(code, reason);
  return trouble === undefined ? undefined : { kind: 'held', trouble };
}

function attemptFailed({ code, message, payload: detail }: CopyFailure): CopyOutcome {
  const error = new StationError('copy-attempt-failed', message, { code, detail });
  return { kind: 'failed', error };
}

/** The code that stands for what went wrong, also when it went wrong in the copy process. */
function codeOf(error: unknown): string {
  if (isStationError(error, 'copy-attempt-failed')) return error.payload.code;
  return isStationError(error) ? error.code : 'internal-error';
}
