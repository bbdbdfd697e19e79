import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StorageHalt, StuckProcess } from '../../../src/domain/alert.ts';
import type { BridgeId } from '../../../src/domain/disk.ts';
import { DRIVE_TRANSITIONS } from '../../../src/domain/drive-state.ts';
import type { DriveId, DriveRef, JobId } from '../../../src/domain/job.ts';
import { isFinished, JOB_TRANSITIONS, nextJobState } from '../../../src/domain/job-state.ts';
import { stopWaiting } from '../../../src/domain/life-cycle.ts';
import { endedWithoutCopy } from '../../../src/domain/verdict.ts';
import { isStationError } from '../../../src/errors.ts';
import type { Ledger, NewJob } from '../../../src/ledger/contract.ts';
import { ClockWatch } from '../../../src/work/clock-watch.ts';
import { LifeCycle } from '../../../src/work/life-cycle.ts';
import { operatorActions } from '../../../src/work/operator-actions.ts';
import { Troubles } from '../../../src/work/troubles.ts';
import { DAY_MS, ManualClock } from '../../support/clock.ts';
import {
  aNewJob,
  aVerdict,
  BOUND_DISK,
  openLedger,
  type TemporaryDirectory,
  temporaryDirectory,
} from '../../support/ledger.ts';

/** The life cycle on a real ledger, with a clock that is moved: years pass in a second. */

const FEDEX = { carrierName: 'FedEx', trackingNumber: '9 4055' };
const ADDRESS = { recipientName: 'Contoso', city: 'Redmond' };

let directory: TemporaryDirectory;
let ledger: Ledger;
let clock: ManualClock;
let cycle: LifeCycle;
let halts: StorageHalt[];
let stagedAt: Map<string, string>;
let stuck: StuckProcess[] = [];

beforeEach(async () => {
  stuck = [];
  directory = await temporaryDirectory();
  clock = new ManualClock('2026-01-01T00:00:00.000Z');
  ledger = await openLedger(join(directory.path, 'ledger.sqlite'), clock.now);
  halts = [];
  stagedAt = new Map();
  stuck = [];
  cycle = await aLifeCycle();
});
afterEach(async () => {
  await ledger.close();
  await directory[Symbol.asyncDispose]();
});

async function aLifeCycle(bootId = 'boot-1'): Promise<LifeCycle> {
  const quiet = { info: () => undefined, warn: () => undefined };
  const troubles = new Troubles({ logger: quiet, now: clock.now, onChange: () => undefined });
  const watch = await ClockWatch.create({ clock, ledger, bootId });
  return new LifeCycle({
    ...{ ledger, clock: watch, troubles, logger: quiet },
    halts: () => halts,
    stuck: () => stuck,
    rebinding: () => ({ isAllowed: false, failures: new Map() }),
    stagedAt: () => Promise.resolve(stagedAt),
  });
}

/** Rounds until nothing is left to do; a life cycle that never rests fails. */
async function settle(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const jobs = await ledger.openJobs(clock.now().toISOString());
    const drives = await ledger.drivesOfJobs(jobs.map(({ id }) => id));
    const entries = jobs.map((job) => ({ job, drives: drives.get(job.id) ?? [] }));
    if (!(await cycle.round(entries))) return;
  }
  throw new Error('the life cycle does not come to rest');
}

async function pass(days: number): Promise<void> {
  clock.advance(days * DAY_MS);
  await settle();
}

async function make(name: string, drives: readonly string[], over: Partial<NewJob> = {}) {
  const wanted = aNewJob(name, drives);
  const details = { ...wanted.details, returnAddress: ADDRESS, deliveryPackage: FEDEX };
  const { id } = await ledger.createJob({ ...wanted, details, ...over }, 'alex');
  return id;
}

const stateOf = async (id: JobId) => (await ledger.jobByName(id))?.state.name;
const driveStates = async (id: JobId) => (await ledger.drivesOf(id)).map(({ state }) => state.name);
const kinds = async () => (await ledger.alerts.list('open')).map(({ kind }) => kind);
const refOf = (jobId: JobId, driveId: string): DriveRef => ({
  jobId,
  driveId: driveId as DriveId,
});
const arrive = (id: JobId, drive: string) =>
  ledger.transitionDrive(refOf(id, drive), { event: 'arrived' }, 'station');

