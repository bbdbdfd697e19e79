import type { DiskDetector } from '../detect/contract.ts';
import type { StuckProcess } from '../domain/alert.ts';
import { decide, type Step, type StopReason } from '../domain/decide.ts';
import { type DiskKey, shownSerial } from '../domain/disk.ts';
import type { Dock } from '../domain/dock.ts';
import { type Drive, type DriveRef, driveKey, type Job } from '../domain/job.ts';
import type { Match } from '../domain/matching.ts';
import type { Parcel } from '../domain/parcel.ts';
import type { Alert, ExtraDrive, Ledger } from '../ledger/contract.ts';
import type { CopyQueue } from '../ledger/copy-queue.ts';
import { FINISHED_SHOWN_MS } from '../limits.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { Floor } from './floor.ts';
import { LifeCycle, type LifeCycleDependencies } from './life-cycle.ts';
import type { Troubles } from './troubles.ts';

export interface CoordinatorLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface CoordinatorDependencies
  extends Pick<LifeCycleDependencies, 'halts' | 'stagedAt' | 'rebinding' | 'killed' | 'missing'> {
  readonly ledger: Ledger;
  readonly detector: DiskDetector;
  readonly queue: CopyQueue;
  readonly floor: Floor;
  readonly logger: CoordinatorLogger;
  readonly clock: ClockWatch;
  readonly troubles: Troubles;
  now(): Date;
  /** Processes that hang in the kernel, the longest first. */
  stuck(): readonly StuckProcess[];
  /** Told of the jobs as they are after each round. */
  afterRound(jobs: readonly JobWithDrives[]): void;
  /** Something that screens show has changed. */
  onChange(): void;
}

export interface JobWithDrives {
  readonly job: Job;
  readonly drives: readonly Drive[];
}

/** Whether a step changes what the ledger says of jobs and drives, so that more may be due. */
const CHANGES_LEDGER: { readonly [Kind in Step['kind']]: boolean } = {
  'receive-drive': true,
  'start-copy': false,
  'stop-copy': false,
  'flag-extra': true,
  'register-export-drive': true,
  'fault-early-job': true,
};

type StepOf<Kind extends Step['kind']> = Extract<Step, { kind: Kind }>;

/**
 * The reconcile loop: whenever facts or ledger may have changed, it asks `decide` for the next steps
 * and carries them out, then does what time and the drives' states ask of the jobs. One round runs at a
 * time; a round that changed something is followed by another, until nothing is left to do.
 */
export class Coordinator {
  readonly #deps: CoordinatorDependencies;
  readonly #lifeCycle: LifeCycle;
  #jobs: readonly JobWithDrives[] = [];
  #alerts: readonly Alert[] = [];
  #checkIn: Parcel | undefined;
  #wanted = false;
  #round: Promise<void> | undefined;
  #closed = false;

  constructor(dependencies: CoordinatorDependencies) {
    this.#deps = dependencies;
    this.#lifeCycle = new LifeCycle(dependencies);
  }

  /**
   * Jobs and drives as of the last round: those with something to come, and the lately finished. A fault
   * comes and goes together with its alert.
   */
  get jobs(): readonly JobWithDrives[] {
    return this.#jobs;
  }

  /** The parcel that is being checked in, as of the last round. */
  get checkIn(): Parcel | undefined {
    return this.#checkIn;
  }

  /** What waits for operators, as of the last round. */
  get alerts(): readonly Alert[] {
    return this.#alerts;
  }

  /** Extra drives that are here, as of the last round. */
  get extras(): readonly ExtraDrive[] {
    return this.#lifeCycle.extras;
  }

  /** What is known of docks, as of the last round. */
  get docks(): readonly Dock[] {
    return this.#lifeCycle.docks;
  }

