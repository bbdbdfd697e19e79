import { type PutJobParameters, StorageImportExport } from '@azure/arm-storageimportexport';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LedgerEvent } from '../../src/ledger/contract.ts';
import { type Serving, startServing } from '../support/serving.ts';

/**
 * The published JavaScript client drives the server over HTTP. It is unmodified; only its policy for
 * tokens is taken out, because it refuses to send one without TLS.
 */

const SUBSCRIPTION = '00000000-0000-4000-8000-000000000042';
const GROUP = 'Archive.Group';
const KEY = '238810-662376-448998-450120-652806-203390-606320-483076';

let at: Serving;
let client: StorageImportExport;
beforeEach(async () => {
  at = await startServing(undefined, { storageAccounts: ['contosoarchive'] });
  client = clientOf(at.server.url);
});
afterEach(() => at.close());

function clientOf(url: string, apiVersion = '2021-01-01'): StorageImportExport {
  const credential = { getToken: async () => null };
  const options = { endpoint: url, $host: url, apiVersion, allowInsecureConnection: true };
  const made = new StorageImportExport(credential, SUBSCRIPTION, options);
  made.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' });
  return made;
}

const ADDRESS = {
  recipientName: 'Test',
  streetAddress1: 'Street 1',
  city: 'Redmond',
  postalCode: '98007',
  countryOrRegion: 'USA',
  phone: '4250000000',
  email: 'test@contoso.com',
};
const PARCEL = { carrierName: 'FedEx', trackingNumber: '992016102507', driveCount: 1 };