async function start(id: JobId, drive: string): Promise<void> {
  const ref = refOf(id, drive);
  const { id: copyId } = await ledger.beginCopyAttempt(ref, BOUND_DISK);
  await ledger.transitionDrive(ref, { event: 'copy-started', copyId }, 'station');
}

async function finish(id: JobId, drive: string): Promise<void> {
  const change = { event: 'copy-verified', verdict: aVerdict('Completed') } as const;
  await ledger.transitionDrive(refOf(id, drive), change, 'station');
}

describe('a job in Creating', () => {
  it('is deleted after two weeks, and every change starts the two weeks anew', async () => {
    const id = await make('job', ['A1'], { shipped: false });
    await pass(13.9);
    expect(await stateOf(id)).toBe('Creating');
    await ledger.updateJob(id, { logLevel: 'Verbose' }, 'alex');
    await pass(13.9);
    expect(await stateOf(id)).toBe('Creating');
    await pass(0.2);
    expect(await stateOf(id)).toBeUndefined();
  });

  it('that an operator takes as shipped is waited for from then on', async () => {
    const id = await make('c1', ['A1'], { shipped: false });
    const fault = {
      code: 'arrived-before-shipping',
      reason: 'A1 came.',
      nextStep: 'Ask.',
    } as const;
    await ledger.transitionJob(id, { event: 'faulted', fault }, 'station');
    await pass(20);
    await ledger.transitionJob(id, { event: 'back-to-shipping' }, 'sam');
    await pass(13);
    expect(await kinds()).toEqual([]);
    await pass(1);
    expect(await kinds()).toEqual(['package-missing']);
  });

  it('whose drives came early is kept, told to the operators, and goes on when shipped', async () => {
    const id = await make('job', ['A1'], { shipped: false });
    const fault = {
      code: 'arrived-before-shipping',
      reason: 'A1 came.',
      nextStep: 'Ask.',
    } as const;
    await ledger.transitionJob(id, { event: 'faulted', fault }, 'station');
    await settle();
    expect(await kinds()).toEqual(['contact-customer']);
    await pass(14);
    expect((await kinds()).sort()).toEqual(['contact-customer', 'return-drives']);
    await pass(76);
    expect(await kinds()).toContain('drives-to-destroy');
    expect(await stateOf(id)).toBe('Faulted');
    await ledger.updateJob(id, { ship: true }, 'alex');
    await settle();
    expect(await stateOf(id)).toBe('Shipping');
    expect(await kinds()).toEqual([]);
  });
});

describe('a job in Creating that was held', () => {
  const early = { code: 'arrived-before-shipping', reason: 'A1 came.', nextStep: 'Ask.' } as const;
  const aside = { code: 'put-aside', reason: 'No such account.', nextStep: 'Ask.' } as const;

  it('has its two weeks anew when an operator leads it back', async () => {
    const id = await make('job', ['A1'], { shipped: false });
    await ledger.transitionJob(id, { event: 'faulted', fault: early }, 'station');
    await pass(20);
    await ledger.transitionJob(id, { event: 'back-to-creating' }, 'sam');
    await pass(13.9);
    expect(await stateOf(id)).toBe('Creating');
    await pass(0.2);
    expect(await stateOf(id)).toBeUndefined();
  });

  it('stays put aside although the customer ships, and then goes on in Shipping', async () => {
    const id = await make('job', ['A1'], { shipped: false });
    await ledger.transitionJob(id, { event: 'faulted', fault: aside }, 'sam');
    await ledger.updateJob(id, { ship: true }, 'customer');
    await settle();
    expect((await ledger.jobByName(id))?.state).toMatchObject({
      name: 'Faulted',
      fault: { code: 'put-aside', publicState: 'Shipping' },
    });
    expect(await kinds()).toEqual(['job-put-aside']);
    await ledger.transitionJob(id, { event: 'back-to-shipping' }, 'sam');
    await pass(14);
    expect(await kinds()).toEqual(['package-missing']);
  });

  it('is refused what it cannot have in words that the public contract knows', async () => {
    const wanted = aNewJob('job', ['A1'], false);
    const { id } = await ledger.createJob(wanted, 'alex');
    await ledger.transitionJob(id, { event: 'faulted', fault: early }, 'station');
    for (const ask of [ledger.deleteJob(id, 'customer'), ledger.putJob(wanted, 'customer')]) {
      await expect(ask).rejects.toThrow(/put aside in Creating/u);
    }
  });

  it('is not deleted for two weeks after an operator changed it', async () => {
    const id = await make('job', ['A1'], { shipped: false });
    await pass(13.9);
    await ledger.setReturnAddress(id, ADDRESS, 'sam');
    await pass(13.9);
    expect(await stateOf(id)).toBe('Creating');
  });
});

