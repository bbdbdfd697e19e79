import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DriveId, JobId } from '../../../src/domain/job.ts';
import type { NewJob } from '../../../src/ledger/contract.ts';
import { operatorActions } from '../../../src/work/operator-actions.ts';
import { aNewJob, aVerdict } from '../../support/ledger.ts';
import { NOTHING_PLUGGED_IN } from '../../support/operators.ts';
import { ADDRESS, FEDEX, refOf, Years } from '../../support/years.ts';

/** The life cycle of jobs, parcels and drives, by what happens to them and by time alone. */

let years: Years;
beforeEach(async () => {
  years = await Years.begin();
});
afterEach(() => years[Symbol.asyncDispose]());

describe('a job in Creating', () => {
  it('is deleted after two weeks, and every change starts the two weeks anew', async () => {
    const id = await years.make('job', ['A1'], { shipped: false });
    await years.pass(13.9);
    expect(await years.stateOf(id)).toBe('Creating');
    await years.ledger.updateJob(id, { logLevel: 'Verbose' }, 'alex');
    await years.pass(13.9);
    expect(await years.stateOf(id)).toBe('Creating');
    await years.pass(0.2);
    expect(await years.stateOf(id)).toBeUndefined();
  });

  it('that an operator takes as shipped is waited for from then on', async () => {
    const id = await years.make('c1', ['A1'], { shipped: false });
    const fault = {
      code: 'arrived-before-shipping',
      reason: 'A1 came.',
      nextStep: 'Ask.',
    } as const;
    await years.ledger.transitionJob(id, { event: 'faulted', fault }, 'station');
    await years.pass(20);
    await years.ledger.transitionJob(id, { event: 'back-to-shipping' }, 'sam');
    await years.pass(13);
    expect(await years.kinds()).toEqual([]);
    await years.pass(1);
    expect(await years.kinds()).toEqual(['package-missing']);
  });

  it('whose drives came early is kept, told to the operators, and goes on when shipped', async () => {
    const id = await years.make('job', ['A1'], { shipped: false });
    const fault = {
      code: 'arrived-before-shipping',
      reason: 'A1 came.',
      nextStep: 'Ask.',
    } as const;
    await years.ledger.transitionJob(id, { event: 'faulted', fault }, 'station');
    await years.settle();
    expect(await years.kinds()).toEqual(['contact-customer']);
    await years.pass(14);
    expect((await years.kinds()).sort()).toEqual(['contact-customer', 'return-drives']);
    await years.pass(76);
    expect(await years.kinds()).toContain('drives-to-destroy');
    expect(await years.stateOf(id)).toBe('Faulted');
    await years.ledger.updateJob(id, { ship: true }, 'alex');
    await years.settle();
    expect(await years.stateOf(id)).toBe('Shipping');
    expect(await years.kinds()).toEqual([]);
  });
});

describe('a job in Creating that was held', () => {
  const early = { code: 'arrived-before-shipping', reason: 'A1 came.', nextStep: 'Ask.' } as const;
  const aside = { code: 'put-aside', reason: 'No such account.', nextStep: 'Ask.' } as const;

  it('has its two weeks anew when an operator leads it back', async () => {
    const id = await years.make('job', ['A1'], { shipped: false });
    await years.ledger.transitionJob(id, { event: 'faulted', fault: early }, 'station');
    await years.pass(20);
    await years.ledger.transitionJob(id, { event: 'back-to-creating' }, 'sam');
    await years.pass(13.9);
    expect(await years.stateOf(id)).toBe('Creating');
    await years.pass(0.2);
    expect(await years.stateOf(id)).toBeUndefined();
  });

  it('stays put aside although the customer ships, and then goes on in Shipping', async () => {
    const id = await years.make('job', ['A1'], { shipped: false });
    await years.ledger.transitionJob(id, { event: 'faulted', fault: aside }, 'sam');
    await years.ledger.updateJob(id, { ship: true }, 'customer');
    await years.settle();
    expect((await years.ledger.jobByName(id))?.state).toMatchObject({
      name: 'Faulted',
      fault: { code: 'put-aside', publicState: 'Shipping' },
    });
    expect(await years.kinds()).toEqual(['job-put-aside']);
    await years.ledger.transitionJob(id, { event: 'back-to-shipping' }, 'sam');
    await years.pass(14);
    expect(await years.kinds()).toEqual(['package-missing']);
  });

  it('is refused what it cannot have in words that the public contract knows', async () => {
    const wanted = aNewJob('job', ['A1'], false);
    const { id } = await years.ledger.createJob(wanted, 'alex');
    await years.ledger.transitionJob(id, { event: 'faulted', fault: early }, 'station');
    for (const ask of [
      years.ledger.deleteJob(id, 'customer'),
      years.ledger.putJob(wanted, 'customer'),
    ]) {
      await expect(ask).rejects.toThrow(/put aside in Creating/u);
    }
  });

  it('is not deleted for two weeks after an operator changed it', async () => {
    const id = await years.make('job', ['A1'], { shipped: false });
    await years.pass(13.9);
    await years.ledger.setReturnAddress(id, ADDRESS, 'sam');
    await years.pass(13.9);
    expect(await years.stateOf(id)).toBe('Creating');
  });
});

