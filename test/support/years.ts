import { join } from 'node:path';
import type { KilledCopy, StorageHalt, StuckProcess } from '../../src/domain/alert.ts';
import type { DriveId, DriveRef, JobId } from '../../src/domain/job.ts';
import type { Ledger, NewJob } from '../../src/ledger/contract.ts';
import { ClockWatch } from '../../src/work/clock-watch.ts';
import { LifeCycle } from '../../src/work/life-cycle.ts';
import { Troubles } from '../../src/work/troubles.ts';
import { DAY_MS, ManualClock } from './clock.ts';
import {
  aNewJob,
  aVerdict,
  BOUND_DISK,
  openLedger,
  type TemporaryDirectory,
  temporaryDirectory,
} from './ledger.ts';

export const FEDEX = { carrierName: 'FedEx', trackingNumber: '9 4055' };
export const ADDRESS = { recipientName: 'Contoso', city: 'Redmond' };

export const refOf = (jobId: JobId, driveId: string): DriveRef => ({
  jobId,
  driveId: driveId as DriveId,
});

/** The life cycle on a real ledger, with a clock that is moved: years pass in a second. */
export class Years implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly ledger: Ledger;
  halts: StorageHalt[] = [];
  stagedAt = new Map<string, string>();
  stuck: StuckProcess[] = [];
  killed: KilledCopy[] = [];
  missing = new Map<string, string>();
  readonly #directory: TemporaryDirectory;
  #cycle: LifeCycle | undefined;

  private constructor(directory: TemporaryDirectory, ledger: Ledger, clock: ManualClock) {
    this.#directory = directory;
    this.ledger = ledger;
    this.clock = clock;
  }

  static async begin(): Promise<Years> {
    const directory = await temporaryDirectory();
    const clock = new ManualClock('2026-01-01T00:00:00.000Z');
    const ledger = await openLedger(join(directory.path, 'ledger.sqlite'), clock.now);
    const years = new Years(directory, ledger, clock);
    await years.restart('boot-1');
    return years;
  }

  get cycle(): LifeCycle {
    if (this.#cycle === undefined) throw new RangeError('no life cycle has begun');
    return this.#cycle;
  }

  /** Another daemon goes on with the same ledger. */
  async restart(bootId: string): Promise<void> {
    const { ledger, clock } = this;
    const quiet = { info: () => undefined, warn: () => undefined };
    const troubles = new Troubles({ logger: quiet, now: clock.now, onChange: () => undefined });
    const watch = await ClockWatch.create({ clock, ledger, bootId });
    this.#cycle = new LifeCycle({
      ...{ ledger, clock: watch, troubles, logger: quiet },
      halts: () => this.halts,
      stuck: () => this.stuck,
      killed: () => this.killed,
      missing: async () => this.missing,
      rebinding: () => ({ isAllowed: false, failures: new Map() }),
      stagedAt: () => Promise.resolve(this.stagedAt),
    });
  }

  /** Rounds until nothing is left to do; a life cycle that never rests fails. */
  async settle(): Promise<void> {
    const { ledger, clock } = this;
    for (let round = 0; round < 20; round++) {
      const jobs = await ledger.openJobs(clock.now().toISOString());
      const drives = await ledger.drivesOfJobs(jobs.map(({ id }) => id));
      const entries = jobs.map((job) => ({ job, drives: drives.get(job.id) ?? [] }));
      if (!(await this.cycle.round(entries))) return;
    }
    throw new Error('the life cycle does not come to rest');
  }

  async pass(days: number): Promise<void> {
    this.clock.advance(days * DAY_MS);
    await this.settle();
  }

  async make(name: string, drives: readonly string[], over: Partial<NewJob> = {}): Promise<JobId> {
    const wanted = aNewJob(name, drives);
    const details = { ...wanted.details, returnAddress: ADDRESS, deliveryPackage: FEDEX };
    const { id } = await this.ledger.createJob({ ...wanted, details, ...over }, 'alex');
    return id;
  }

  async stateOf(id: JobId) {
    return (await this.ledger.jobByName(id))?.state.name;
  }

  async driveStates(id: JobId) {
    return (await this.ledger.drivesOf(id)).map(({ state }) => state.name);
  }

  async kinds() {
    return (await this.ledger.alerts.list('open')).map(({ kind }) => kind);
  }

  async arrive(id: JobId, drive: string) {
    return await this.ledger.transitionDrive(refOf(id, drive), { event: 'arrived' }, 'station');
  }

  async start(id: JobId, drive: string): Promise<void> {
    const ref = refOf(id, drive);
    const { id: copyId } = await this.ledger.beginCopyAttempt(ref, BOUND_DISK);
    await this.ledger.transitionDrive(ref, { event: 'copy-started', copyId }, 'station');
  }

  async finish(id: JobId, drive: string): Promise<void> {
    const change = { event: 'copy-verified', verdict: aVerdict('Completed') } as const;
    await this.ledger.transitionDrive(refOf(id, drive), change, 'station');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ledger.close();
    await this.#directory[Symbol.asyncDispose]();
  }
}