describe('a job that does not go on', () => {
  it('because its drive lies on a shelf is overdue after ten days', async () => {
    const id = await make('job', ['A1']);
    await arrive(id, 'A1');
    await settle();
    await pass(9.9);
    expect(await kinds()).toEqual([]);
    await pass(0.2);
    expect(await kinds()).toEqual(['job-overdue']);
    await start(id, 'A1');
    await settle();
    expect(await kinds()).toEqual([]);
    await pass(10);
    expect(await kinds()).toEqual(['job-overdue']);
    await finish(id, 'A1');
    await settle();
    expect(await kinds()).toEqual([]);
    await pass(10);
    expect(await kinds()).toEqual(['job-overdue']);
    await ledger.parcels.sendBack(id, FEDEX, 'sam');
    await settle();
    expect(await kinds()).toEqual([]);
  });

  it('is told of once, by the alert that says what is missing', async () => {
    const id = await make('job', ['A1', 'B2']);
    await arrive(id, 'A1');
    await start(id, 'A1');
    await pass(20);
    expect(await kinds()).toEqual(['drives-missing']);
  });
});

describe('an extra drive', () => {
  const EXTRA = { serial: 'X1', model: null, bay: 'Bay 3', reason: 'On no list.' };
  const flag = (jobId: JobId | null) =>
    ledger.parcels.flagExtra({ ...EXTRA, jobId, parcelId: null });
  const actions = operatorActions({ bayOf: () => undefined });
  const note = async () => {
    const [alert] = await ledger.alerts.list('open');
    const answer = { resolution: 'noted' } as const;
    await actions.resolveAlert(alert?.id ?? '', answer, { ledger, actor: 'sam' });
    await settle();
  };

  it('is one alert, also when its parcel becomes known later', async () => {
    const id = await make('job', ['A1']);
    const extra = await flag(null);
    await settle();
    const [alert] = await ledger.alerts.list('open');
    await ledger.parcels.assignExtra(extra.id, id, 'sam');
    await settle();
    expect((await ledger.alerts.list('all')).map((found) => found.id)).toEqual([alert?.id]);
    await note();
    expect(await kinds()).toEqual([]);
  });

  it('that was noted is told of again when its job is over without it', async () => {
    const id = await make('job', ['A1']);
    const extra = await flag(id);
    await settle();
    await note();
    await pass(44);
    expect(await stateOf(id)).toBe('Closed');
    expect(await kinds()).toEqual(['extra-drive']);
    await pass(100);
    expect(await stateOf(id)).toBeUndefined();
    expect(await kinds()).toEqual(['extra-drive']);
    await actions.takeExtraAway(extra.id, { ledger, actor: 'sam' });
    await settle();
    expect(await kinds()).toEqual([]);
    expect(await ledger.parcels.extras('here')).toEqual([]);
  });
});

describe('a job in Shipping', () => {
  it('of which nothing comes raises an alert after two weeks and is closed 30 days later', async () => {
    const id = await make('job', ['A1', 'B2']);
    await pass(13.9);
    expect(await kinds()).toEqual([]);
    await pass(0.1);
    expect(await kinds()).toEqual(['package-missing']);
    await pass(29.9);
    expect(await stateOf(id)).toBe('Shipping');
    await pass(0.1);
    expect(await stateOf(id)).toBe('Closed');
    expect(await driveStates(id)).toEqual(['NeverReceived', 'NeverReceived']);
    expect(await kinds()).toEqual([]);
  });

  it('waits on when the customer says so, for two weeks and the alert after them', async () => {
    const id = await make('job', ['A1']);
    await pass(40);
    await ledger.waitLonger(id, 'sam');
    await settle();
    expect(await kinds()).toEqual([]);
    await pass(43.9);
    expect(await stateOf(id)).toBe('Shipping');
    expect(await kinds()).toEqual(['package-missing']);
    await arrive(id, 'A1');
    await settle();
    expect(await stateOf(id)).toBe('Received');
    expect(await kinds()).toEqual([]);
  });

  it('is Received only when all its drives are in, and Transferring with the first copy', async () => {
    const id = await make('job', ['A1', 'B2']);
    await arrive(id, 'A1');
    await settle();
    expect(await stateOf(id)).toBe('Shipping');
    await arrive(id, 'B2');
    await settle();
    expect(await stateOf(id)).toBe('Received');
    await start(id, 'B2');
    await settle();
    expect(await stateOf(id)).toBe('Transferring');
  });
});