describe('a job that does not go on', () => {
  it('because its drive lies on a shelf is overdue after ten days', async () => {
    const id = await years.make('job', ['A1']);
    await years.arrive(id, 'A1');
    await years.settle();
    await years.pass(9.9);
    expect(await years.kinds()).toEqual([]);
    await years.pass(0.2);
    expect(await years.kinds()).toEqual(['job-overdue']);
    await years.start(id, 'A1');
    await years.settle();
    expect(await years.kinds()).toEqual([]);
    await years.pass(10);
    expect(await years.kinds()).toEqual(['job-overdue']);
    await years.finish(id, 'A1');
    await years.settle();
    expect(await years.kinds()).toEqual([]);
    await years.pass(10);
    expect(await years.kinds()).toEqual(['job-overdue']);
    await years.ledger.parcels.sendBack(id, FEDEX, 'sam');
    await years.settle();
    expect(await years.kinds()).toEqual([]);
  });

  it('is told of once, by the alert that says what is missing', async () => {
    const id = await years.make('job', ['A1', 'B2']);
    await years.arrive(id, 'A1');
    await years.start(id, 'A1');
    await years.pass(20);
    expect(await years.kinds()).toEqual(['drives-missing']);
  });
});

describe('an extra drive', () => {
  const EXTRA = { serial: 'X1', model: null, bay: 'Bay 3', reason: 'On no list.' };
  const flag = (jobId: JobId | null) =>
    years.ledger.parcels.flagExtra({ ...EXTRA, jobId, parcelId: null });
  const actions = operatorActions(NOTHING_PLUGGED_IN);
  const note = async () => {
    const [alert] = await years.ledger.alerts.list('open');
    const answer = { resolution: 'noted' } as const;
    await actions.resolveAlert(alert?.id ?? '', answer, { ledger: years.ledger, actor: 'sam' });
    await years.settle();
  };

  it('is one alert, also when its parcel becomes known later', async () => {
    const id = await years.make('job', ['A1']);
    const extra = await flag(null);
    await years.settle();
    const [alert] = await years.ledger.alerts.list('open');
    await years.ledger.parcels.assignExtra(extra.id, id, 'sam');
    await years.settle();
    expect((await years.ledger.alerts.list('all')).map((found) => found.id)).toEqual([alert?.id]);
    await note();
    expect(await years.kinds()).toEqual([]);
  });

  it('that was noted is told of again when its job is over without it', async () => {
    const id = await years.make('job', ['A1']);
    const extra = await flag(id);
    await years.settle();
    await note();
    await years.pass(44);
    expect(await years.stateOf(id)).toBe('Closed');
    expect(await years.kinds()).toEqual(['extra-drive']);
    await years.pass(100);
    expect(await years.stateOf(id)).toBeUndefined();
    expect(await years.kinds()).toEqual(['extra-drive']);
    await actions.takeExtraAway(extra.id, { ledger: years.ledger, actor: 'sam' });
    await years.settle();
    expect(await years.kinds()).toEqual([]);
    expect(await years.ledger.parcels.extras('here')).toEqual([]);
  });
});

