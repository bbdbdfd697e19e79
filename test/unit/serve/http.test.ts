import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createJob,
  jobFile,
  type Serving,
  SUBSCRIPTION,
  startServing,
} from '../../support/serving.ts';
import { busyView, stationInfo } from '../../support/views.ts';

let at: Serving;
beforeAll(async () => {
  at = await startServing(busyView());
  await createJob(at.ledger, 'test-job');
});
afterAll(() => at.close());

async function call(path: string, init: RequestInit = {}) {
  const response = await fetch(new URL(path, at.server.url), init);
  const text = await response.text();
  const body = text === '' ? undefined : JSON.parse(text);
  return { status: response.status, headers: response.headers, body };
}

const json = (
  method: string,
  body: unknown,
  headers: Record<string, string> = {},
): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

/** A request with a `Host` header of our choice, which fetch does not let through. */
function statusFor(host: string): Promise<number | undefined> {
  const { port } = at.server.address;
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port, path: '/healthz', headers: { host } },
      (got) => {
        got.resume();
        resolve(got.statusCode);
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

describe('health', () => {
  it('is alive and ready', async () => {
    expect(await call('/healthz')).toMatchObject({ status: 200, body: { status: 'alive' } });
    expect(await call('/readyz')).toMatchObject({ status: 200, body: { ready: true } });
  });

  it('is not ready while the bays cannot be seen, and says why', async () => {
    const detection = { mode: 'udev', known: false, reason: 'lsblk hangs' } as const;
    at.publish({ ...busyView(), station: stationInfo({ detection }) });
    const { status, body } = await call('/readyz');
    at.publish(busyView());
    expect(status).toBe(503);
    expect(body.checks).toContainEqual({ name: 'detection', ok: false, reason: 'lsblk hangs' });
  });

  it('is not ready when the ledger is closed', async () => {
    const other = await startServing();
    await other.ledger.close();
    const response = await fetch(new URL('/readyz', other.server.url));
    await other.close();
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ checks: [{ name: 'ledger', ok: false }, {}] });
  });
});