describe('a job in Transferring', () => {
  it('does not wait for ever for a drive that never comes', async () => {
    const id = await make('job', ['A1', 'B2']);
    await arrive(id, 'A1');
    await start(id, 'A1');
    await finish(id, 'A1');
    await pass(14);
    expect(await stateOf(id)).toBe('Transferring');
    expect(await kinds()).toEqual(['drives-missing']);
    await pass(30);
    expect(await stateOf(id)).toBe('Packaging');
    expect(await driveStates(id)).toEqual(['Completed', 'NeverReceived']);
    expect((await ledger.parcels.sendBack(id, FEDEX, 'sam')).job.state.name).toBe('Closed');
  });

  it('takes a drive that was given up and comes after all', async () => {
    const id = await make('job', ['A1', 'B2']);
    for (const drive of ['A1']) {
      await arrive(id, drive);
      await start(id, drive);
      await finish(id, drive);
    }
    await pass(44);
    expect(await stateOf(id)).toBe('Packaging');
    await arrive(id, 'B2');
    await start(id, 'B2');
    await settle();
    const early = ledger.parcels.sendBack(id, FEDEX, 'sam');
    await expect(early).rejects.toMatchObject({ code: 'job-change-refused' });
    await finish(id, 'B2');
    expect((await ledger.parcels.sendBack(id, FEDEX, 'sam')).job.state.name).toBe('Completed');
  });
});

describe('a cancelled job', () => {
  it('skips what is not begun, lets finish what is, and ends Completed', async () => {
    const id = await make('job', ['A1', 'B2']);
    await arrive(id, 'A1');
    await arrive(id, 'B2');
    await start(id, 'A1');
    await ledger.updateJob(id, { cancelRequested: true }, 'alex');
    await settle();
    expect(await stateOf(id)).toBe('Transferring');
    await finish(id, 'A1');
    await settle();
    expect(await stateOf(id)).toBe('Packaging');
    const { job } = await ledger.parcels.sendBack(id, FEDEX, 'sam');
    expect(job.state.name).toBe('Completed');
    expect(await driveStates(id)).toEqual(['ShippedBack', 'ShippedBack']);
  });

  it('goes from Shipping to Packaging when its drives are in, unread', async () => {
    const id = await make('job', ['A1']);
    await ledger.updateJob(id, { cancelRequested: true }, 'alex');
    await settle();
    expect(await stateOf(id)).toBe('Shipping');
    await arrive(id, 'A1');
    await settle();
    expect(await stateOf(id)).toBe('Packaging');
    expect((await ledger.parcels.sendBack(id, FEDEX, 'sam')).job.state.name).toBe('Completed');
  });

  it('that never came is Completed without a parcel back', async () => {
    const id = await make('job', ['A1']);
    await ledger.updateJob(id, { cancelRequested: true }, 'alex');
    await pass(44);
    expect(await stateOf(id)).toBe('Completed');
    expect(await driveStates(id)).toEqual(['NeverReceived']);
  });
});