function anImport(...drives: string[]): PutJobParameters {
  return {
    location: 'westus',
    tags: { team: 'archive' },
    properties: {
      storageAccountId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/x/providers/Microsoft.Storage/storageAccounts/ContosoArchive`,
      jobType: 'Import',
      returnAddress: ADDRESS,
      backupDriveManifest: true,
      driveList: drives.map((driveId) => ({
        driveId,
        bitLockerKey: KEY,
        manifestFile: '\\\\DriveManifest.xml',
        manifestHash: '109B21108597EF36D5785F08303F3638',
        driveHeaderHash: '',
      })),
    },
  };
}

const create = (name: string, ...drives: string[]) =>
  client.jobs.create(name, GROUP, anImport(...(drives.length > 0 ? drives : ['9CA995BB'])));
const update = (name: string, properties: Record<string, unknown>) =>
  client.jobs.update(name, GROUP, properties);

async function events(): Promise<LedgerEvent[]> {
  const found: LedgerEvent[] = [];
  for await (const event of at.ledger.events(0, 10_000)) found.push(event);
  return found;
}

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of pages) found.push(item);
  return found;
}

describe('the published client, in all ten operations', () => {
  it('creates a job, shows it, and never its key', async () => {
    const made = await create('my-job');
    expect(made).toMatchObject({ location: 'westus', tags: { team: 'archive' }, name: 'my-job' });
    const got = await client.jobs.get('MY-JOB', GROUP.toLowerCase());
    expect(got.location).toBe('West US');
    expect(got.properties).toMatchObject({
      state: 'Creating',
      diagnosticsPath: 'waimportexport',
      logLevel: 'Error',
      returnAddress: { ...ADDRESS, streetAddress2: '' },
      shippingInformation: { city: 'Santa Clara' },
      driveList: [
        { driveId: '9CA995BB', manifestFile: '\\\\DriveManifest.xml', driveHeaderHash: '' },
      ],
    });
    expect(got.systemData?.createdAt).toBeInstanceOf(Date);
    expect(JSON.stringify([made, got])).not.toContain(KEY);
    const keys = await all(client.bitLockerKeys.list('my-job', GROUP));
    expect(keys).toEqual([{ driveId: '9CA995BB', bitLockerKey: KEY }]);
    expect(JSON.stringify(await events())).not.toContain(KEY);
  });

  it.each(['2016-11-01', '2020-08-01', '2021-01-01'])(
    'lists what there is in %s',
    async (version) => {
      const old = clientOf(at.server.url, version);
      await create('my-job');
      const locations = await all(old.locations.list());
      expect(locations.find(({ name }) => name === 'West US')?.city).toBe('Santa Clara');
      expect((await old.locations.get('West US')).name).toBe('West US');
      expect(await all(old.operations.list())).toHaveLength(6);
      expect((await all(old.jobs.listBySubscription()))[0]?.properties?.driveList).toHaveLength(1);
      const inGroup = await all(old.jobs.listByResourceGroup(GROUP));
      expect(inGroup[0]?.properties).toMatchObject({ state: 'Creating' });
      expect(inGroup[0]?.properties).not.toHaveProperty('driveList');
    },
  );

  it('ships a job once it has what that takes, and deletes only what may go', async () => {
    await create('my-job');
    const early = update('my-job', { state: 'Shipping' });
    await expect(early).rejects.toMatchObject({
      statusCode: 400,
      code: 'MissingRequiredParameter',
    });
    expect((await client.jobs.get('my-job', GROUP)).properties?.state).toBe('Creating');
    const shipped = await update('my-job', { state: 'Shipping', deliveryPackage: PARCEL });
    expect(shipped.properties).toMatchObject({ state: 'Shipping', deliveryPackage: PARCEL });
    const conflict = { statusCode: 409, code: 'JobStateConflict' };
    await expect(client.jobs.delete('my-job', GROUP)).rejects.toMatchObject(conflict);
    await expect(create('my-job')).rejects.toMatchObject(conflict);
    await create('other');
    await client.jobs.delete('other', GROUP);
    await expect(client.jobs.get('other', GROUP)).rejects.toMatchObject({ statusCode: 404 });
    const types = (await events()).map(({ type }) => type);
    expect(types).toEqual([
      'created',
      'update-refused',
      'updated',
      'shipped',
      'delete-refused',
      'replace-refused',
      'created',
      'deleted',
    ]);
  });

  it('defines a job anew while it is Creating, and a drive keeps the key it had', async () => {
    await create('my-job', 'AAA111', 'BBB222');
    const again = anImport('BBB222', 'CCC333');
    for (const drive of again.properties?.driveList ?? []) delete drive.bitLockerKey;
    const answer = await client.jobs.create('my-job', GROUP, again);
    expect(answer.properties?.driveList?.map(({ driveId }) => driveId)).toEqual([
      'BBB222',
      'CCC333',
    ]);
    const keys = await all(client.bitLockerKeys.list('my-job', GROUP));
    expect(keys).toEqual([{ driveId: 'BBB222', bitLockerKey: KEY }]);
  });

  it('takes an export job with its blob list and no drives', async () => {
    const { driveList: _none, ...properties } = anImport('x').properties ?? {};
    const exported = { blobPath: ['pictures/a.jpg'], blobPathPrefix: ['/vhds/'] };
    const body = {
      location: 'West US',
      properties: { ...properties, jobType: 'Export', export: exported },
    };
    await client.jobs.create('out', GROUP, body);
    const got = await client.jobs.get('out', GROUP);
    expect(got.properties?.export).toEqual(exported);
    expect(got.properties).not.toHaveProperty('driveList');
  });
});

describe('rules of updates', () => {
  it('changes nothing when one of several properties may not be changed', async () => {
    await create('my-job');
    await update('my-job', { state: 'Shipping', deliveryPackage: PARCEL });
    const before = await client.jobs.get('my-job', GROUP);
    const mixed = update('my-job', {
      logLevel: 'Verbose',
      tags: { a: 'b' },
      driveList: [{ driveId: 'NEW1' }],
    });
    await expect(mixed).rejects.toMatchObject({ statusCode: 409, code: 'JobStateConflict' });
    expect(await client.jobs.get('my-job', GROUP)).toEqual(before);
    expect((await events()).at(-1)).toMatchObject({ type: 'update-refused', actor: 'client' });
  });

  it.each([
    ['a cancellation taken back', { cancelRequested: false }, 'InvalidRequestContent'],
    ['a state of the service', { state: 'Completed' }, 'InvalidRequestContent'],
    ['half a parcel', { deliveryPackage: { carrierName: 'x' } }, 'MissingRequiredParameter'],
    ['a log level that is none', { logLevel: 'Debug' }, 'InvalidRequestContent'],
    [
      'drives listed twice',
      { driveList: [{ driveId: 'A1' }, { driveId: 'a1' }] },
      'InvalidRequestContent',
    ],
  ])('refuses %s, and the event log knows', async (_what, properties, code) => {
    await create('my-job');
    const call = await raw('PATCH', 'my-job', { properties });
    expect([call.status, call.body.error.code]).toEqual([400, code]);
    expect(call.body.error.details.length).toBeGreaterThan(0);
    expect((await events()).map(({ type }) => type)).toEqual(['created', 'update-refused']);
  });

  it('restarts the clock of Creating, and keeps who changed it last', async () => {
    const made = await create('my-job');
    const later = await update('my-job', { backupDriveManifest: false, state: '' });
    expect(later.properties).toMatchObject({ state: 'Creating', backupDriveManifest: false });
    const [first, second] = [made.systemData?.lastModifiedAt, later.systemData?.lastModifiedAt];
    expect(Number(second)).toBeGreaterThan(Number(first));
    expect(later.systemData?.createdAt).toEqual(made.systemData?.createdAt);
  });

  it('serialises clients that change one job at once, and every answer is true', async () => {
    await create('my-job');
    const levels = Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0 ? 'Verbose' : 'Error',
    );
    const answers = await Promise.all(
      levels.map((logLevel, index) =>
        update('my-job', { logLevel, tags: { turn: String(index) } }),
      ),
    );
    for (const [index, answer] of answers.entries()) {
      expect(answer.properties?.logLevel).toBe(levels[index]);
      expect(answer.tags).toEqual({ turn: String(index) });
    }
    const updates = (await events()).filter(({ type }) => type === 'updated');
    expect(updates).toHaveLength(20);
    const last = updates.at(-1)?.data;
    const { tags, properties } = await client.jobs.get('my-job', GROUP);
    expect(last).toMatchObject({ changes: { logLevel: properties?.logLevel, tags } });
  });

  it('lets one of two shippers win', async () => {
    await create('my-job');
    const ship = () => update('my-job', { state: 'Shipping', deliveryPackage: PARCEL });
    const answers = await Promise.allSettled([ship(), ship(), ship()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
    ]);
  });
});

describe('lists', () => {
  it('are filtered, and go on over pages while jobs come and go', async () => {
    for (const name of ['job-a', 'job-c', 'job-e', 'job-g']) await create(name);
    await update('job-e', { state: 'Shipping', deliveryPackage: PARCEL });
    const names = async (filter: string) =>
      (await all(client.jobs.listBySubscription({ filter }))).map(({ name }) => name);
    expect(await names("state eq 'Shipping'")).toEqual(['job-e']);
    expect(await names("type eq 'Import' and trackingnumber eq '992016102507'")).toEqual(['job-e']);
    expect(await names("type eq 'Export'")).toEqual([]);

    const seen: (string | undefined)[] = [];
    for await (const job of client.jobs.listByResourceGroup(GROUP, { top: 1 })) {
      seen.push(job.name);
      if (job.name === 'job-c') {
        await client.jobs.delete('job-c', GROUP);
        await create('job-b');
        await create('job-f');
      }
    }
    expect(seen).toEqual(['job-a', 'job-c', 'job-e', 'job-f', 'job-g']);
  });

  it('show no job of another subscription or group', async () => {
    await create('mine');
    await client.jobs.create('mine', `${GROUP}2`, anImport('X1'));
    expect(await all(client.jobs.listByResourceGroup(GROUP))).toHaveLength(1);
    expect(await all(client.jobs.listBySubscription())).toHaveLength(2);
    const other = new StorageImportExport({ getToken: async () => null }, 'other', {
      endpoint: at.server.url,
      $host: at.server.url,
      allowInsecureConnection: true,
    });
    other.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' });
    expect(await all(other.jobs.listBySubscription())).toEqual([]);
  });

  it.each([
    '$top=0',
    '$top=101',
    '$top=x',
    '$top=1&$top=2',
    "$filter=state eq 'Lost'",
    '$skiptoken=x',
  ])('refuse %s', async (query) => {
    const { status, body } = await raw('GET', '', undefined, `&${query}`);
    expect([status, body.error.code]).toEqual([400, 'InvalidQueryParameterValue']);
  });
});

describe('what is wrong in a request', () => {
  const good = () => JSON.stringify(anImport('A1'));
  it.each([
    ['no JSON', '{', 400, 'InvalidRequestContent'],
    ['a list', '[]', 400, 'InvalidRequestContent'],
    ['nothing', '', 400, 'InvalidRequestContent'],
    ['no members', '{}', 400, 'MissingRequiredParameter'],
    ['a prototype', '{"__proto__":{}}', 400, 'InvalidRequestContent'],
    ['depth', `${'{"a":'.repeat(60_000)}1${'}'.repeat(60_000)}`, 400, 'InvalidRequestContent'],
    ['size', JSON.stringify({ location: 'x'.repeat(600_000) }), 413, 'RequestEntityTooLarge'],
    ['a number for a text', good().replace('"westus"', '7'), 400, 'InvalidRequestContent'],
    [
      'a strange place',
      good().replace('westus', 'atlantis'),
      400,
      'LocationNotAvailableForResourceType',
    ],
    [
      'a strange account',
      good().replace('ContosoArchive', 'nobody'),
      400,
      'StorageAccountNotFound',
    ],
    ['eleven drives', JSON.stringify(anImport(...'ABCDEFGHIJK')), 400, 'InvalidRequestContent'],
    ['a serial with a blank', good().replace('A1', 'A 1'), 400, 'InvalidRequestContent'],
  ])('%s: nothing is made', async (_what, body, status, code) => {
    const answer = await raw('PUT', 'my-job', body);
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expect(answer.body.error.message.length).toBeLessThan(3000);
    expect(await at.ledger.jobs()).toEqual([]);
  });

  it('takes members that it does not know, and null, as if they were not there', async () => {
    const body = JSON.parse(good());
    Object.assign(body.properties, { percentComplete: 99, state: 'Completed', later: { a: [1] } });
    Object.assign(body.properties, { returnShipping: null, returnPackage: { carrierName: 'x' } });
    const answer = await raw('PUT', 'my-job', JSON.stringify(body));
    expect(answer.status).toBe(201);
    expect(answer.body.properties.state).toBe('Creating');
    for (const name of ['percentComplete', 'later', 'returnShipping', 'returnPackage']) {
      expect(answer.body.properties).not.toHaveProperty(name);
    }
  });

  it.each([
    ['POST', 'my-job', 405],
    ['GET', 'my-job/listBitLockerKeys', 405],
    ['GET', '..%2F..%2Fsecrets', 400],
    ['GET', '%2e%2e', 404],
    ['GET', 'a%00b', 400],
    ['GET', '%E0%A4%A', 400],
    ['GET', 'x'.repeat(400), 414],
    ['DELETE', 'nobody', 404],
    ['POST', 'nobody/listBitLockerKeys', 404],
  ])('%s of %.40s is answered with %s in the shape of ARM', async (method, name, status) => {
    const answer = await raw(method, name);
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.body)).toEqual(['error']);
    expect(answer.body.error).toMatchObject({
      code: expect.any(String),
      message: expect.any(String),
    });
  });

  it('answers any content in its own shape, makes all of a job or nothing, and never fails', async () => {
    const seed = JSON.parse(good());
    const json = fc.jsonValue({ maxDepth: 3 });
    const place = fc.constantFrom(...pathsOf(seed));
    const verb = fc.constantFrom('PUT', 'PATCH');
    let turn = 0;
    const property = fc.asyncProperty(place, json, verb, async (path, value, method) => {
      turn += 1;
      const name = `job-${turn}`;
      if (method === 'PATCH') await create(name);
      const before = await at.ledger.jobByName(name);
      const answer = await raw(method, name, JSON.stringify(replaced(seed, path, value)));
      if (answer.status < 300) return;
      expect(answer.status).toBe(400);
      expect(Object.keys(answer.body)).toEqual(['error']);
      expect(await at.ledger.jobByName(name)).toEqual(before);
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it('takes an empty body of a named type where none is needed', async () => {
    await create('my-job');
    expect((await raw('POST', 'my-job/listBitLockerKeys', '')).body.value).toHaveLength(1);
    expect((await raw('PUT', 'my-job', '')).body.error.code).toBe('InvalidRequestContent');
  });

  it('answers another content type with 415', async () => {
    const answer = await raw('PUT', 'my-job', good(), '', 'text/xml');
    expect([answer.status, answer.body.error.code]).toEqual([415, 'UnsupportedMediaType']);
  });

  it('knows addresses with a slash at the end, and query names in any case', async () => {
    await create('my-job');
    const jobs = `${at.server.url}/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.ImportExport/jobs`;
    const status = async (path: string) => (await fetch(`${jobs}${path}`)).status;
    expect(await status('/my-job/?api-version=2021-01-01')).toBe(200);
    expect(await status('/my-job?Api-Version=2021-01-01')).toBe(200);
    const list = await fetch(`${jobs}/?API-VERSION=2021-01-01&$Filter=State eq 'Creating'&$TOP=5`);
    expect((await list.json()).value).toHaveLength(1);
    expect(await status('/my-job?api-version=2021-01-01&API-version=2021-01-01')).toBe(400);
    expect(await status('?api-version=2021-01-01&$top=1&$Top=2')).toBe(400);
  });

  it('takes names that came encoded', async () => {
    const body = anImport('A1');
    await client.jobs.create('my-job', 'Größe (1)'.replace(' ', '_'), body);
    const path = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Gr%C3%B6%C3%9Fe_%281%29/providers/Microsoft.ImportExport/jobs/my%2Djob?api-version=2021-01-01`;
    expect((await fetch(`${at.server.url}${path}`)).status).toBe(200);
  });
});

/** Every place in a JSON value, as the keys that lead there. */
function pathsOf(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  const inner = Object.entries(value).flatMap(([key, member]) =>
    pathsOf(member).map((path) => [key, ...path]),
  );
  return [[], ...inner];
}

/** The value with something else at one place. */
function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) {
    return value.map((item, index) => (String(index) === key ? replaced(item, rest, by) : item));
  }
  const members = Object.entries(value ?? {});
  return Object.fromEntries(
    members.map(([name, member]) => [name, name === key ? replaced(member, rest, by) : member]),
  );
}

async function raw(
  method: string,
  name: string,
  body?: unknown,
  query = '',
  type = 'application/json',
) {
  const jobs = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.ImportExport/jobs`;
  const url = `${at.server.url}${jobs}${name === '' ? '' : `/${name}`}?api-version=2021-01-01${query}`;
  const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
  const headers: Record<string, string> = text === undefined ? {} : { 'content-type': type };
  const response = await fetch(url, { method, headers, body: text ?? null });
  return { status: response.status, body: await response.json() };
}
