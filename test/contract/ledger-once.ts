import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isStationError } from '../../src/errors.ts';
import type { Ledger, OnceRequest } from '../../src/ledger/contract.ts';
import { aNewJob } from '../support/ledger.ts';
import { eventsOf, type LedgerUnderTest } from './ledger.ts';

const REQUEST: OnceRequest = { key: 'key-1', actor: 'alex', fingerprint: 'make A' };

/** What every implementation of the ledger holds to when it is asked with a key. */
export function onceContract(name: string, create: () => Promise<LedgerUnderTest>): void {
  describe(`ledger contract, once: ${name}`, () => {
    let subject: LedgerUnderTest;
    let ledger: Ledger;
    let done: number;

    beforeEach(async () => {
      subject = await create();
      ledger = subject.ledger;
      done = 0;
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    const makeJob = (jobName: string) => async (within: Ledger) => {
      done += 1;
      const { id, name: made } = await within.createJob(aNewJob(jobName, ['A1']), 'alex');
      return { id, name: made };
    };

    it('does a thing once and gives its answer again, also after a restart', async () => {
      const first = await ledger.once(REQUEST, makeJob('job'));
      expect(first).toEqual({
        answer: { id: expect.any(String), name: 'job' },
        replayed: false,
      });
      expect(await ledger.once(REQUEST, makeJob('job'))).toEqual({ ...first, replayed: true });
      ledger = await subject.reopen();
      expect(await ledger.once(REQUEST, makeJob('job'))).toEqual({ ...first, replayed: true });
      expect([done, (await ledger.jobs()).length]).toEqual([1, 1]);
    });

    it('refuses the key for another request, and does nothing', async () => {
      await ledger.once(REQUEST, makeJob('job'));
      const other = { ...REQUEST, fingerprint: 'make B' };
      await expect(ledger.once(other, makeJob('other'))).rejects.toMatchObject({
        code: 'idempotency-key-reused',
        payload: { key: 'key-1' },
      });
      expect([done, (await ledger.jobs()).length]).toEqual([1, 1]);
    });

    it('takes equal keys of two actors for two keys', async () => {
      await ledger.once(REQUEST, makeJob('one'));
      const { replayed } = await ledger.once({ ...REQUEST, actor: 'kim' }, makeJob('two'));
      expect([replayed, done]).toEqual([false, 2]);
    });

    const refusalOf = (error: unknown) =>
      isStationError(error, 'transition-refused') ? { refused: error.code } : undefined;

    it('keeps a refusal with its entry in the event log, and nothing else of the work', async () => {
      const { id } = await ledger.createJob(aNewJob('job', ['A1']), 'alex');
      const refused = async (within: Ledger) => {
        await makeJob('half-done')(within);
        await within.transitionJob(id, { event: 'shipped' }, 'alex');
      };
      const first = await ledger.once(REQUEST, refused, refusalOf);
      expect(first).toEqual({ answer: { refused: 'transition-refused' }, replayed: false });
      ledger = await subject.reopen();
      expect(await ledger.once(REQUEST, refused, refusalOf)).toEqual({ ...first, replayed: true });
      expect([done, (await ledger.jobs()).length]).toEqual([1, 1]);
      const types = (await eventsOf(ledger)).map(({ type }) => type);
      expect(types).toEqual(['created', 'shipped-refused']);
      expect(await ledger.firstBrokenEvent()).toBeUndefined();
    });

    it('keeps all of the work when it goes on after a refusal', async () => {
      const { id } = await ledger.createJob(aNewJob('job', ['A1']), 'alex');
      await ledger.once(REQUEST, async (within) => {
        await within.transitionJob(id, { event: 'shipped' }, 'alex').catch(refusalOf);
        await makeJob('another')(within);
      });
      const types = (await eventsOf(ledger)).map(({ type }) => type);
      expect(types).toEqual(['created', 'shipped-refused', 'created']);
    });

    it.each([
      ['something unexpected', new RangeError('a defect')],
      ['the end of everything', 'not even an error'],
    ])('applies and keeps nothing when the work throws %s', async (_what, thrown) => {
      const half = async (within: Ledger) => {
        await makeJob('job')(within);
        throw thrown;
      };
      await expect(ledger.once(REQUEST, half)).rejects.toBe(thrown);
      expect(await ledger.jobs()).toEqual([]);
      expect(await eventsOf(ledger)).toEqual([]);
      const again = await ledger.once(REQUEST, makeJob('job'));
      expect([again.replayed, (await ledger.jobs()).length]).toEqual([false, 1]);
      expect(await ledger.firstBrokenEvent()).toBeUndefined();
    });

    it('lets the second of two at once wait for the answer of the first', async () => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => ledger.once(REQUEST, makeJob('job'))),
      );
      expect(done).toBe(1);
      expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
      expect(new Set(answers.map(({ answer }) => JSON.stringify(answer))).size).toBe(1);
    });

    it('lets others write before and after, never in between', async () => {
      const open = Promise.withResolvers<void>();
      const began = Promise.withResolvers<void>();
      const asked = ledger.once(REQUEST, async (within) => {
        await within.note('x', 'first', null, 'alex');
        began.resolve();
        await open.promise;
        await within.note('x', 'second', null, 'alex');
      });
      await began.promise;
      const other = ledger.note('x', 'other', null, 'kim');
      open.resolve();
      await Promise.all([asked, other]);
      expect((await eventsOf(ledger)).map(({ type }) => type)).toEqual([
        'first',
        'second',
        'other',
      ]);
    });

    it('makes each change of the work whole or not at all, also when they come at once', async () => {
      const { answer } = await ledger.once(REQUEST, async (within) => {
        const asked = ['a', 'b', 'A', 'c', 'b'].map((jobName) => makeJob(jobName)(within));
        const settled = await Promise.allSettled(asked);
        return settled.map(({ status }) => status === 'fulfilled');
      });
      expect(answer).toEqual([true, true, false, true, false]);
      expect((await ledger.jobs()).map((job) => job.name).sort()).toEqual(['a', 'b', 'c']);
      expect(await eventsOf(ledger)).toHaveLength(3);
      expect(await ledger.firstBrokenEvent()).toBeUndefined();
    });

    it('sees its own changes before anybody else does', async () => {
      await ledger.once(REQUEST, async (within) => {
        const { id } = await within.createJob(aNewJob('job', ['A1', 'B2']), 'alex');
        await within.parcels.open(id, undefined, 'alex');
        expect(await within.parcels.checkIn()).toMatchObject({ jobId: id });
        expect(await within.drivesOf(id)).toHaveLength(2);
      });
      expect(await ledger.parcels.checkIn()).toBeDefined();
    });

    it('takes no change of work that has ended', async () => {
      let kept: Ledger | undefined;
      await ledger.once(REQUEST, async (within) => {
        kept = within;
      });
      await expect(kept?.note('x', 'late', null, 'alex')).rejects.toMatchObject({
        code: 'internal-error',
      });
      expect(await eventsOf(ledger)).toEqual([]);
    });
  });
}