describe('a job in Packaging', () => {
  async function packed(over: Partial<NewJob> = {}): Promise<JobId> {
    const id = await make('job', ['A1'], over);
    await arrive(id, 'A1');
    await start(id, 'A1');
    await finish(id, 'A1');
    await settle();
    return id;
  }

  it('without a return address raises an alert, and after 90 days another', async () => {
    const { details } = aNewJob('job', ['A1']);
    const id = await packed({ details });
    expect(await kinds()).toEqual(['return-address-missing']);
    await pass(90);
    expect((await kinds()).sort()).toEqual(['drives-to-destroy', 'return-address-missing']);
    await ledger.setReturnAddress(id, ADDRESS, 'sam');
    await settle();
    // Nothing hinders the parcel any more but that nobody packs it.
    expect(await kinds()).toEqual(['job-overdue']);
  });

  it('that was sent back is deleted 90 days later, with its alerts', async () => {
    const id = await packed();
    await ledger.parcels.sendBack(id, FEDEX, 'sam');
    await pass(89.9);
    expect(await stateOf(id)).toBe('Completed');
    await pass(0.1);
    expect(await stateOf(id)).toBeUndefined();
    expect(await ledger.drivesOf(id)).toEqual([]);
  });

  it('tells of a copy log that could not be written', async () => {
    const id = await make('job', ['A1']);
    await arrive(id, 'A1');
    await start(id, 'A1');
    const logs = { problem: 'the container was refused' };
    const verdict = aVerdict('Completed');
    const change = { event: 'copy-verified', verdict, logs } as const;
    await ledger.transitionDrive(refOf(id, 'A1'), change, 'station');
    await settle();
    expect(await kinds()).toEqual(['copy-log-refused']);
    // The customer is still to be told when the job has long left the screens.
    await ledger.parcels.sendBack(id, FEDEX, 'sam');
    await pass(80);
    expect(await stateOf(id)).toBe('Completed');
    expect(await kinds()).toEqual(['copy-log-refused']);
    await pass(20);
    expect(await kinds()).toEqual([]);
  });
});

describe('an export job', () => {
  const exportJob = (driveCount?: number) => {
    const { details } = aNewJob('job', []);
    const deliveryPackage = { ...FEDEX, ...(driveCount === undefined ? {} : { driveCount }) };
    const jobType = 'Export' as const;
    return make('job', [], {
      details: { ...details, jobType, deliveryPackage, returnAddress: ADDRESS },
    });
  };

  it('is Received when its parcel is unpacked', async () => {
    const id = await exportJob();
    const parcel = await ledger.parcels.open(id, FEDEX, 'sam');
    await ledger.parcels.registerExportDrive(id, 'E1' as DriveId, parcel.id);
    await settle();
    expect(await stateOf(id)).toBe('Shipping');
    await ledger.parcels.complete(parcel.id, 'come-later', 'sam');
    await settle();
    expect(await stateOf(id)).toBe('Received');
    expect(await driveStates(id)).toEqual(['Received']);
  });

  it('is Received when as many drives are here as were announced', async () => {
    const id = await exportJob(2);
    const parcel = await ledger.parcels.open(id, FEDEX, 'sam');
    for (const serial of ['E1', 'E2']) {
      expect(await stateOf(id)).toBe('Shipping');
      await ledger.parcels.registerExportDrive(id, serial as DriveId, parcel.id);
      await settle();
    }
    expect(await stateOf(id)).toBe('Received');
  });

  it('of which nothing comes is closed like any other', async () => {
    const id = await exportJob();
    await pass(44);
    expect(await stateOf(id)).toBe('Closed');
  });
});

/**
 * What can happen to jobs, in any order and at any time. What the tables refuse is refused and
 * logged; whatever happens, no job hangs for ever unless an alert asks a person for it.
 */
type Happening =
  | { readonly what: 'days'; readonly days: number }
  | { readonly what: 'ship' | 'cancel' | 'send-back' | 'wait' | 'stop-waiting' | 'put-aside' }
  | { readonly what: 'go-on' | 'address' }
  | {
      readonly what: 'arrive' | 'start' | 'verify' | 'fault' | 'retry' | 'give-up' | 'missing';
      readonly drive: string;
    };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    what: fc.constant('days' as const),
    days: fc.constantFrom(0.5, 3, 13, 15, 31, 91),
  }),
  fc.record({
    what: fc.constantFrom(
      ...(['ship', 'cancel', 'send-back', 'wait', 'stop-waiting'] as const),
      ...(['put-aside', 'go-on', 'address'] as const),
    ),
  }),
  fc.record({
    what: fc.constantFrom(
      ...(['arrive', 'start', 'verify', 'fault', 'retry', 'give-up', 'missing'] as const),
    ),
    drive: fc.constantFrom('A1', 'B2'),
  }),
);