describe('the station API', () => {
  it('shows the station, drives and disks of the view', async () => {
    const view = busyView();
    expect((await call('/api/v1/station')).body).toEqual(view.station);
    expect((await call('/api/v1/drives')).body).toEqual({ drives: view.drives });
    expect((await call('/api/v1/disks')).body).toEqual({ disks: view.disks });
    expect((await call('/api/v1/extras')).body).toEqual({ extras: [] });
  });

  it('shows jobs and their drives from the ledger', async () => {
    const { body } = await call('/api/v1/jobs/test-job');
    expect(body).toMatchObject({ name: 'test-job', state: 'Shipping', driveCount: 2 });
    expect(body.details.resourceGroup).toBe('myResourceGroup');
    const { drives } = (await call('/api/v1/jobs/test-job/drives')).body;
    expect(drives).toMatchObject([{ driveId: '9CA995BB', state: 'Specified' }, {}]);
    expect((await call('/api/v1/jobs/test-job/drives/9CA995BC')).body).toMatchObject({
      driveId: '9CA995BC',
      verdict: null,
      boundDisk: null,
    });
    expect((await call('/api/v1/jobs')).body.jobs).toMatchObject([{ name: 'test-job' }]);
  });

  it('pages through all jobs', async () => {
    await call('/api/v1/jobs', json('POST', jobFile('second')));
    const first = (await call('/api/v1/jobs?limit=1')).body;
    expect(first.jobs).toHaveLength(1);
    const rest = `/api/v1/jobs?limit=1&after=${encodeURIComponent(first.next)}`;
    expect((await call(rest)).body).toMatchObject({ next: null });
    const all = (await call('/api/v1/jobs')).body;
    expect(all.jobs).toHaveLength(2);
    expect(all.next).toBeNull();
    expect(await call('/api/v1/jobs?limit=0')).toMatchObject({ status: 400 });
  });

  it('pages through the event log', async () => {
    const first = (await call('/api/v1/events?limit=1')).body;
    expect(first.events).toHaveLength(1);
    const rest = (await call(`/api/v1/events?after=${first.next}`)).body;
    for (const event of rest.events) expect(event.sequence).toBeGreaterThan(first.next);
    expect(await call('/api/v1/events?limit=1001')).toMatchObject({
      status: 400,
      body: { error: { code: 'request-invalid' } },
    });
  });

  it.each([
    ['/api/v1/jobs/nobody', 'job-not-found'],
    ['/api/v1/jobs/test-job/drives/nothing', 'drive-not-found'],
    ['/api/v2/station', 'route-not-found'],
  ])('answers 404 at %s with %s', async (path, code) => {
    const { status, body } = await call(path);
    expect(status).toBe(404);
    expect(body.error.code).toBe(code);
    expect(body.error.message).not.toBe('');
  });

  it('passes what a person asks for to the station, with the name of the person', async () => {
    const actor = { 'x-drive-station-actor': 'maria' };
    const confirmation = { disk: 'pci-1#7', jobName: 'test-job', driveId: '9CA995BB' };
    await call('/api/v1/disks/confirm', json('POST', confirmation, actor));
    await call('/api/v1/jobs/test-job/drives/9CA995BB/retry', { method: 'POST', headers: actor });
    const place = { blobEndpoint: 'https://contoso.blob.core.windows.net' };
    const renewal = { ...place, accountKey: `${'k'.repeat(86)}==` };
    const path = '/api/v1/jobs/test-job/credential';
    const { body } = await call(path, json('PUT', renewal, actor));
    expect(body).toEqual({ ownStorage: { ...place, kind: 'account-key' } });
    const credential = { ...renewal, kind: 'account-key', accountName: 'contoso' };
    expect(at.asked.slice(-3)).toEqual([
      { what: 'confirm', confirmation, actor: 'maria' },
      { what: 'retry', drive: { jobName: 'test-job', driveId: '9CA995BB' }, actor: 'maria' },
      { what: 'credential', jobName: 'test-job', credential, actor: 'maria' },
    ]);
  });

  it('creates a job and names its address', async () => {
    const { status, headers, body } = await call(
      '/api/v1/jobs',
      json('POST', jobFile('from-http')),
    );
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/v1/jobs/${body.id}`);
    expect(body).toMatchObject({
      name: 'from-http',
      driveCount: 1,
      details: { location: 'local' },
    });
    expect((await call(headers.get('location') ?? '')).body).toEqual(body);
    const again = await call('/api/v1/jobs', json('POST', jobFile('from-http')));
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'job-exists' } } });
  });

  it('names each place of a job that is wrong', async () => {
    const wrong = { ...jobFile('wrong'), driveList: [], more: 1 };
    const refused = await call('/api/v1/jobs', json('POST', wrong));
    expect(refused.status).toBe(400);
    expect(refused.body.error.code).toBe('job-file-invalid');
    expect(refused.body.error.details.problems).toEqual([
      'job.driveList: must name at least one drive',
      'job.more: unknown key',
    ]);
  });

  it('hands the station’s own refusals on, with their details', async () => {
    const retry = await call('/api/v1/jobs/x/drives/UNKNOWN/retry', { method: 'POST' });
    expect(retry).toMatchObject({ status: 404, body: { error: { code: 'drive-not-found' } } });
  });
});

describe('what is wrong with a request', () => {
  it('wrong verb: 405 with the verbs that are right', async () => {
    const { status, headers, body } = await call('/api/v1/station', { method: 'DELETE' });
    expect(status).toBe(405);
    expect(headers.get('allow')).toBe('GET, HEAD');
    expect(body.error.code).toBe('method-not-allowed');
  });

  it('bad JSON, no JSON and too much of it', async () => {
    const headers = { 'content-type': 'application/json' };
    const bad = await call('/api/v1/disks/confirm', { method: 'POST', headers, body: '{' });
    expect(bad).toMatchObject({ status: 400, body: { error: { code: 'body-not-json' } } });
    const form = await call('/api/v1/disks/confirm', { method: 'POST', body: 'disk=1' });
    expect(form).toMatchObject({ status: 415, body: { error: { code: 'body-not-json' } } });
    const huge = await call('/api/v1/jobs', json('POST', 'x'.repeat(600 * 1024)));
    expect(huge).toMatchObject({ status: 413, body: { error: { code: 'body-too-large' } } });
  });

  it('unknown keys and a reserved actor are named', async () => {
    const body = { disk: 'd#1', jobName: 'x', driveId: 'A' };
    const unknown = await call('/api/v1/disks/confirm', json('POST', { ...body, more: 1 }));
    expect(unknown.status).toBe(400);
    expect(unknown.body.error.details.problems.join()).toContain('more');
    const actor = { 'x-drive-station-actor': 'station' };
    const reserved = await call('/api/v1/disks/confirm', json('POST', body, actor));
    expect(reserved.status).toBe(400);
  });

  it('answers only to its own names', async () => {
    expect(await statusFor('localhost:8380')).toBe(200);
    expect(await statusFor('127.0.0.1')).toBe(200);
    expect(await statusFor('[::1]:8380')).toBe(200);
    expect(await statusFor('rebound.example')).toBe(421);
    expect(await statusFor('127.0.0.1.evil.example')).toBe(421);
    expect(await statusFor('192.0.2.1')).toBe(421);
  });

  it('lets no page of another site change anything', async () => {
    const before = at.asked.length;
    const headers = { origin: 'https://evil.example' };
    const path = '/api/v1/jobs/test-job/drives/9CA995BB/retry';
    const { status, body } = await call(path, { method: 'POST', headers });
    expect([status, body.error.code]).toEqual([403, 'origin-not-allowed']);
    expect(at.asked).toHaveLength(before);
  });
});

describe('Get Job in the ARM shape', () => {
  const path = (name: string, version = '?api-version=2021-01-01') =>
    `/subscriptions/${SUBSCRIPTION}/resourceGroups/myResourceGroup/providers/Microsoft.ImportExport/jobs/${name}${version}`;

  it('has the property order, defaults and spelling of the real service', async () => {
    const { status, headers, body } = await call(path('test-job'));
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^application\/json/u);
    expect(headers.get('x-ms-request-id')).toMatch(/^[0-9a-f-]{36}$/u);
    expect(Object.keys(body)).toEqual([
      'properties',
      'identity',
      'systemData',
      'id',
      'name',
      'type',
      'location',
    ]);
    expect(Object.keys(body.properties)).toEqual([
      'storageAccountId',
      'jobType',
      'returnAddress',
      'shippingInformation',
      'diagnosticsPath',
      'logLevel',
      'backupDriveManifest',
      'cancelRequested',
      'state',
      'driveList',
      'provisioningState',
      'encryptionKey',
    ]);
    expect(body).toMatchObject({
      name: 'test-job',
      type: 'Microsoft.ImportExport/jobs',
      location: 'West US',
      identity: { type: 'None' },
    });
    expect(body.id).toBe(path('test-job', ''));
    expect(body.systemData.createdAt).toMatch(/T\d\d:\d\d:\d\d\.\d{7}Z$/u);
    expect(body.properties.driveList).toEqual([
      { driveId: '9CA995BB', state: 'Specified' },
      { driveId: '9CA995BC', state: 'Specified' },
    ]);
    expect(JSON.stringify(body)).not.toContain('null');
  });

  it('answers every published version, whatever the case of the path', async () => {
    for (const version of ['2016-11-01', '2020-08-01', '2021-01-01']) {
      expect((await call(path('test-job', `?api-version=${version}`))).status).toBe(200);
    }
    const shouted = path('TEST-JOB').replace('resourceGroups', 'resourcegroups');
    expect((await call(shouted)).body.name).toBe('test-job');
  });

  it.each([
    ['test-job', '', 400, 'MissingApiVersionParameter'],
    ['test-job', '?api-version=2014-11-01', 400, 'InvalidApiVersionParameter'],
    ['nobody', '?api-version=2021-01-01', 404, 'ResourceNotFound'],
  ])('answers %s%s with %i %s', async (name, version, status, code) => {
    const answer = await call(path(name, version));
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.body.error)).toEqual(['code', 'message']);
    expect(answer.body.error.code).toBe(code);
  });

  it('does not show a job under another resource group', async () => {
    const other = path('test-job').replace('myResourceGroup', 'other');
    expect((await call(other)).body.error.code).toBe('ResourceNotFound');
  });

  it('keeps its shape of errors for what it does not know', async () => {
    const { status, body } = await call(`/subscriptions/${SUBSCRIPTION}/nothing`);
    expect(status).toBe(404);
    expect(body).toEqual({ error: { code: 'RouteNotFound', message: expect.any(String) } });
  });
});

describe('the console’s files', () => {
  it('are served without types, under a policy that allows no foreign script', async () => {
    const page = await fetch(at.server.url);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/u);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe-inline');
    const script = await fetch(new URL('/console/main.ts', at.server.url));
    expect(script.headers.get('content-type')).toMatch(/^text\/javascript/u);
    expect(await script.text()).not.toContain('type LinkUpdate');
  });

  it('are asked for again only when they changed', async () => {
    const first = await fetch(at.server.url);
    const etag = first.headers.get('etag') ?? '';
    const again = await fetch(at.server.url, { headers: { 'if-none-match': etag } });
    expect(again.status).toBe(304);
  });

  it('are nothing but the console’s files', async () => {
    for (const path of ['/console/../serve/http.ts', '/console/index.html', '/console/%2e%2e/x']) {
      expect((await fetch(new URL(path, at.server.url))).status).toBe(404);
    }
  });
});

it('takes so many connections and closes one more, until one has gone', async () => {
  const own = await startServing(busyView(), { maxConnections: 2 });
  const { port } = own.server.address;
  const connected = async () => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    const closed = new Promise<'closed'>((resolve) =>
      socket.once('close', () => resolve('closed')),
    );
    const answered = new Promise<'answered'>((resolve) =>
      socket.once('data', () => resolve('answered')),
    );
    socket.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    return { socket, outcome: await Promise.race([closed, answered]) };
  };
  const sockets = [await connected(), await connected(), await connected()];
  expect(sockets.map(({ outcome }) => outcome)).toEqual(['answered', 'answered', 'closed']);
  sockets[0]?.socket.destroy();
  const later = async () => {
    const one = await connected();
    sockets.push(one);
    return one.outcome;
  };
  await expect.poll(later).toBe('answered');
  for (const { socket } of sockets) socket.destroy();
  await own.close();
});
