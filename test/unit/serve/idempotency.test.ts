import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LedgerEvent } from '../../../src/ledger/contract.ts';
import { Actions } from '../../../src/work/actions.ts';
import { Floor } from '../../../src/work/floor.ts';
import { createJob, jobFile, type Serving, startServing } from '../../support/serving.ts';
import { ADDRESS } from '../../support/workshop.ts';

/** The real actions on a real ledger; only disks and decisions are missing. */
let at: Serving;
let effects = 0;
beforeAll(async () => {
  at = await startServing(undefined, {
    actionsOn: (ledger) =>
      new Actions({
        ledger,
        detector: { facts: () => ({ disks: [], known: true }) },
        floor: new Floor(() => performance.now()),
        bootId: 'boot',
        storageAccounts: ['contosoarchive'],
        poke: async () => {
          effects += 1;
          // Whatever takes effect reads the ledger, which must not be in a transaction then.
          await ledger.jobs();
        },
      }),
  });
  await createJob(at.ledger, 'test-job');
});
afterAll(() => at.close());

interface Ask {
  readonly method?: string;
  readonly body?: unknown;
  readonly key?: string;
  readonly actor?: string;
}

async function ask(path: string, { method = 'POST', body, key, actor = 'maria' }: Ask) {
  const response = await fetch(new URL(path, at.server.url), {
    method,
    headers: {
      'x-drive-station-actor': actor,
      ...(key !== undefined && { 'idempotency-key': key }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const { status, headers } = response;
  const replayed = headers.get('idempotency-replayed');
  return { status, replayed, location: headers.get('location'), body: await response.json() };
}

const RETRY = '/api/v1/jobs/test-job/drives/9CA995BB/retry';

async function events(): Promise<LedgerEvent[]> {
  const found: LedgerEvent[] = [];
  for await (const event of at.ledger.events(0, 10_000)) found.push(event);
  return found;
}

describe('an action with an idempotency key', () => {
  it('is done once, and answers the same each time', async () => {
    const first = await ask('/api/v1/jobs', { body: jobFile('one'), key: 'k-1' });
    expect([first.status, first.replayed]).toEqual([201, null]);
    const again = await ask('/api/v1/jobs', { body: jobFile('one'), key: 'k-1' });
    expect(again).toEqual({ ...first, replayed: 'true' });
    const created = (await events()).filter(({ type, data }) => {
      return type === 'created' && JSON.stringify(data).includes('"one"');
    });
    expect(created).toMatchObject([{ actor: 'maria' }]);
  });

  it('answers the same after a restart of the server', async () => {
    const first = await ask('/api/v1/jobs', { body: jobFile('kept'), key: 'k-kept' });
    await at.restart();
    const again = await ask('/api/v1/jobs', { body: jobFile('kept'), key: 'k-kept' });
    expect(again).toEqual({ ...first, replayed: 'true' });
  });

  it('is the same request in whatever order its members come', async () => {
    const first = await ask('/api/v1/jobs', { body: jobFile('order'), key: 'k-order' });
    const turned = Object.fromEntries(Object.entries(jobFile('order')).reverse());
    const again = await ask('/api/v1/jobs', { body: turned, key: 'k-order' });
    expect([again.replayed, again.body]).toEqual(['true', first.body]);
  });

  it('is refused when its key belongs to another request', async () => {
    await ask('/api/v1/jobs', { body: jobFile('mine'), key: 'k-2' });
    const others = [
      await ask('/api/v1/jobs', { body: jobFile('other'), key: 'k-2' }),
      await ask('/api/v1/jobs/mine/check-in', { body: {}, key: 'k-2' }),
      await ask('/api/v1/jobs/mine/return-address', { method: 'PUT', body: ADDRESS, key: 'k-2' }),
    ];
    for (const { status, body, replayed } of others) {
      expect([status, body.error.code, replayed]).toEqual([422, 'idempotency-key-reused', null]);
    }
    expect(await at.ledger.jobByName('other')).toBeUndefined();
  });

  it('of another person is another action', async () => {
    await ask('/api/v1/jobs', { body: jobFile('hers'), key: 'k-3' });
    const his = await ask('/api/v1/jobs', { body: jobFile('his'), key: 'k-3', actor: 'omar' });
    expect([his.status, his.replayed]).toEqual([201, null]);
  });

  it('that is refused is refused once in the event log, and the refusal is its answer', async () => {
    const first = await ask(RETRY, { key: 'k-4' });
    expect([first.status, first.body.error.code]).toEqual([409, 'transition-refused']);
    expect(await ask(RETRY, { key: 'k-4' })).toEqual({ ...first, replayed: 'true' });
    const refused = (await events()).filter(({ type }) => type === 'resolved-for-retry-refused');
    expect(refused).toHaveLength(1);
    expect(await at.ledger.firstBrokenEvent()).toBeUndefined();
  });

  it('that makes what is there already is refused, and changes nothing', async () => {
    const before = (await at.ledger.jobs()).length;
    const refused = await ask('/api/v1/jobs', { body: jobFile('test-job'), key: 'k-5' });
    expect(refused.status).toBe(201);
    const again = await ask('/api/v1/jobs', { body: jobFile('test-job'), key: 'k-6' });
    expect([again.status, again.body.error.code]).toEqual([409, 'job-exists']);
    expect(await at.ledger.jobs()).toHaveLength(before + 1);
  });

  it('is done once when it is asked ten times at once, and takes effect after that', async () => {
    const before = effects;
    const asked = { body: jobFile('at-once'), key: 'k-7' };
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask('/api/v1/jobs', asked)));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1);
    expect(answers.filter(({ replayed }) => replayed === null)).toHaveLength(1);
    expect(effects - before).toBe(10);
  });

  it('that is no request leaves its key free', async () => {
    const wrong = await ask('/api/v1/jobs', { body: { name: 1 }, key: 'k-8' });
    expect([wrong.status, wrong.body.error.code]).toEqual([400, 'job-file-invalid']);
    const right = await ask('/api/v1/jobs', { body: jobFile('right'), key: 'k-8' });
    expect([right.status, right.replayed]).toEqual([201, null]);
  });

  it('addresses a job by name or id', async () => {
    const job = await at.ledger.jobByName('one');
    const begun = await ask(`/api/v1/jobs/${job?.id}/check-in`, { body: {}, key: 'k-9' });
    expect([begun.status, begun.body.jobId]).toEqual([200, job?.id]);
    const again = await ask('/api/v1/jobs/ONE/check-in', { body: {}, key: 'k-10' });
    expect(again.body).toEqual(begun.body);
  });

  it.each([
    ['too long', 'x'.repeat(201)],
    ['empty', ''],
    ['not ASCII', 'schlüssel'],
  ])('has no key that is %s', async (_what, key) => {
    const refused = await ask(RETRY, { key });
    expect([refused.status, refused.body.error.code]).toEqual([400, 'request-invalid']);
    expect(refused.body.error.details.problems.join()).toContain('idempotency-key');
  });
});

it('without a key an action is done each time', async () => {
  const first = await ask('/api/v1/jobs', { body: jobFile('no-key') });
  const again = await ask('/api/v1/jobs', { body: jobFile('no-key') });
  expect([first.status, again.status, again.replayed]).toEqual([201, 409, null]);
});
