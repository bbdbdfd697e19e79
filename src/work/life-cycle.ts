import {
  dueAlerts,
  type KilledCopy,
  type StorageHalt,
  type StuckProcess,
} from '../domain/alert.ts';
import type { Dock, Rebinding } from '../domain/dock.ts';
import { type Drive, driveKey, type Job, type JobId } from '../domain/job.ts';
import { dueLifeSteps, type JobOfTime, type LifeStep } from '../domain/life-cycle.ts';
import { isStationError } from '../errors.ts';
import type { Alert, ExtraDrive, Ledger } from '../ledger/contract.ts';
import { KILLED_ALERT, LIFE_CYCLE_TIME_OUTS, STUCK_ALERT } from '../limits.ts';
import { type ClockWatch, jumpInWords } from './clock-watch.ts';
import type { Troubles } from './troubles.ts';

export interface LifeCycleDependencies {
  readonly ledger: Ledger;
  readonly logger: { info(fields: object, message: string): void };
  readonly clock: ClockWatch;
  readonly troubles: Troubles;
  /** What copies wait for, as far as it is their storage. */
  halts(): readonly StorageHalt[];
  /** When the store last took something of drives whose copies are under way, by their keys. */
  stagedAt(drives: readonly Drive[]): Promise<ReadonlyMap<string, string>>;
  /** Processes that hang in the kernel, the longest first. */
  stuck(): readonly StuckProcess[];
  /** Copies whose processes are killed from outside. */
  killed(): readonly KilledCopy[];
  /** Since when the disks of drives in mid-copy are plugged in nowhere, by the drives' keys. */
  missing(drives: readonly Drive[]): Promise<ReadonlyMap<string, string>>;
  /** Where it did not work to bind a bridge to another driver, and whether that may be tried. */
  rebinding(): Rebinding;
}

const OVERTAKEN = [
  'transition-refused',
  'job-change-refused',
  'job-not-found',
  'drive-not-found',
] as const;

interface Entry {
  readonly job: Job;
  readonly drives: readonly Drive[];
}

/** Carries out what time and the drives' states ask of the jobs, and keeps the alerts up to date. */
export class LifeCycle {
  readonly #deps: LifeCycleDependencies;
  #alerts: readonly Alert[] = [];
  #extras: readonly ExtraDrive[] = [];
  #docks: readonly Dock[] = [];

  constructor(dependencies: LifeCycleDependencies) {
    this.#deps = dependencies;
  }

  /** What waits for operators, as of the last round. */
  get alerts(): readonly Alert[] {
    return this.#alerts;
  }

  /** Extra drives that are here, as of the last round. */
  get extras(): readonly ExtraDrive[] {
    return this.#extras;
  }

  /** What is known of docks, as of the last round. */
  get docks(): readonly Dock[] {
    return this.#docks;
  }