describe('a job in Shipping', () => {
  it('of which nothing comes raises an alert after two weeks and is closed 30 days later', async () => {
    const id = await years.make('job', ['A1', 'B2']);
    await years.pass(13.9);
    expect(await years.kinds()).toEqual([]);
    await years.pass(0.1);
    expect(await years.kinds()).toEqual(['package-missing']);
    await years.pass(29.9);
    expect(await years.stateOf(id)).toBe('Shipping');
    await years.pass(0.1);
    expect(await years.stateOf(id)).toBe('Closed');
    expect(await years.driveStates(id)).toEqual(['NeverReceived', 'NeverReceived']);
    expect(await years.kinds()).toEqual([]);
  });

  it('waits on when the customer says so, for two weeks and the alert after them', async () => {
    const id = await years.make('job', ['A1']);
    await years.pass(40);
    await years.ledger.waitLonger(id, 'sam');
    await years.settle();
    expect(await years.kinds()).toEqual([]);
    await years.pass(43.9);
    expect(await years.stateOf(id)).toBe('Shipping');
    expect(await years.kinds()).toEqual(['package-missing']);
    await years.arrive(id, 'A1');
    await years.settle();
    expect(await years.stateOf(id)).toBe('Received');
    expect(await years.kinds()).toEqual([]);
  });

  it('is Received only when all its drives are in, and Transferring with the first copy', async () => {
    const id = await years.make('job', ['A1', 'B2']);
    await years.arrive(id, 'A1');
    await years.settle();
    expect(await years.stateOf(id)).toBe('Shipping');
    await years.arrive(id, 'B2');
    await years.settle();
    expect(await years.stateOf(id)).toBe('Received');
    await years.start(id, 'B2');
    await years.settle();
    expect(await years.stateOf(id)).toBe('Transferring');
  });
});

describe('a job in Transferring', () => {
  it('does not wait for ever for a drive that never comes', async () => {
    const id = await years.make('job', ['A1', 'B2']);
    await years.arrive(id, 'A1');
    await years.start(id, 'A1');
    await years.finish(id, 'A1');
    await years.pass(14);
    expect(await years.stateOf(id)).toBe('Transferring');
    expect(await years.kinds()).toEqual(['drives-missing']);
    await years.pass(30);
    expect(await years.stateOf(id)).toBe('Packaging');
    expect(await years.driveStates(id)).toEqual(['Completed', 'NeverReceived']);
    expect((await years.ledger.parcels.sendBack(id, FEDEX, 'sam')).job.state.name).toBe('Closed');
  });

  it('takes a drive that was given up and comes after all', async () => {
    const id = await years.make('job', ['A1', 'B2']);
    for (const drive of ['A1']) {
      await years.arrive(id, drive);
      await years.start(id, drive);
      await years.finish(id, drive);
    }
    await years.pass(44);
    expect(await years.stateOf(id)).toBe('Packaging');
    await years.arrive(id, 'B2');
    await years.start(id, 'B2');
    await years.settle();
    const early = years.ledger.parcels.sendBack(id, FEDEX, 'sam');
    await expect(early).rejects.toMatchObject({ code: 'job-change-refused' });
    await years.finish(id, 'B2');
    expect((await years.ledger.parcels.sendBack(id, FEDEX, 'sam')).job.state.name).toBe(
      'Completed',
    );
  });
});

describe('a cancelled job', () => {
  it('skips what is not begun, lets finish what is, and ends Completed', async () => {
    const id = await years.make('job', ['A1', 'B2']);
    await years.arrive(id, 'A1');
    await years.arrive(id, 'B2');
    await years.start(id, 'A1');
    await years.ledger.updateJob(id, { cancelRequested: true }, 'alex');
    await years.settle();
    expect(await years.stateOf(id)).toBe('Transferring');
    await years.finish(id, 'A1');
    await years.settle();
    expect(await years.stateOf(id)).toBe('Packaging');
    const { job } = await years.ledger.parcels.sendBack(id, FEDEX, 'sam');
    expect(job.state.name).toBe('Completed');
    expect(await years.driveStates(id)).toEqual(['ShippedBack', 'ShippedBack']);
  });

  it('goes from Shipping to Packaging when its drives are in, unread', async () => {
    const id = await years.make('job', ['A1']);
    await years.ledger.updateJob(id, { cancelRequested: true }, 'alex');
    await years.settle();
    expect(await years.stateOf(id)).toBe('Shipping');
    await years.arrive(id, 'A1');
    await years.settle();
    expect(await years.stateOf(id)).toBe('Packaging');
    expect((await years.ledger.parcels.sendBack(id, FEDEX, 'sam')).job.state.name).toBe(
      'Completed',
    );
  });

  it('that never came is Completed without a parcel back', async () => {
    const id = await years.make('job', ['A1']);
    await years.ledger.updateJob(id, { cancelRequested: true }, 'alex');
    await years.pass(44);
    expect(await years.stateOf(id)).toBe('Completed');
    expect(await years.driveStates(id)).toEqual(['NeverReceived']);
  });
});