  /** Ends a copy in order, so that the dock of its disk can be bound to another driver; it goes on then. */
  pauseForDock(ref: DriveRef): void {
    const bay = this.#deps.floor.working.get(driveKey(ref))?.bay ?? '?';
    this.#stopCopy({ kind: 'stop-copy', ref, reason: { why: 'rebind', bay } });
  }

  /** Asks for a round; resolves when one that began after the call has ended. */
  poke(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#wanted = true;
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#round;
  }

  async #rounds(): Promise<void> {
    while (this.#wanted && !this.#closed) {
      this.#wanted = false;
      try {
        if (await this.#oneRound()) this.#wanted = true;
      } catch (err) {
        this.#deps.logger.error(
          { err },
          'a round of decisions failed; the next change tries again',
        );
      }
    }
  }

  /** Whether something was done that may call for more. */
  async #oneRound(): Promise<boolean> {
    // Before the ledger is read: who has ended work by then has put down what came of it.
    const working = new Map(this.#deps.floor.working);
    let jobs = await this.#load();
    if (faultsOf(jobs) === faultsOf(this.#jobs)) this.#jobs = jobs;
    try {
      const changed = await this.#takeSteps(jobs, working);
      if (changed) jobs = await this.#load();
      const moved = await this.#lifeCycle.round(jobs);
      if (!moved) {
        this.#jobs = jobs;
        this.#alerts = this.#lifeCycle.alerts;
      }
      this.#deps.afterRound(this.#jobs);
      this.#deps.onChange();
      return moved || changed;
    } catch (error) {
      // A fault that nobody can be alerted to now is shown all the same.
      this.#jobs = jobs;
      throw error;
    }
  }

  /** Carries out what is decided for these jobs; whether the ledger says something else of them now. */
  async #takeSteps(jobs: readonly JobWithDrives[], working: Floor['working']): Promise<boolean> {
    const { detector, floor, ledger } = this.#deps;
    this.#checkIn = await ledger.parcels.checkIn();
    const facts = detector.facts();
    const { matches, steps } = decide({
      facts,
      jobs,
      confirmations: floor.confirmations,
      working,
      flaggedExtras: floor.flaggedExtras,
      checkIn: this.#checkIn,
    });
    await this.#noteMatches(matches);
    floor.matches = matches;
    for (const step of steps) await this.#carryOut(step);
    return steps.some((step) => CHANGES_LEDGER[step.kind]);
  }

  async #load(): Promise<JobWithDrives[]> {
    const { ledger, now } = this.#deps;
    const finishedAfter = new Date(now().getTime() - FINISHED_SHOWN_MS).toISOString();
    const jobs = await ledger.openJobs(finishedAfter);
    const drives = await ledger.drivesOfJobs(jobs.map(({ id }) => id));
    return jobs.map((job) => ({ job, drives: drives.get(job.id) ?? [] }));
  }

  /** A new kind of step does not compile until it is carried out here. */
  #carryOut(step: Step): Promise<void> | void {
    this.#deps.logger.debug({ step: step.kind }, 'next step');
    switch (step.kind) {
      case 'receive-drive':
        return this.#receive(step);
      case 'start-copy':
        return this.#startCopy(step);
      case 'stop-copy':
        return this.#stopCopy(step);
      case 'flag-extra':
        return this.#flagExtra(step);
      case 'register-export-drive':
        return this.#registerExportDrive(step);
      case 'fault-early-job':
        return this.#faultEarlyJob(step);
    }
  }

  async #receive({ ref, disk }: StepOf<'receive-drive'>): Promise<void> {
    const parcel = this.#checkIn?.jobId === ref.jobId ? { parcelId: this.#checkIn.id } : {};
    const serial = shownSerial(disk.identity);
    const seen = serial === undefined ? {} : { serial };
    const change = { event: 'arrived', ...parcel, ...seen } as const;
    await this.#deps.ledger.transitionDrive(ref, change, 'station');
  }

  async #registerExportDrive({ driveId }: StepOf<'register-export-drive'>): Promise<void> {
    if (this.#checkIn === undefined) return;
    const { id, jobId } = this.#checkIn;
    await this.#deps.ledger.parcels.registerExportDrive(jobId, driveId, id);
  }

  async #faultEarlyJob({ ref, disk }: StepOf<'fault-early-job'>): Promise<void> {
    const fault = {
      code: 'arrived-before-shipping',
      reason: `Drive ${ref.driveId} came (${disk.bay}) before the job was shipped; it is not read.`,
      nextStep: 'The customer has to update the job to Shipping; it then goes on by itself.',
    } as const;
    await this.#deps.ledger.transitionJob(ref.jobId, { event: 'faulted', fault }, 'station');
  }

  async #startCopy({ ref, disk }: StepOf<'start-copy'>): Promise<void> {
    const { key, bay, rotational } = disk;
    const item = this.#deps.floor.begin(ref, { disk: key, bay, rotational });
    try {
      await this.#deps.queue.enqueue({ id: driveKey(ref), ref });
    } catch (error) {
      // Nobody works on it: the next round decides anew.
      this.#deps.floor.end(item);
      throw error;
    }
  }

  #stopCopy({ ref, reason }: StepOf<'stop-copy'>): void {
    const { floor, queue, logger } = this.#deps;
    const item = floor.working.get(driveKey(ref));
    if (item === undefined || item.stop.signal.aborted) return;
    logger.info({ drive: ref, reason }, `the copy is stopped: ${stopInWords(reason)}`);
    if (reason.why === 'detached') floor.detached(ref, this.#deps.now().toISOString());
    item.stop.abort();
    // Not waited for: a disk that hangs can take its time, and the other drives need this loop.
    void queue
      .cancel(driveKey(ref))
      .catch((err) => logger.error({ err, drive: ref }, 'a copy could not be taken from the queue'))
      .then((wasRunning) => {
        // One that runs ends in its own time, and says so.
        if (wasRunning !== true) floor.end(item);
        return this.poke();
      });
  }

  async #flagExtra({ disk, reason }: StepOf<'flag-extra'>): Promise<void> {
    const { ledger, floor, logger } = this.#deps;
    const { jobId = null, id: parcelId = null } = this.#checkIn ?? {};
    const serial = shownSerial(disk.identity) ?? null;
    const model = disk.identity.model ?? null;
    await ledger.parcels.flagExtra({ serial, model, bay: disk.bay, jobId, parcelId, reason });
    floor.flaggedExtras.add(disk.key);
    logger.info({ disk: disk.key, bay: disk.bay, jobId }, 'an extra drive; it is not read');
  }

  /** The event log tells whose each disk was taken to be, once for each attachment and answer. */
  async #noteMatches(matches: ReadonlyMap<DiskKey, Match>): Promise<void> {
    const { ledger, floor, logger } = this.#deps;
    for (const [key, match] of matches) {
      const before = floor.matches.get(key);
      if (before?.kind === match.kind && before.reason === match.reason) continue;
      if (match.kind === 'own') continue;
      logger.info({ disk: key, match: match.kind }, match.reason);
      await ledger.note(
        `disk:${key}`,
        `matched-${match.kind}`,
        { reason: match.reason },
        'station',
      );
    }
  }
}

/** Which jobs and drives are faulted, and since when. */
function faultsOf(entries: readonly JobWithDrives[]): string {
  const states = entries.flatMap(({ job, drives }) => [job.state, ...drives.map((d) => d.state)]);
  return JSON.stringify(states.filter(({ name }) => name === 'Faulted'));
}

function stopInWords(reason: StopReason): string {
  switch (reason.why) {
    case 'detached':
      return `the disk in ${reason.bay} was pulled`;
    case 'contested':
      return reason.words;
    case 'rebind':
      return `the dock in ${reason.bay} is to be bound to another driver`;
    case 'ended':
      return 'its drive has ended';
    case 'cancelled':
      return 'the job is cancelled or gone';
  }
}