  /** One round over the jobs as they are in the ledger; whether anything was moved. */
  async round(jobs: readonly Entry[]): Promise<boolean> {
    const { ledger, clock, troubles } = this.#deps;
    await this.#watchClock();
    const nowMs = clock.now().getTime();
    const extras = await ledger.parcels.extras('here');
    this.#extras = extras;
    const unpacked = await ledger.parcels.unpackedJobs();
    const entries = [...jobs, ...(await this.#longFinished(nowMs))].map((entry): JobOfTime => {
      const { id } = entry.job;
      const extrasHere = extras.filter(({ jobId }) => jobId === id).length;
      return { ...entry, parcelUnpacked: unpacked.has(id), extrasHere };
    });
    const steps = entries.flatMap((entry) => dueLifeSteps(entry, nowMs, LIFE_CYCLE_TIME_OUTS));
    let moved = false;
    for (const step of steps) moved = (await this.#tryStep(step)) || moved;
    // Alerts speak of what is so after the steps, and those are followed by another round.
    if (moved) return true;
    const watched = [...jobs, ...(await this.#asked(jobs))];
    const drives = watched.flatMap((entry) => entry.drives);
    const stagedAt = await this.#deps.stagedAt(drives);
    const missing = await this.#deps.missing(drives);
    const stuck = this.#deps.stuck();
    this.#docks = await ledger.docks.all();
    const quirks = await ledger.docks.quirks();
    const docks = { docks: this.#docks, quirks, rebinding: this.#deps.rebinding() };
    const halts = this.#deps.halts();
    const killed = this.#deps.killed();
    const input = { jobs: watched, extras, halts, stagedAt, stuck, docks, killed, missing };
    const many = { stuckMany: STUCK_ALERT, killedMany: KILLED_ALERT };
    const limits = { timeOuts: LIFE_CYCLE_TIME_OUTS, ...many };
    const due = dueAlerts(input, nowMs, limits);
    await ledger.alerts.reconcile([...due, ...troubles.alerts]);
    this.#alerts = await ledger.alerts.list('open');
    return false;
  }

  /** A clock that was set is told of, and trusted when it is right again or a person says that it is. */
  async #watchClock(): Promise<void> {
    const { clock, troubles, ledger } = this.#deps;
    const jump = clock.look();
    if (jump === undefined) return troubles.end('clock-jumped');
    const [known] = troubles.alerts.filter(({ kind }) => kind === 'clock-jumped');
    if (known === undefined) {
      troubles.hold('clock-jumped', jumpInWords(jump));
      const data = { expected: jump.expected.toISOString(), found: jump.found.toISOString() };
      await ledger.note('station', 'clock-jumped', data, 'station');
      return;
    }
    const alerts = await ledger.alerts.list('all');
    const answer = alerts.find(({ key }) => key === known.key)?.resolved;
    if (answer?.resolution !== 'clock-is-right') return;
    await clock.accept(answer.by);
    troubles.end('clock-jumped');
  }

  /** Jobs that finished some time ago and still have something to ask of a person. */
  async #asked(jobs: readonly Entry[]): Promise<Entry[]> {
    const { ledger } = this.#deps;
    const looked = new Set(jobs.map(({ job }) => job.id));
    const open = await ledger.alerts.list('open');
    const ids = new Set(open.flatMap(({ subject }) => subject.jobId ?? []));
    const asked: Entry[] = [];
    for (const id of ids.difference(looked)) {
      const job = await ledger.jobByName(id);
      if (job !== undefined) asked.push({ job, drives: await ledger.drivesOf(id) });
    }
    return asked;
  }

  async #longFinished(nowMs: number): Promise<Entry[]> {
    const before = new Date(nowMs - LIFE_CYCLE_TIME_OUTS.finishedMs).toISOString();
    const jobs = await this.#deps.ledger.finishedJobs(before);
    return jobs.map((job) => ({ job, drives: [] }));
  }

  /** A client can have changed the job since it was read: the next round sees it as it is. */
  async #tryStep(step: LifeStep): Promise<boolean> {
    try {
      await this.#carryOut(step);
      return true;
    } catch (error) {
      if (!isStationError(error, ...OVERTAKEN)) throw error;
      this.#deps.logger.info({ step: step.kind }, `overtaken by another change: ${error.message}`);
      return false;
    }
  }

  /** A new kind of step does not compile until it is carried out here. */
  async #carryOut(step: LifeStep): Promise<void> {
    const { ledger, logger } = this.#deps;
    switch (step.kind) {
      case 'move-job': {
        const { jobId, event, why } = step;
        logger.info({ jobId, event }, why);
        await ledger.transitionJob(jobId, { event, why }, 'station');
        break;
      }
      case 'mark-missing': {
        const { ref, why } = step;
        logger.info({ drive: driveKey(ref) }, `marked as never received: ${why}`);
        await ledger.transitionDrive(ref, { event: 'missing', why }, 'station');
        break;
      }
      case 'delete-job':
        await this.#delete(step.jobId, step.why);
    }
  }

  async #delete(id: JobId, why: string): Promise<void> {
    this.#deps.logger.info({ jobId: id }, `the job is deleted: ${why}`);
    await this.#deps.ledger.deleteJob(id, 'station', 'expired');
  }
}