describe('a job in Packaging', () => {
  async function packed(over: Partial<NewJob> = {}): Promise<JobId> {
    const id = await years.make('job', ['A1'], over);
    await years.arrive(id, 'A1');
    await years.start(id, 'A1');
    await years.finish(id, 'A1');
    await years.settle();
    return id;
  }

  it('without a return address raises an alert, and after 90 days another', async () => {
    const { details } = aNewJob('job', ['A1']);
    const id = await packed({ details });
    expect(await years.kinds()).toEqual(['return-address-missing']);
    await years.pass(90);
    expect((await years.kinds()).sort()).toEqual(['drives-to-destroy', 'return-address-missing']);
    await years.ledger.setReturnAddress(id, ADDRESS, 'sam');
    await years.settle();
    // Nothing hinders the parcel any more but that nobody packs it.
    expect(await years.kinds()).toEqual(['job-overdue']);
  });

  it('that was sent back is deleted 90 days later, with its alerts', async () => {
    const id = await packed();
    await years.ledger.parcels.sendBack(id, FEDEX, 'sam');
    await years.pass(89.9);
    expect(await years.stateOf(id)).toBe('Completed');
    await years.pass(0.1);
    expect(await years.stateOf(id)).toBeUndefined();
    expect(await years.ledger.drivesOf(id)).toEqual([]);
  });

  it('tells of a copy log that could not be written', async () => {
    const id = await years.make('job', ['A1']);
    await years.arrive(id, 'A1');
    await years.start(id, 'A1');
    const logs = { problem: 'the container was refused' };
    const verdict = aVerdict('Completed');
    const change = { event: 'copy-verified', verdict, logs } as const;
    await years.ledger.transitionDrive(refOf(id, 'A1'), change, 'station');
    await years.settle();
    expect(await years.kinds()).toEqual(['copy-log-refused']);
    // The customer is still to be told when the job has long left the screens.
    await years.ledger.parcels.sendBack(id, FEDEX, 'sam');
    await years.pass(80);
    expect(await years.stateOf(id)).toBe('Completed');
    expect(await years.kinds()).toEqual(['copy-log-refused']);
    await years.pass(20);
    expect(await years.kinds()).toEqual([]);
  });
});

describe('an export job', () => {
  const exportJob = (driveCount?: number) => {
    const { details } = aNewJob('job', []);
    const deliveryPackage = { ...FEDEX, ...(driveCount === undefined ? {} : { driveCount }) };
    const jobType = 'Export' as const;
    return years.make('job', [], {
      details: { ...details, jobType, deliveryPackage, returnAddress: ADDRESS },
    });
  };

  it('is Received when its parcel is unpacked', async () => {
    const id = await exportJob();
    const parcel = await years.ledger.parcels.open(id, FEDEX, 'sam');
    await years.ledger.parcels.registerExportDrive(id, 'E1' as DriveId, parcel.id);
    await years.settle();
    expect(await years.stateOf(id)).toBe('Shipping');
    await years.ledger.parcels.complete(parcel.id, 'come-later', 'sam');
    await years.settle();
    expect(await years.stateOf(id)).toBe('Received');
    expect(await years.driveStates(id)).toEqual(['Received']);
  });

  it('is Received when as many drives are here as were announced', async () => {
    const id = await exportJob(2);
    const parcel = await years.ledger.parcels.open(id, FEDEX, 'sam');
    for (const serial of ['E1', 'E2']) {
      expect(await years.stateOf(id)).toBe('Shipping');
      await years.ledger.parcels.registerExportDrive(id, serial as DriveId, parcel.id);
      await years.settle();
    }
    expect(await years.stateOf(id)).toBe('Received');
  });

  it('of which nothing comes is closed like any other', async () => {
    const id = await exportJob();
    await years.pass(44);
    expect(await years.stateOf(id)).toBe('Closed');
  });
});
