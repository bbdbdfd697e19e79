import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DueAlert } from '../../src/domain/alert.ts';
import type { DriveStatus } from '../../src/domain/copy-status.ts';
import type { DriveStateName } from '../../src/domain/drive-state.ts';
import type { DriveId, DriveRef, JobId } from '../../src/domain/job.ts';
import { checkInList } from '../../src/domain/parcel.ts';
import type { Ledger, SeenExtra } from '../../src/ledger/contract.ts';
import { aNewJob, aVerdict, BOUND_DISK } from '../support/ledger.ts';
import type { LedgerUnderTest } from './ledger.ts';

const FEDEX = { carrierName: 'FedEx', trackingNumber: '9 4055' };
const EXTRA: SeenExtra = {
  ...{ serial: 'X1', model: null, bay: 'Bay 3', reason: 'On no list.' },
  ...{ jobId: null, parcelId: null },
};
const ADDRESS = { recipientName: 'Contoso', city: 'Redmond' };

/** What every implementation of the ledger holds to, of parcels, extra drives and alerts. */
export function parcelContract(name: string, open: () => Promise<LedgerUnderTest>): void {
  describe(name, () => {
    let subject: LedgerUnderTest;
    let ledger: Ledger;
    beforeEach(async () => {
      subject = await open();
      ({ ledger } = subject);
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    const refOf = (jobId: JobId, driveId: string): DriveRef => ({
      jobId,
      driveId: driveId as DriveId,
    });
    const statesOf = async (jobId: JobId): Promise<DriveStateName[]> =>
      (await ledger.drivesOf(jobId)).map(({ state }) => state.name);
    const arrive = async (jobId: JobId, driveId: string) => {
      const parcel = await ledger.parcels.checkIn();
      const came = parcel === undefined ? {} : { parcelId: parcel.id };
      await ledger.transitionDrive(refOf(jobId, driveId), { event: 'arrived', ...came }, 'station');
    };
    const copy = async (
      ref: DriveRef,
      outcome: 'Completed' | 'CompletedMoreInfo',
      badStatus: DriveStatus,
    ) => {
      const { id } = await ledger.beginCopyAttempt(ref, BOUND_DISK);
      await ledger.transitionDrive(ref, { event: 'copy-started', copyId: id }, 'station');
      const bad = { copyStatus: badStatus };
      const event = outcome === 'Completed' ? 'copy-verified' : 'copy-ended-with-notes';
      const verdict = { ...aVerdict(outcome), ...(outcome === 'Completed' ? {} : bad) };
      await ledger.transitionDrive(ref, { event, verdict }, 'station');
    };
    /** A job whose drives were copied and that is being packed. */
    const packed = async (
      outcomes: readonly ('Completed' | 'CompletedMoreInfo')[],
      address = true,
      badStatus: DriveStatus = 'CompletedWithErrors',
    ) => {
      const serials = outcomes.map((_, index) => `S${index}`);
      const wanted = aNewJob('packed', serials);
      const details = address ? { ...wanted.details, returnAddress: ADDRESS } : wanted.details;
      const { id } = await ledger.createJob({ ...wanted, details }, 'alex');
      await ledger.parcels.open(id, FEDEX, 'alex');
      for (const [index, outcome] of outcomes.entries()) {
        await arrive(id, `S${index}`);
        await copy(refOf(id, `S${index}`), outcome, badStatus);
      }
      await ledger.transitionJob(id, { event: 'first-copy-started' }, 'station');
      await ledger.transitionJob(id, { event: 'all-drives-processed' }, 'station');
      return id;
    };

    describe('a check-in', () => {
      it('lasts over a restart and names what came in the parcel', async () => {
        const { id } = await ledger.createJob(aNewJob('job', ['A1', 'B2', 'C3']), 'alex');
        await arrive(id, 'A1');
        const parcel = await ledger.parcels.open(id, undefined, 'sam');
        await arrive(id, 'B2');
        ledger = await subject.reopen();
        expect(await ledger.parcels.checkIn()).toEqual(parcel);
        expect(checkInList(parcel.id, await ledger.drivesOf(id))).toEqual({
          expected: ['B2', 'C3'],
          seen: ['B2'],
          missing: ['C3'],
          elsewhere: ['A1'],
        });
      });

      it('goes on when it is begun again, and takes the label later', async () => {
        const { id } = await ledger.createJob(aNewJob('job', ['A1']), 'alex');
        const first = await ledger.parcels.open(id, undefined, 'sam');
        const again = await ledger.parcels.open(id, FEDEX, 'alex');
        expect(again).toEqual({ ...first, shipment: FEDEX });
        expect(await ledger.parcels.ofJob(id)).toEqual([again]);
      });

      it('is refused while another parcel is open, for a finished job, for no job', async () => {
        const one = await ledger.createJob(aNewJob('one', ['A1']), 'alex');
        const two = await ledger.createJob(aNewJob('two', ['A2']), 'alex');
        await ledger.parcels.open(one.id, undefined, 'sam');
        const refused = { code: 'check-in-refused' };
        await expect(ledger.parcels.open(two.id, undefined, 'sam')).rejects.toMatchObject(refused);
        await ledger.transitionJob(one.id, { event: 'never-arrived' }, 'station');
        await expect(ledger.parcels.open(one.id, undefined, 'sam')).rejects.toMatchObject(refused);
        const nobody = ledger.parcels.open('no-such-job' as JobId, undefined, 'sam');
        await expect(nobody).rejects.toMatchObject({ code: 'job-not-found' });
      });

      it.each([
        ['never-received', 'NeverReceived'],
        ['come-later', 'Specified'],
      ] as const)('that ends with what is missing %s leaves it %s', async (missing, state) => {
        const { id } = await ledger.createJob(aNewJob('job', ['A1', 'B2']), 'alex');
        const parcel = await ledger.parcels.open(id, FEDEX, 'sam');
        await arrive(id, 'A1');
        await ledger.parcels.complete(parcel.id, missing, 'sam');
        expect(await statesOf(id)).toEqual(['Received', state]);
        expect(await ledger.parcels.checkIn()).toBeUndefined();
        expect(await ledger.parcels.unpackedJobs()).toEqual(new Set([id]));
        await ledger.transitionJob(id, { event: 'first-copy-started' }, 'station');
        await ledger.transitionJob(id, { event: 'all-drives-processed' }, 'station');
        await ledger.transitionJob(id, { event: 'returned-with-errors' }, 'station');
        expect(await ledger.parcels.unpackedJobs()).toEqual(new Set());
        const twice = ledger.parcels.complete(parcel.id, missing, 'sam');
        await expect(twice).rejects.toMatchObject({ code: 'check-in-refused' });
      });
    });

    describe('an extra drive', () => {
      it('that is seen again is the same one, in whatever bay, and stays with its parcel', async () => {
        const { id: jobId } = await ledger.createJob(aNewJob('job', ['A1']), 'alex');
        const { id: parcelId } = await ledger.parcels.open(jobId, undefined, 'sam');
        const first = await ledger.parcels.flagExtra({ ...EXTRA, jobId, parcelId });
        ledger = await subject.reopen();
        const again = await ledger.parcels.flagExtra({ ...EXTRA, bay: 'Bay 4' });
        expect(again).toEqual({ ...first, bay: 'Bay 4' });
        expect(await ledger.parcels.extras('here')).toEqual([again]);
      });

      it('without a serial is known by its bay', async () => {
        const nameless = { ...EXTRA, serial: null };
        const first = await ledger.parcels.flagExtra(nameless);
        expect((await ledger.parcels.flagExtra(nameless)).id).toBe(first.id);
        expect((await ledger.parcels.flagExtra({ ...nameless, bay: 'B' })).id).not.toBe(first.id);
      });

      it('of no parcel is given to one by a person', async () => {
        const { id: jobId } = await ledger.createJob(aNewJob('job', ['A1']), 'alex');
        const { id } = await ledger.parcels.flagExtra(EXTRA);
        expect((await ledger.parcels.assignExtra(id, jobId, 'sam')).jobId).toBe(jobId);
        const unknown = ledger.parcels.assignExtra('none', jobId, 'sam');
        await expect(unknown).rejects.toMatchObject({ code: 'extra-not-found' });
      });

      it('that a job lists after all is none any more', async () => {
        const { id: jobId } = await ledger.createJob(aNewJob('job', ['X-1']), 'alex');
        const flagged = await ledger.parcels.flagExtra({ ...EXTRA, serial: ' x-1 ' });
        await arrive(jobId, 'X-1');
        expect(await ledger.parcels.extras('here')).toEqual([]);
        const [was] = await ledger.parcels.extras('all');
        expect(was).toMatchObject({ id: flagged.id, end: { how: 'listed' } });
      });

      it('that a person takes for a listed drive is none any more, whatever serial it shows', async () => {
        const { id: jobId } = await ledger.createJob(aNewJob('job', ['X-1']), 'alex');
        await ledger.parcels.flagExtra({ ...EXTRA, serial: 'BRIDGE77' });
        const change = { event: 'arrived', serial: 'bridge77' } as const;
        await ledger.transitionDrive(refOf(jobId, 'X-1'), change, 'station');
        expect(await ledger.parcels.extras('here')).toEqual([]);
      });

      it('stays one when the drive of its serial cannot arrive', async () => {
        const { id: jobId } = await ledger.createJob(aNewJob('job', ['X1']), 'alex');
        await arrive(jobId, 'X1');
        const flagged = await ledger.parcels.flagExtra(EXTRA);
        await expect(arrive(jobId, 'X1')).rejects.toMatchObject({ code: 'transition-refused' });
        expect(await ledger.parcels.extras('here')).toEqual([flagged]);
      });

      it('goes with no finished job, and none twice', async () => {
        const { id: jobId } = await ledger.createJob(aNewJob('job', ['A1']), 'alex');
        await ledger.transitionJob(jobId, { event: 'never-arrived' }, 'station');
        const { id } = await ledger.parcels.flagExtra(EXTRA);
        const late = ledger.parcels.assignExtra(id, jobId, 'sam');
        await expect(late).rejects.toMatchObject({ code: 'job-change-refused' });
        const gone = await ledger.parcels.takeExtraAway(id, 'sam');
        expect(gone.end).toMatchObject({ how: 'taken-away' });
        const twice = ledger.parcels.takeExtraAway(id, 'sam');
        await expect(twice).rejects.toMatchObject({ code: 'extra-not-found' });
        expect(await ledger.parcels.extras('here')).toEqual([]);
      });
    });

    it('an export job gets its drives from its parcel, in Received', async () => {
      const wanted = aNewJob('export', []);
      const details = { ...wanted.details, jobType: 'Export' } as const;
      const { id } = await ledger.createJob({ ...wanted, details }, 'alex');
      // Plugged in a moment before the check-in was begun.
      await ledger.parcels.flagExtra({ ...EXTRA, serial: 'E1' });
      const parcel = await ledger.parcels.open(id, FEDEX, 'sam');
      for (const serial of ['E1', 'E2']) {
        await ledger.parcels.registerExportDrive(id, serial as DriveId, parcel.id);
      }
      const drives = await ledger.drivesOf(id);
      expect(drives.map(({ ref, state }) => [ref.driveId, state.name])).toEqual([
        ['E1', 'Received'],
        ['E2', 'Received'],
      ]);
      expect(await ledger.parcels.extras('here')).toEqual([]);
    });

    describe('the way back', () => {
      it('moves drives, extra drives and job at once, and tells the customer the parcel', async () => {
        const id = await packed(['Completed', 'Completed']);
        const checkIn = await ledger.parcels.checkIn();
        await ledger.parcels.flagExtra({ ...EXTRA, jobId: id, parcelId: checkIn?.id ?? null });
        const { job, drives } = await ledger.parcels.sendBack(id, FEDEX, 'sam');
        expect(job.state.name).toBe('Completed');
        expect(drives.map(({ state }) => state.name)).toEqual(['ShippedBack', 'ShippedBack']);
        expect(job.details.returnPackage).toMatchObject({ ...FEDEX, driveCount: 2 });
        expect(await ledger.parcels.extras('here')).toEqual([]);
        const parcels = await ledger.parcels.ofJob(id);
        expect(parcels.map(({ direction }) => direction)).toEqual(['in', 'out']);
        expect(await ledger.firstBrokenEvent()).toBeUndefined();
      });

      it('ends the check-in of the job’s parcel as well', async () => {
        const id = await packed(['Completed']);
        expect(await ledger.parcels.checkIn()).toMatchObject({ jobId: id });
        await ledger.parcels.sendBack(id, FEDEX, 'sam');
        expect(await ledger.parcels.checkIn()).toBeUndefined();
        const [came] = await ledger.parcels.ofJob(id);
        expect(came).toMatchObject({ direction: 'in', completedBy: 'sam' });
      });

      it('is refused while a drive of it is in a bay, and that is logged', async () => {
        const id = await packed(['Completed']);
        const inBays = ['S0 (Bay 1)'];
        const refused = ledger.parcels.sendBack(id, { ...FEDEX, inBays }, 'sam');
        await expect(refused).rejects.toMatchObject({ code: 'job-change-refused' });
        const types: string[] = [];
        for await (const event of ledger.events(0, 100)) types.push(event.type);
        expect(types.at(-1)).toBe('return-refused');
        expect(await statesOf(id)).toEqual(['Completed']);
      });

      it('ends in Closed when a drive has errors', async () => {
        const id = await packed(['Completed', 'CompletedMoreInfo']);
        const { job } = await ledger.parcels.sendBack(id, FEDEX, 'sam');
        expect(job.state.name).toBe('Closed');
      });

      it('has no disk that was lost: it is not sent back, and not counted', async () => {
        const id = await packed(['Completed', 'CompletedMoreInfo'], true, 'DiskNotFound');
        const { job, drives } = await ledger.parcels.sendBack(id, FEDEX, 'sam');
        expect(drives.map(({ state }) => state.name)).toEqual(['ShippedBack', 'CompletedMoreInfo']);
        expect(job.details.returnPackage).toMatchObject({ driveCount: 1 });
        expect(job.state.name).toBe('Closed');
      });

      it('has a lost disk that was found, and none that was not lost', async () => {
        const id = await packed(['Completed', 'CompletedMoreInfo'], true, 'DiskNotFound');
        const odd = ledger.parcels.sendBack(id, { ...FEDEX, found: ['S1', 'S0', 'X'] }, 'sam');
        await expect(odd).rejects.toMatchObject({
          code: 'job-change-refused',
          message: expect.stringContaining('not among the lost drives: S0, X'),
        });
        const { job, drives } = await ledger.parcels.sendBack(
          id,
          { ...FEDEX, found: ['S1'] },
          'sam',
        );
        expect(drives.map(({ state }) => state.name)).toEqual(['ShippedBack', 'ShippedBack']);
        expect(job.details.returnPackage).toMatchObject({ driveCount: 2 });
      });

      it('is refused without an address, and goes once an operator gave one', async () => {
        const id = await packed(['Completed'], false);
        const refused = ledger.parcels.sendBack(id, FEDEX, 'sam');
        await expect(refused).rejects.toMatchObject({ code: 'job-change-incomplete' });
        expect(await statesOf(id)).toEqual(['Completed']);
        await ledger.setReturnAddress(id, ADDRESS, 'sam');
        expect((await ledger.parcels.sendBack(id, FEDEX, 'sam')).job.state.name).toBe('Completed');
        const late = ledger.setReturnAddress(id, ADDRESS, 'sam');
        await expect(late).rejects.toMatchObject({ code: 'job-change-refused' });
      });

      it('is refused before Packaging and while a straggler is copied, and logged', async () => {
        const { id } = await ledger.createJob(aNewJob('job', ['A1']), 'alex');
        const early = ledger.parcels.sendBack(id, FEDEX, 'sam');
        await expect(early).rejects.toMatchObject({ code: 'job-change-refused' });
        const types: string[] = [];
        for await (const event of ledger.events(0, 100)) types.push(event.type);
        expect(types).toEqual(['created', 'return-refused']);
      });
    });

    describe('alerts', () => {
      const due = (key: string): DueAlert => ({
        ...{ key, kind: 'extra-drive', subject: { extraId: key }, reason: `because of ${key}` },
      });

      it('are raised once, end with their condition, and come back with it', async () => {
        expect(await ledger.alerts.reconcile([due('a'), due('b')])).toBe(true);
        expect(await ledger.alerts.reconcile([due('a'), due('b')])).toBe(false);
        await ledger.alerts.reconcile([due('b')]);
        ledger = await subject.reopen();
        expect((await ledger.alerts.list('open')).map(({ key }) => key)).toEqual(['b']);
        const [over] = (await ledger.alerts.list('all')).filter(({ key }) => key === 'a');
        expect(over?.resolved).toMatchObject({ by: 'station', resolution: null });
        await ledger.alerts.reconcile([due('a'), due('b')]);
        expect((await ledger.alerts.list('open')).map(({ key }) => key)).toEqual(['a', 'b']);
      });

      it('that are open tell what is known by now, and are not raised anew', async () => {
        const { id: jobId } = await ledger.createJob(aNewJob('job', ['A1']), 'alex');
        await ledger.alerts.reconcile([due('a')]);
        const [first] = await ledger.alerts.list('open');
        const more = { ...due('a'), subject: { extraId: 'a', jobId }, reason: 'It is of job.' };
        expect(await ledger.alerts.reconcile([more])).toBe(true);
        expect(await ledger.alerts.reconcile([more])).toBe(false);
        const { subject, reason } = more;
        expect(await ledger.alerts.list('open')).toEqual([{ ...first, subject, reason }]);
      });

      it('that a person resolved stay so while their condition lasts', async () => {
        await ledger.alerts.reconcile([due('a')]);
        const [alert] = await ledger.alerts.list('open');
        const id = alert?.id ?? '';
        await ledger.alerts.acknowledge(id, 'sam');
        const answer = { resolution: 'noted', note: 'on the shelf' } as const;
        const resolved = await ledger.alerts.resolve(id, answer, 'alex');
        expect(resolved).toMatchObject({
          acknowledged: { by: 'sam' },
          resolved: { by: 'alex', resolution: 'noted', note: 'on the shelf' },
        });
        expect(await ledger.alerts.reconcile([due('a')])).toBe(false);
        expect(await ledger.alerts.list('open')).toEqual([]);
        const twice = ledger.alerts.resolve(id, answer, 'alex');
        await expect(twice).rejects.toMatchObject({ code: 'alert-resolved' });
      });

      it('take only the resolutions of their kind', async () => {
        await ledger.alerts.reconcile([due('a')]);
        const [alert] = await ledger.alerts.list('open');
        const odd = ledger.alerts.resolve(alert?.id ?? '', { resolution: 'destroyed' }, 'alex');
        await expect(odd).rejects.toMatchObject({ code: 'request-invalid' });
        const unknown = ledger.alerts.acknowledge('none', 'alex');
        await expect(unknown).rejects.toMatchObject({ code: 'alert-not-found' });
      });
    });
  });
}
