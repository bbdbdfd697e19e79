import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobName } from '../../src/domain/blob-name.ts';
import type { DiskKey } from '../../src/domain/disk.ts';
import type { DriveId, DriveRef, JobId } from '../../src/domain/job.ts';
import type { CopyPlan } from '../../src/domain/plan.ts';
import { endedWithoutCopy } from '../../src/domain/verdict.ts';
import { isStationError } from '../../src/errors.ts';
import type { DriveChange, Ledger, LedgerEvent } from '../../src/ledger/contract.ts';
import { aNewJob, aVerdict, BOUND_DISK, transferring } from '../support/ledger.ts';

export interface LedgerUnderTest extends AsyncDisposable {
  readonly ledger: Ledger;
  /** Closes the ledger and opens it again on what it left behind. */
  reopen(): Promise<Ledger>;
}

const PLAN: CopyPlan = {
  kind: 'image',
  totalBytes: 1_000_000,
  blobs: [
    {
      name: 'a/SERIAL1.img' as BlobName,
      lengthBytes: 1_000_000,
      blockBytes: 4_194_304,
      extents: [{ offsetBytes: 0, lengthBytes: 1_000_000 }],
    },
  ],
};

const RECEIVED = { event: 'all-drives-received' } as const;
const GIVEN_UP: DriveChange = {
  event: 'resolved-without-copy',
  verdict: endedWithoutCopy('DiskOperationFailed', 'It does not read.'),
};

