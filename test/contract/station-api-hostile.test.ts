import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DriveId } from '../../src/domain/job.ts';
import type { OpenApiDocument } from '../../src/serve/api/openapi.ts';
import { createJob, type Serving, startServing } from '../support/serving.ts';
import { busyView } from '../support/views.ts';

/** Requests that nobody in their right mind sends: answered clearly, and nothing is half applied. */

const VERBS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const FEDEX = { carrierName: 'FedEx', trackingNumber: '9 4055' };

let at: Serving;
let document: OpenApiDocument;
beforeAll(async () => {
  at = await startServing(busyView());
  await createJob(at.ledger, 'test-job');
  document = await (await fetch(new URL('/api/v1/openapi.json', at.server.url))).json();
});
afterAll(() => at.close());

interface Sent {
  readonly verb: string;
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function send({ verb, path, body, headers = {} }: Sent) {
  const response = await fetch(new URL(path, at.server.url), {
    method: verb.toUpperCase(),
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  return { status: response.status, answer: text === '' ? null : JSON.parse(text) };
}

/** The actions of the document, with a real job, drive and alert in their addresses. */
function actions(): { verb: string; path: string; id: string }[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    VERBS.flatMap((verb) => {
      const operation = item[verb];
      if (verb === 'get' || operation === undefined) return [];
      const filled = path
        .replace('{name}', 'test-job')
        .replace('{driveId}', '9CA995BB')
        .replace('{id}', 'nothing-like-it');
      return [{ verb, path: filled, id: operation.operationId }];
    }),
  );
}

/** All that the ledger says, without the log of what was refused. */
async function truth() {
  const jobs = await at.ledger.jobs();
  const drives = await Promise.all(jobs.map(({ id }) => at.ledger.drivesOf(id)));
  const parcels = await Promise.all(jobs.map(({ id }) => at.ledger.parcels.ofJob(id)));
  const alerts = await at.ledger.alerts.list('all');
  return { jobs, drives, parcels, alerts, extras: await at.ledger.parcels.extras('all') };
}

/** Members that bodies really have, so that the noise gets past the first check now and then. */
const MEMBERS = ['reason', 'resolution', 'missing', 'shipment', 'jobName', 'driveId', 'disk', 'to'];
const noise = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc
    .dictionary(fc.constantFrom(...MEMBERS), fc.jsonValue({ maxDepth: 2 }))
    .map((b) => JSON.stringify(b)),
  fc.string({ maxLength: 200 }),
);

describe('every action', () => {
  it('answers any body in its own shape, and what it refuses changes nothing', async () => {
    const known = actions();
    expect(known.length).toBeGreaterThan(15);
    const property = fc.asyncProperty(fc.constantFrom(...known), noise, async (action, body) => {
      const before = await truth();
      const { status, answer } = await send({ ...action, body });
      expect(status, `${action.id} ${body}`).toBeLessThan(500);
      if (status < 400) return;
      expect(answer).toMatchObject({
        error: { code: expect.any(String), message: expect.any(String) },
      });
      expect(await truth()).toEqual(before);
    });
    await fc.assert(property, { numRuns: 300 });
    expect(await at.ledger.firstBrokenEvent()).toBeUndefined();
  });

  it('refuses members that it does not know, naming them', async () => {
    const body = JSON.stringify({ missing: 'come-later', and: 'more' });
    const found = await send({ verb: 'post', path: '/api/v1/check-in/complete', body });
    expect(found).toMatchObject({ status: 400, answer: { error: { code: 'request-invalid' } } });
    expect(JSON.stringify(found.answer)).toContain('and');
  });

  it('refuses a body of a megabyte and one that is nested ten thousand deep', async () => {
    const path = '/api/v1/jobs/test-job/put-aside';
    const huge = JSON.stringify({ reason: 'x'.repeat(1_000_000) });
    expect((await send({ verb: 'post', path, body: huge })).status).toBe(413);
    const deep = `${'{"reason":'.repeat(10_000)}1${'}'.repeat(10_000)}`;
    expect((await send({ verb: 'post', path, body: deep })).status).toBe(400);
  });

  it('is called by its own verbs, and says which those are', async () => {
    for (const { path } of actions()) {
      const response = await fetch(new URL(path, at.server.url), { method: 'PROPFIND' });
      expect([404, 405]).toContain(response.status);
    }
    const wrong = await send({ verb: 'patch', path: '/api/v1/jobs/test-job/return', body: '{}' });
    expect(wrong).toMatchObject({ status: 405, answer: { error: { code: 'method-not-allowed' } } });
  });

  it.each([
    ['a person called station', { 'x-drive-station-actor': 'station' }],
    ['a key of blanks', { 'idempotency-key': '   ' }],
    ['an endless key', { 'idempotency-key': 'k'.repeat(2000) }],
  ])('refuses %s', async (_what, headers) => {
    const path = '/api/v1/jobs/test-job/wait-longer';
    expect((await send({ verb: 'post', path, headers })).status).toBe(400);
  });
});

describe('out of order', () => {
  it.each([
    ['return', FEDEX],
    ['resolve', {}],
    ['drives/9CA995BB/end-without-copy', { reason: 'r' }],
  ])('%s of a job in Shipping is refused and logged', async (what, body) => {
    const { id } = await createJob(at.ledger, `early-${what.replaceAll('/', '-')}`);
    const before = await truth();
    const path = `/api/v1/jobs/${id}/${what}`;
    const sent = { verb: 'post', path, body: JSON.stringify(body) };
    expect((await send(sent)).status).toBe(409);
    expect(await truth()).toEqual(before);
    const types: string[] = [];
    for await (const event of at.ledger.events(0, 10_000)) types.push(event.type);
    expect(types.at(-1)).toMatch(/-refused$/u);
  });

  it('of twenty operators who put one job aside at once, one does', async () => {
    await createJob(at.ledger, 'crowded');
    const path = '/api/v1/jobs/crowded/put-aside';
    const asked = Array.from({ length: 20 }, (_, index) =>
      send({ verb: 'post', path, body: JSON.stringify({ reason: `operator ${index}` }) }),
    );
    const statuses = (await Promise.all(asked)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 409)]);
  });

