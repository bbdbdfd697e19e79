import type { DiskDetector } from '../detect/contract.ts';
import { decide, type Step, type StopReason } from '../domain/decide.ts';
import { type DiskKey, shownSerial } from '../domain/disk.ts';
import { type Drive, driveKey, type Job, type JobId } from '../domain/job.ts';
import { dueJobEvent, isActive } from '../domain/job-state.ts';
import type { Match } from '../domain/matching.ts';
import type { Ledger } from '../ledger/contract.ts';
import type { CopyQueue } from '../ledger/copy-queue.ts';
import type { Floor } from './floor.ts';

export interface CoordinatorLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface CoordinatorDependencies {
  readonly ledger: Ledger;
  readonly detector: DiskDetector;
  readonly queue: CopyQueue;
  readonly floor: Floor;
  readonly logger: CoordinatorLogger;
  now(): Date;
  /** Something that screens show has changed. */
  onChange(): void;
}

export interface JobWithDrives {
  readonly job: Job;
  readonly drives: readonly Drive[];
}

type StepOf<Kind extends Step['kind']> = Extract<Step, { kind: Kind }>;

/**
 * The reconcile loop: whenever facts or ledger may have changed, it asks `decide` for the next steps
 * and carries them out, then settles what the drives' states mean for their jobs. One round runs at a
 * time; a round that changed something is followed by another, until nothing is left to do.
 */
export class Coordinator {
  readonly #deps: CoordinatorDependencies;
  #jobs: readonly JobWithDrives[] = [];
  #checkIn: JobId | undefined;
  #wanted = false;
  #round: Promise<void> | undefined;
  #closed = false;

  constructor(dependencies: CoordinatorDependencies) {
    this.#deps = dependencies;
  }

  /** Jobs and drives as of the last round. */
  get jobs(): readonly JobWithDrives[] {
    return this.#jobs;
  }

  /** Name of the job whose parcel is being checked in, as of the last round. */
  get checkIn(): string | null {
    return this.#jobs.find(({ job }) => job.id === this.#checkIn)?.job.name ?? null;
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
    const { detector, floor } = this.#deps;
    // Before the ledger is read: who has ended work by then has put down what came of it.
    const working = new Map(floor.working);
    this.#jobs = await this.#load();
    this.#checkIn = await this.#deps.ledger.checkIn();
    const facts = detector.facts();
    const { matches, steps } = decide({
      facts,
      jobs: this.#jobs,
      confirmations: floor.confirmations,
      working,
      flaggedExtras: floor.flaggedExtras,
      checkIn: this.#checkIn,
    });
    await this.#noteMatches(matches);
    floor.matches = matches;
    for (const step of steps) await this.#carryOut(step);
    const moved = await this.#settleJobs();
    this.#deps.onChange();
    return moved || steps.some((step) => step.kind === 'receive-drive');
  }

  async #load(): Promise<JobWithDrives[]> {
    const { ledger } = this.#deps;
    const jobs = await ledger.jobs();
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
    }
  }

  async #receive({ ref }: StepOf<'receive-drive'>): Promise<void> {
    await this.#deps.ledger.transitionDrive(ref, { event: 'arrived' }, 'station');
  }

  async #startCopy({ ref, disk }: StepOf<'start-copy'>): Promise<void> {
    const { key, bay, rotational } = disk;
    this.#deps.floor.begin(ref, { disk: key, bay, rotational });
    await this.#deps.queue.enqueue({ id: driveKey(ref), ref });
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

  async #flagExtra({ disk, jobId, reason }: StepOf<'flag-extra'>): Promise<void> {
    const { ledger, floor, logger } = this.#deps;
    const serial = shownSerial(disk.identity) ?? null;
    const model = disk.identity.model ?? null;
    await ledger.flagExtra({ serial, model, bay: disk.bay, jobId, reason });
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

  async #settleJobs(): Promise<boolean> {
    let moved = false;
    for (const { job } of this.#jobs.filter((entry) => isActive(entry.job.state))) {
      moved = (await this.#settleJob(job.id, job)) || moved;
    }
    return moved;
  }

  async #settleJob(id: JobId, job: Job): Promise<boolean> {
    const { ledger } = this.#deps;
    const drives = await ledger.drivesOf(id);
    const event = dueJobEvent(
      job.state,
      drives.map((drive) => drive.state.name),
    );
    if (event === undefined) return false;
    await ledger.transitionJob(id, event, 'station');
    return true;
  }
}

function stopInWords(reason: StopReason): string {
  switch (reason.why) {
    case 'detached':
      return `the disk in ${reason.bay} was pulled`;
    case 'contested':
      return reason.words;
    case 'cancelled':
      return 'the job is gone';
  }
}