async function happen(id: JobId, event: Happening): Promise<void> {
  const ref = refOf(id, 'drive' in event ? event.drive : 'A1');
  const fault = {
    code: 'x',
    reason: 'r',
    nextStep: 'n',
    since: '',
    publicState: 'Received',
  } as const;
  const verdict = endedWithoutCopy('DiskOperationFailed', 'It does not read.');
  switch (event.what) {
    case 'days':
      return clock.advance(event.days * DAY_MS);
    case 'ship':
      await ledger.updateJob(id, { ship: true }, 'customer');
      return;
    case 'cancel':
      await ledger.updateJob(id, { cancelRequested: true }, 'customer');
      return;
    case 'address':
      await ledger.setReturnAddress(id, ADDRESS, 'sam');
      return;
    case 'send-back':
      await ledger.parcels.sendBack(id, FEDEX, 'sam');
      return;
    case 'wait':
      await ledger.waitLonger(id, 'sam');
      return;
    case 'stop-waiting':
      return await giveUpWaiting(id);
    case 'put-aside': {
      const aside = { code: 'put-aside', reason: 'r', nextStep: 'n' } as const;
      await ledger.transitionJob(id, { event: 'faulted', fault: aside }, 'sam');
      return;
    }
    case 'go-on':
      return await goOn(id);
    case 'arrive':
      await ledger.transitionDrive(ref, { event: 'arrived' }, 'station');
      return;
    case 'start':
      return await start(id, ref.driveId);
    case 'verify':
      return await finish(id, ref.driveId);
    case 'fault':
      await ledger.transitionDrive(ref, { event: 'faulted', fault }, 'station');
      return;
    case 'retry':
      await ledger.transitionDrive(ref, { event: 'resolved-for-retry' }, 'sam');
      return;
    case 'give-up':
      await ledger.transitionDrive(ref, { event: 'resolved-without-copy', verdict }, 'sam');
      return;
    case 'missing':
      await ledger.transitionDrive(ref, { event: 'missing' }, 'sam');
  }
}

async function giveUpWaiting(id: JobId): Promise<void> {
  const job = await ledger.jobByName(id);
  if (job === undefined) return;
  for (const step of stopWaiting({ job, drives: await ledger.drivesOf(id) }, 'asked')) {
    if (step.kind === 'move-job') await ledger.transitionJob(id, { event: step.event }, 'sam');
    else if (step.kind === 'mark-missing') {
      await ledger.transitionDrive(step.ref, { event: 'missing' }, 'sam');
    }
  }
}

async function goOn(id: JobId): Promise<void> {
  const state = (await ledger.jobByName(id))?.state;
  if (state?.name !== 'Faulted') return;
  const back = Object.keys(JOB_TRANSITIONS.Faulted).find((event) => {
    const answer = nextJobState(state, event as 'back-to-shipping');
    return answer.allowed && answer.to === state.fault.publicState;
  });
  await ledger.transitionJob(id, { event: back as 'back-to-shipping' }, 'sam');
}

const REFUSALS = [
  'transition-refused',
  'job-change-refused',
  'job-change-incomplete',
  'job-not-found',
  'drive-not-found',
] as const;

describe('processes that hang in the kernel', () => {
  const since = '2026-01-01T00:00:00.000Z';
  const openAlerts = async () => (await ledger.alerts.list('open')).map(({ reason }) => reason);

  it('are no alert while it is one disk alone, one alert when there are more, and over with them', async () => {
    stuck = [{ pid: 41, what: 'copy', bay: 'Bay 1', since }];
    await settle();
    expect(await openAlerts()).toEqual([]);
    stuck = [...stuck, { pid: 57, what: 'smartctl', bay: null, since }];
    await settle();
    const both = '2 processes hang in the kernel: copy 41 in Bay 1, smartctl 57.';
    expect(await openAlerts()).toEqual([both]);
    stuck = stuck.slice(0, 1);
    await settle();
    expect(await openAlerts()).toEqual([]);
  });
});