/** What every implementation of the ledger holds to. */
export function ledgerContract(name: string, create: () => Promise<LedgerUnderTest>): void {
  describe(`ledger contract: ${name}`, () => {
    let subject: LedgerUnderTest;
    let ledger: Ledger;

    beforeEach(async () => {
      subject = await create();
      ledger = subject.ledger;
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    describe('jobs', () => {
      it('starts a job in Shipping when its parcel is on the way, else in Creating', async () => {
        expect((await ledger.createJob(aNewJob('sent', ['A1']), 'alex')).state.name).toBe(
          'Shipping',
        );
        const waiting = await ledger.createJob(aNewJob('not-sent', ['A1'], false), 'alex');
        expect(waiting.state.name).toBe('Creating');
      });

      it('gives a job back as it was made, by name in any case, and after a restart', async () => {
        const made = await ledger.createJob(aNewJob('Archive-1', ['B2', 'A1']), 'alex');
        ledger = await subject.reopen();
        expect(await ledger.jobByName('archive-1')).toEqual(made);
        expect(await ledger.jobs()).toEqual([made]);
        expect(await ledger.jobByName('archive-2')).toBeUndefined();
      });

      it('keeps the drives in the order of the list, all Specified', async () => {
        const { id } = await ledger.createJob(aNewJob('job', ['B2', 'A1', 'C3']), 'alex');
        const drives = await ledger.drivesOf(id);
        expect(drives.map((drive) => drive.ref.driveId)).toEqual(['B2', 'A1', 'C3']);
        expect(drives.every((drive) => drive.state.name === 'Specified')).toBe(true);
        expect(drives.every((drive) => drive.jobName === 'job')).toBe(true);
      });

      it('refuses a name that is taken, in any case, and stores nothing', async () => {
        await ledger.createJob(aNewJob('job', ['A1']), 'alex');
        const again = ledger.createJob(aNewJob('JOB', ['B2']), 'alex');
        await expect(again).rejects.toMatchObject({ code: 'job-exists' });
        expect(await ledger.jobs()).toHaveLength(1);
        expect(await eventsOf(ledger)).toHaveLength(1);
      });

      it('moves a job by the table only, logs a refusal and throws it', async () => {
        const { id } = await ledger.createJob(aNewJob('job', ['A1']), 'alex');
        const moved = await ledger.transitionJob(id, RECEIVED, 'station');
        expect(moved.state.name).toBe('Received');
        const refused = ledger.transitionJob(id, { event: 'shipped' }, 'alex');
        await expect(refused).rejects.toMatchObject({ code: 'transition-refused' });
        ledger = await subject.reopen();
        expect((await ledger.jobByName('job'))?.state.name).toBe('Received');
        const types = (await eventsOf(ledger)).map((event) => event.type);
        expect(types).toEqual(['created', 'all-drives-received', 'shipped-refused']);
      });

      it('does not know a job that was never made', async () => {
        const nobody = ledger.transitionJob('no-such-job' as JobId, { event: 'shipped' }, 'alex');
        await expect(nobody).rejects.toMatchObject({ code: 'job-not-found' });
        expect(await ledger.drivesOf('no-such-job' as JobId)).toEqual([]);
        expect(await eventsOf(ledger)).toEqual([]);
      });
    });

    describe('drives', () => {
      it('carries the data of each state through a restart', async () => {
        const ref = await transferring(ledger, 'job');
        const { id } = await copyOf(ledger, ref);
        ledger = await subject.reopen();
        const state = async () => (await ledger.drive(ref))?.state;
        expect(await state()).toEqual({ name: 'Transferring', copyId: id });
        const fault = {
          code: 'disk-read-failed',
          reason: 'It does not read.',
          nextStep: 'Clean the contacts.',
          since: '2026-01-01T00:00:00.000Z',
          publicState: 'Transferring',
        } as const;
        await ledger.transitionDrive(ref, { event: 'faulted', fault }, 'station');
        ledger = await subject.reopen();
        expect(await state()).toEqual({ name: 'Faulted', fault });
        await ledger.transitionDrive(ref, GIVEN_UP, 'alex');
        expect(await state()).toEqual({ name: 'CompletedMoreInfo', copyId: id });
        await ledger.transitionDrive(ref, { event: 'shipped-back' }, 'alex');
        expect(await state()).toEqual({ name: 'ShippedBack' });
      });

      it('puts the verdict into the copy and the drive when the copy has ended', async () => {
        const ref = await transferring(ledger, 'job');
        const verdict = aVerdict('Completed');
        await ledger.transitionDrive(ref, { event: 'copy-verified', verdict }, 'station');
        const { id } = await copyOf(ledger, await transferring(ledger, 'open'));
        ledger = await subject.reopen();
        expect(await ledger.openCopies()).toEqual(new Set([id]));
        expect((await ledger.drive(ref))?.verdict).toEqual(verdict);
        expect((await copyOf(ledger, ref)).verdict).toEqual(verdict);
      });

      it('keeps where the logs of a copy are, beside its verdict', async () => {
        const ref = await transferring(ledger, 'job');
        expect(await ledger.drive(ref)).not.toHaveProperty('logs');
        const verdict = aVerdict('Completed');
        const logs = { errorLogUri: 'https://x/waies/e.xml', problem: 'the store refused' };
        await ledger.transitionDrive(ref, { event: 'copy-verified', verdict, logs }, 'station');
        ledger = await subject.reopen();
        expect(await ledger.drive(ref)).toMatchObject({ verdict, logs });
        expect((await ledger.drive(ref))?.logs).toEqual(logs);
      });

      it('keeps a verdict in which the store named no digest', async () => {
        const ref = await transferring(ledger, 'job');
        const clean = aVerdict('CompletedMoreInfo');
        const blobs = clean.blobs.map((blob) => ({
          ...blob,
          committed: { ...blob.committed, md5: undefined },
        }));
        const verdict = { ...clean, blobs, kernelWrites: null };
        await ledger.transitionDrive(ref, { event: 'copy-ended-with-notes', verdict }, 'station');
        expect((await ledger.drive(ref))?.verdict).toEqual(verdict);
      });

      it('never completes a drive on a verdict that says otherwise', async () => {
        const ref = await transferring(ledger, 'job');
        const verdict = aVerdict('CompletedMoreInfo');
        const refused = ledger.transitionDrive(ref, { event: 'copy-verified', verdict }, 'station');
        await expect(refused).rejects.toMatchObject({ code: 'transition-refused' });
        expect((await ledger.drive(ref))?.state.name).toBe('Transferring');
        expect((await ledger.drive(ref))?.verdict).toBeUndefined();
      });

      it('never starts the copy of another drive', async () => {
        const other = await transferring(ledger, 'other');
        const { id: copyId } = await copyOf(ledger, other);
        const { id } = await ledger.createJob(aNewJob('job', ['A1']), 'alex');
        const ref = { jobId: id, driveId: 'A1' as DriveId };
        const refused = ledger.transitionDrive(ref, { event: 'copy-started', copyId }, 'station');
        await expect(refused).rejects.toMatchObject({ code: 'transition-refused' });
      });

      it('refuses what the table does not list, logs it and changes nothing', async () => {
        const ref = await transferring(ledger, 'job');
        const before = await ledger.drive(ref);
        const changes: DriveChange[] = [
          { event: 'arrived' },
          { event: 'missing' },
          { event: 'resolved-for-retry' },
          { event: 'shipped-back' },
        ];
        for (const change of changes) {
          const refused = ledger.transitionDrive(ref, change, 'alex');
          await expect(refused).rejects.toSatisfy((error) =>
            isStationError(error, 'transition-refused'),
          );
        }
        expect(await ledger.drive(ref)).toEqual(before);
        const last = (await eventsOf(ledger)).slice(-changes.length);
        expect(last.map((event) => event.type)).toEqual(
          changes.map(({ event }) => `${event}-refused`),
        );
        expect(last.every((event) => event.actor === 'alex')).toBe(true);
      });

      it('does not know a drive that is on no list', async () => {
        const { id } = await ledger.createJob(aNewJob('job', ['A1']), 'alex');
        const ref = { jobId: id, driveId: 'Z9' as DriveId };
        expect(await ledger.drive(ref)).toBeUndefined();
        const unknown = { code: 'drive-not-found' };
        const change = { event: 'arrived' } as const;
        await expect(ledger.transitionDrive(ref, change, 'alex')).rejects.toMatchObject(unknown);
        await expect(ledger.beginCopyAttempt(ref, BOUND_DISK)).rejects.toMatchObject(unknown);
      });
    });

    describe('copies', () => {
      it('counts attempts of one copy, and counts anew after a person resolved a fault', async () => {
        const ref = await transferring(ledger, 'job');
        const first = await copyOf(ledger, ref);
        expect(first).toMatchObject({ attempts: 1, boundDisk: BOUND_DISK });
        expect(first.nonce).toMatch(/^[0-9a-f]{16}$/u);
        ledger = await subject.reopen();
        const second = await ledger.beginCopyAttempt(ref, { ...BOUND_DISK, bay: 'Bay 2' });
        expect(second).toEqual({ ...first, attempts: 2 });
        const fault = {
          code: 'x',
          reason: 'r',
          nextStep: 'n',
          since: '',
          publicState: 'Received',
        } as const;
        await ledger.transitionDrive(ref, { event: 'faulted', fault }, 'station');
        await ledger.transitionDrive(ref, { event: 'resolved-for-retry' }, 'alex');
        expect((await ledger.beginCopyAttempt(ref, BOUND_DISK)).attempts).toBe(1);
      });

      it('keeps plan and progress, and logs neither', async () => {
        const ref = await transferring(ledger, 'job');
        const { id } = await copyOf(ledger, ref);
        const logged = (await eventsOf(ledger)).length;
        const progress = { totalBytes: 1_000_000, stagedBytes: 5, verifiedBytes: 0 };
        await ledger.recordPlan(id, PLAN);
        await ledger.recordProgress(id, { ...progress, stagedBytes: 1 });
        await ledger.recordProgress(id, progress);
        ledger = await subject.reopen();
        expect(await ledger.copyOf(ref)).toMatchObject({ plan: PLAN, progress });
        expect((await ledger.drive(ref))?.progress).toEqual(progress);
        expect(await eventsOf(ledger)).toHaveLength(logged);
      });

      it('counts nothing that was only staged of a drive that was given up', async () => {
        const ref = await transferring(ledger, 'job');
        const { id } = await copyOf(ledger, ref);
        await ledger.recordProgress(id, { totalBytes: 100, stagedBytes: 60, verifiedBytes: 20 });
        const fault = { code: 'x', reason: 'r', nextStep: 'n', since: '' } as const;
        const faulted = { ...fault, publicState: 'Transferring' } as const;
        await ledger.transitionDrive(ref, { event: 'faulted', fault: faulted }, 'station');
        expect((await ledger.drive(ref))?.progress?.stagedBytes).toBe(60);
        await ledger.transitionDrive(ref, GIVEN_UP, 'sam');
        expect((await ledger.drive(ref))?.progress).toEqual({
          totalBytes: 100,
          stagedBytes: 20,
          verifiedBytes: 20,
        });
      });

      it('says so when a copy is unknown', async () => {
        const progress = { totalBytes: 1, stagedBytes: 1, verifiedBytes: 1 };
        const unknown = { code: 'internal-error' };
        await expect(ledger.recordPlan('none', PLAN)).rejects.toMatchObject(unknown);
        await expect(ledger.recordProgress('none', progress)).rejects.toMatchObject(unknown);
      });
    });

    it('finds the drives of more jobs than one statement takes values', async () => {
      const { id } = await ledger.createJob(aNewJob('job', ['A1', 'B2']), 'alex');
      const strangers = Array.from({ length: 40_000 }, (_, index) => `none-${index}` as JobId);
      const found = await ledger.drivesOfJobs([...strangers, id]);
      expect(found.get(id)?.map(({ ref }) => ref.driveId)).toEqual(['A1', 'B2']);
      expect(found.size).toBe(40_001);
    });

    describe('a person’s answer to whose disk this is', () => {
      const about = (disk: string, driveId: string) => ({
        disk: disk as DiskKey,
        ref: { jobId: 'a-job' as JobId, driveId: driveId as DriveId },
        actor: 'kim',
      });

      it('survives a restart of the station, the latest one for each attachment', async () => {
        await ledger.confirmDisk(about('usb-1#7', 'A1'), 'boot-1', 'kim');
        await ledger.confirmDisk(about('usb-2#8', 'B2'), 'boot-1', 'kim');
        await ledger.confirmDisk(about('usb-1#7', 'C3'), 'boot-1', 'kim');
        ledger = await subject.reopen();
        expect(await ledger.confirmedDisks('boot-1')).toEqual([
          about('usb-2#8', 'B2'),
          about('usb-1#7', 'C3'),
        ]);
      });

      it('ends with the boot, since attachments are then numbered anew', async () => {
        await ledger.confirmDisk(about('usb-1#7', 'A1'), 'boot-1', 'kim');
        expect(await ledger.confirmedDisks('boot-2')).toEqual([]);
        await ledger.confirmDisk(about('usb-1#7', 'B2'), 'boot-2', 'kim');
        expect(await ledger.confirmedDisks('boot-1')).toEqual([]);
      });
    });

    describe('the event log', () => {
      it('gives the newest entry, and the newest about one thing', async () => {
        expect(await ledger.lastEvent()).toBeUndefined();
        await ledger.note('a', 'first', { n: 1 }, 'alex');
        await ledger.note('b', 'second', { n: 2 }, 'kim');
        expect(await ledger.lastEvent()).toMatchObject({
          sequence: 2,
          type: 'second',
          actor: 'kim',
        });
        expect(await ledger.lastEvent('a')).toMatchObject({ sequence: 1, data: { n: 1 } });
        expect(await ledger.lastEvent('c')).toBeUndefined();
      });

      it('numbers events without gaps, also when many writers ask at once', async () => {
        await Promise.all(
          Array.from({ length: 30 }, (_, index) => ledger.note('x', 'noted', { index }, 'alex')),
        );
        const events = await eventsOf(ledger);
        expect(events.map((event) => event.sequence)).toEqual(
          Array.from({ length: 30 }, (_, index) => index + 1),
        );
        expect(new Set(events.map((event) => JSON.stringify(event.data))).size).toBe(30);
        expect(await ledger.firstBrokenEvent()).toBeUndefined();
      });

      it('hands out events after a number, oldest first, and no more than asked for', async () => {
        for (let index = 1; index <= 5; index++) await ledger.note('x', 'noted', index, 'alex');
        const some: number[] = [];
        for await (const event of ledger.events(2, 2)) some.push(event.sequence);
        expect(some).toEqual([3, 4]);
      });

      it('gives an event back as it was noted, whatever it carries', async () => {
        const data = { b: [1, null, { 'ключ "\u0000': '\ud800' }], a: 1.5e-9, __proto__x: true };
        await ledger.note('disk:usb-1#3', 'seen', data, 'alex');
        const [event] = await eventsOf(ledger);
        expect(event).toMatchObject({ entity: 'disk:usb-1#3', type: 'seen', actor: 'alex', data });
        expect(event?.hash).toMatch(/^[0-9a-f]{64}$/u);
        expect(await ledger.firstBrokenEvent()).toBeUndefined();
      });

      it('goes on with the chain after a restart', async () => {
        await transferring(ledger, 'job');
        ledger = await subject.reopen();
        await ledger.note('x', 'noted', null, 'alex');
        expect(await ledger.firstBrokenEvent()).toBeUndefined();
      });
    });
  });
}

export async function eventsOf(ledger: Ledger): Promise<LedgerEvent[]> {
  const events: LedgerEvent[] = [];
  for await (const event of ledger.events(0, 10_000)) events.push(event);
  return events;
}

async function copyOf(ledger: Ledger, ref: DriveRef) {
  const copy = await ledger.copyOf(ref);
  expect(copy).toBeDefined();
  if (copy === undefined) expect.unreachable();
  return copy;
}