  it('of two who answer one alert, one does, and the other is told who', async () => {
    const due = { key: 'extra-drive/x', kind: 'extra-drive', subject: { extraId: 'x' } } as const;
    await at.ledger.alerts.reconcile([{ ...due, reason: 'r' }]);
    const [alert] = await at.ledger.alerts.list('open');
    const path = `/api/v1/alerts/${alert?.id}/resolve`;
    const body = JSON.stringify({ resolution: 'noted' });
    const both = await Promise.all([
      send({ verb: 'post', path, body, headers: { 'x-drive-station-actor': 'sam' } }),
      send({ verb: 'post', path, body, headers: { 'x-drive-station-actor': 'alex' } }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    const refused = both.find(({ status }) => status === 409);
    expect(refused?.answer.error.message).toMatch(/sam|alex/u);
  });

  it('a parcel that goes back while a drive arrives ends whole or not at all', async () => {
    const { id } = await createJob(at.ledger, 'race');
    const ref = { jobId: id, driveId: '9CA995BB' as DriveId };
    await Promise.allSettled([
      send({ verb: 'post', path: '/api/v1/jobs/race/return', body: JSON.stringify(FEDEX) }),
      at.ledger.transitionDrive(ref, { event: 'arrived' }, 'station'),
      send({ verb: 'post', path: '/api/v1/jobs/race/cancel' }),
    ]);
    const job = await at.ledger.jobByName('race');
    expect(job).toMatchObject({ state: { name: 'Shipping' }, cancelRequested: true });
    expect((await at.ledger.drive(ref))?.state.name).toBe('Received');
  });
});