describe('whatever happens', () => {
  it('both tables hold, every refusal is logged, and nothing is forgotten', async () => {
    const cases = fc.asyncProperty(
      fc.array(happening, { maxLength: 30 }),
      fc.boolean(),
      fc.nat(1_000_000),
      async (happenings, shipped, number) => {
        const id = await make(`job-${number}-${clock.now().getTime()}`, ['A1', 'B2'], { shipped });
        for (const event of happenings) {
          try {
            await happen(id, event);
          } catch (error) {
            if (!isStationError(error, ...REFUSALS)) throw error;
          }
          await settle();
        }
        await expectTablesHeld(id);
        await expectNotForgotten(id);
        // The next case begins with an empty station.
        await pass(400);
      },
    );
    await fc.assert(cases, { numRuns: 40 });
  });

  /** Every transition in the log is one of the tables, and begins where the last one ended. */
  async function expectTablesHeld(id: JobId): Promise<void> {
    const at = new Map<string, string>();
    for await (const { entity, type, data } of ledger.events(0, 1_000_000)) {
      if (!entity.includes(id)) continue;
      const moved = data as { from?: unknown; to?: unknown };
      if (moved.from === undefined || moved.to === undefined || type === 'wait-extended') continue;
      const [from, to] = [nameOf(moved.from), nameOf(moved.to)];
      const table: Readonly<Record<string, Readonly<Record<string, string>>>> = entity.startsWith(
        'job/',
      )
        ? JOB_TRANSITIONS
        : DRIVE_TRANSITIONS;
      expect(table[from]?.[type], `${entity}: ${from} on ${type}`).toBe(to);
      expect(from).toBe(at.get(entity) ?? from);
      at.set(entity, to);
    }
  }

  /** A year later the job is at its end or gone, or an alert asks a person for it. */
  async function expectNotForgotten(id: JobId): Promise<void> {
    await pass(200);
    await pass(200);
    const job = await ledger.jobByName(id);
    if (job === undefined || isFinished(job.state.name)) return;
    const drives = await ledger.drivesOf(id);
    const asked = (await ledger.alerts.list('open')).some(({ subject }) => subject.jobId === id);
    expect(asked, `${job.state.name} ${JSON.stringify(drives)}`).toBe(true);
  }

  function nameOf(state: unknown): string {
    return typeof state === 'string' ? state : (state as { name: string }).name;
  }
});

describe('alerts of the storage', () => {
  const halt = (jobId: JobId, code: string): StorageHalt => ({
    ...{ jobId, code, reason: 'the store says no', nextStep: 'Renew the credential.' },
    since: clock.now().toISOString(),
  });

  it('tell at once what only a person can put right, and end with it', async () => {
    const id = await make('denied', ['A1']);
    halts = [halt(id, 'storage-denied')];
    await settle();
    expect(cycle.alerts).toMatchObject([
      { kind: 'storage-halted', reason: expect.stringMatching(/denied.*says no.*Renew/u) },
    ]);
    halts = [];
    await settle();
    expect(await kinds()).toEqual([]);
  });

  it('tell of a store that is away only when it stays so', async () => {
    const id = await make('away', ['A1']);
    halts = [halt(id, 'storage-unavailable')];
    clock.advance(9 * 60_000);
    await settle();
    expect(await kinds()).toEqual([]);
    clock.advance(60_000);
    await settle();
    expect(await kinds()).toEqual(['storage-away']);
  });

  it('tell of a copy on hold two days before the store forgets what is staged', async () => {
    const id = await make('held', ['A1']);
    await arrive(id, 'A1');
    const copy = await ledger.beginCopyAttempt(refOf(id, 'A1'), BOUND_DISK);
    const started = { event: 'copy-started', copyId: copy.id } as const;
    await ledger.transitionDrive(refOf(id, 'A1'), started, 'station');
    await ledger.recordProgress(copy.id, { totalBytes: 9, stagedBytes: 7, verifiedBytes: 0 });
    stagedAt.set(`${id}/A1`, clock.now().toISOString());
    await pass(4);
    expect(await kinds()).toEqual([]);
    await pass(1);
    expect(cycle.alerts).toMatchObject([
      {
        kind: 'staged-bytes-expire',
        reason: expect.stringContaining('7 staged bytes on 2026-01-08'),
      },
    ]);
    stagedAt.set(`${id}/A1`, clock.now().toISOString());
    await settle();
    expect(await kinds()).toEqual([]);
  });
});

describe('a clock that was set', () => {
  const jumped = async () => {
    const alerts = await ledger.alerts.list('open');
    return alerts.find(({ kind }) => kind === 'clock-jumped');
  };
  const YEARS = 4 * 365;

  it('makes no time-out pass; somebody is asked, and what they say counts', async () => {
    const id = await make('job', ['A1']);
    clock.jump(YEARS * DAY_MS);
    await settle();
    expect(await stateOf(id)).toBe('Shipping');
    expect(await kinds()).toEqual(['clock-jumped']);
    const alert = await jumped();
    expect(alert?.reason).toContain('The clock says 2029-12-31 00:00 UTC and is ahead of');
    await ledger.alerts.resolve(alert?.id ?? '', { resolution: 'clock-is-right' }, 'kim');
    await settle();
    expect(await kinds()).toEqual([]);
    expect(await stateOf(id)).toBe('Closed');
    expect((await ledger.lastEvent('clock'))?.actor).toBe('kim');
  });

  it('lets time go on by what has really passed, until the clock is right again', async () => {
    const id = await make('job', ['A1']);
    clock.jump(-YEARS * DAY_MS);
    await pass(15);
    expect((await kinds()).sort()).toEqual(['clock-jumped', 'package-missing']);
    clock.jump(YEARS * DAY_MS);
    await settle();
    expect(await kinds()).toEqual(['package-missing']);
    expect(await stateOf(id)).toBe('Shipping');
  });

  it('is followed without a word where it is corrected by minutes', async () => {
    await settle();
    for (const minutes of [20, -50, 30, 40, 50]) {
      clock.jump(minutes * 60_000);
      await settle();
    }
    expect(await kinds()).toEqual([]);
  });

  it('is noticed by the next start, in the same boot and over one', async () => {
    await settle();
    for (const boot of ['boot-1', 'boot-2']) {
      clock.jump(-YEARS * DAY_MS);
      cycle = await aLifeCycle(boot);
      await settle();
      expect((await jumped())?.reason).toContain('behind');
      clock.jump(YEARS * DAY_MS);
      await settle();
      expect(await kinds()).toEqual([]);
    }
    clock.jump(YEARS * DAY_MS);
    cycle = await aLifeCycle('boot-3');
    await settle();
    expect((await jumped())?.reason).toContain('ahead');
  });

  it('is not suspected after a weekend without power', async () => {
    await settle();
    clock.jump(3 * DAY_MS);
    cycle = await aLifeCycle('boot-2');
    await settle();
    expect(await kinds()).toEqual([]);
  });

  it('leaves the event log in its order', async () => {
    await make('before', ['A1']);
    clock.jump(-YEARS * DAY_MS);
    await settle();
    await make('after', ['A2']);
    const events = await Array.fromAsync(ledger.events(0, 100));
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
  });
});

describe('a dock that is unreliable', () => {
  const BRIDGE = '152d:0578' as BridgeId;
  const seen = { port: 'usb-0:3', bay: 'Bay 3', bridge: BRIDGE, product: 'JMS578', driver: 'uas' };
  const unreliable = async () => {
    const limits = { incidents: 2, windowMs: DAY_MS };
    const drop = (disk: string) => [{ kind: 'drop' as const, disk, count: 1 }];
    await ledger.docks.record(seen, drop('A1'), limits);
    await ledger.docks.record(seen, drop('B2'), limits);
    await settle();
  };
  const answer = async (resolution: 'replaced' | 'noted') => {
    const [alert] = await ledger.alerts.list('open');
    const by = { ledger, actor: 'sam' };
    await operatorActions({ bayOf: () => undefined }).resolveAlert(
      alert?.id ?? '',
      { resolution },
      by,
    );
    await settle();
  };

  it('is one alert, with the bay, the bridge, what was counted, and what may help', async () => {
    await unreliable();
    const [alert, ...others] = await ledger.alerts.list('open');
    expect(others).toEqual([]);
    expect(alert?.reason).toBe(
      'Bay 3 (usb-0:3): JMS578 (152d:0578), 2 incidents since 2026-01-01 00:00 UTC, with 2 disks: 2 disconnects. It is driven by UAS. usb-storage is slower and often holds: put the line "options usb-storage quirks=152d:0578:u" into /etc/modprobe.d/drive-station.conf and boot, or allow docks.rebindUsb.',
    );
    await ledger.alerts.acknowledge(alert?.id ?? '', 'sam');
    await pass(1);
    expect(await ledger.alerts.list('open')).toMatchObject([{ acknowledged: { by: 'sam' } }]);
  });

  it.each([
    ['noted', 1],
    ['replaced', 0],
  ] as const)('begins anew when an operator answers %s', async (resolution, quirks) => {
    await unreliable();
    await answer(resolution);
    expect(await kinds()).toEqual([]);
    expect(await ledger.docks.all()).toEqual([]);
    expect(await ledger.docks.quirks()).toHaveLength(quirks);
    await unreliable();
    expect(await kinds()).toEqual(['dock-unreliable']);
  });

  it('is over when another one is in its place', async () => {
    await unreliable();
    await ledger.docks.seen({ ...seen, bridge: '174c:55aa' as BridgeId });
    await settle();
    expect(await kinds()).toEqual([]);
  });
});
