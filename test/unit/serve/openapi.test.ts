import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenApiDocument, Operation } from '../../../src/serve/api/openapi.ts';
import { stationRoutes } from '../../../src/serve/api.ts';
import { operatorActions } from '../../../src/work/operator-actions.ts';
import { aVerdict, transferring } from '../../support/ledger.ts';
import { NOTHING_PLUGGED_IN } from '../../support/operators.ts';
import {
  createJob,
  jobFile,
  recordingActions,
  type Serving,
  startServing,
} from '../../support/serving.ts';
import { busyView } from '../../support/views.ts';

const VERBS = ['get', 'post', 'put', 'patch', 'delete'] as const;

let at: Serving;
let document: OpenApiDocument;
beforeAll(async () => {
  at = await startServing(busyView());
  await createJob(at.ledger, 'test-job');
  const ref = await transferring(at.ledger, 'done-job');
  const verdict = aVerdict('Completed');
  await at.ledger.transitionDrive(ref, { event: 'copy-verified', verdict }, 'test');
  const extra = { serial: null, model: 'X', bay: 'Bay 1', jobId: null, parcelId: null };
  await at.ledger.parcels.flagExtra({ ...extra, reason: 'On no list.' });
  const response = await fetch(new URL('/api/v1/openapi.json', at.server.url));
  document = await response.json();
});
afterAll(() => at.close());

interface Named extends Operation {
  /** For example `GET /api/v1/jobs/{name}`. */
  readonly name: string;
}

function operations(): Named[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    VERBS.flatMap((verb) => {
      const operation = item[verb];
      return operation === undefined
        ? []
        : [{ ...operation, name: `${verb.toUpperCase()} ${path}` }];
    }),
  );
}

/** Every value under `$ref` in the document. */
function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    key === '$ref' ? [String(member)] : references(member),
  );
}

/** What a JSON pointer leads to in the document; none of its names has an escape. */
function target(reference: string): unknown {
  return reference
    .replace('#/', '')
    .split('/')
    .reduce<unknown>((value, name) => Reflect.get(Object(value), name), document);
}

/** What the document says is wrong with a value. */
function complaints(place: string, value: unknown): string[] {
  const ajv = new Ajv2020({ allErrors: true, strict: false });
  addFormats.default(ajv);
  ajv.addSchema(document, 'document');
  const check = ajv.compile({ $ref: `document${place}` });
  check(value);
  return (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function answerOf(verb: string, path: string, status: number): string {
  const escaped = path.replaceAll('~', '~0').replaceAll('/', '~1');
  return `#/paths/${encodeURIComponent(escaped)}/${verb}/responses/${status}/content/application~1json/schema`;
}

describe('the OpenAPI document', () => {
  it('has every route that is served, and no other', () => {
    const served = stationRoutes({
      actions: recordingActions([]),
      operators: operatorActions(NOTHING_PLUGGED_IN),
      version: '1',
      view: () => busyView(),
    });
    const names = served.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/gu, '{$1}')}`);
    expect(
      operations()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(names.sort());
  });

  it('names each operation once, and every part of its path', () => {
    const all = operations();
    expect(new Set(all.map(({ operationId }) => operationId)).size).toBe(all.length);
    for (const { name, parameters = [] } of all) {
      const inPath = parameters.flatMap((each) =>
        'in' in each && each.in === 'path' && each.required ? [`{${each.name}}`] : [],
      );
      expect(inPath).toEqual(name.match(/\{\w+\}/gu) ?? []);
    }
  });

  it('has no reference that leads nowhere, and no component that nothing leads to', () => {
    const found = new Set(references(document));
    expect(found.size).toBeGreaterThan(20);
    for (const reference of found) expect(target(reference), reference).toBeTypeOf('object');
    const { components } = document;
    const named = Object.entries(components).flatMap(([kind, each]) =>
      Object.keys(each).map((name) => `#/components/${kind}/${name}`),
    );
    expect(named.filter((name) => !found.has(name))).toEqual([]);
  });

  it('has schemas that a checker of JSON Schema takes', () => {
    const ajv = new Ajv2020({ strict: false });
    for (const schema of Object.values(document.components.schemas)) {
      expect(ajv.validateSchema(schema), JSON.stringify(ajv.errors)).toBe(true);
    }
  });

  it('says numbers where an address has numbers, and nothing that refuses what is taken', () => {
    const { parameters = [] } = document.paths['/api/v1/events']?.get ?? {};
    expect(parameters).toMatchObject([
      { name: 'after', in: 'query', required: false, schema: { type: 'integer', minimum: 0 } },
      { name: 'limit', schema: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } },
    ]);
    const subscriptionId = 'ABCDEF00-0000-4000-8000-000000000007';
    const body = { ...jobFile('job'), subscriptionId };
    expect(complaints('#/components/schemas/JobFile', body)).toEqual([]);
  });

  it('asks for the headers of actions, and of nothing else', () => {
    for (const { name, parameters = [] } of operations()) {
      const headers = parameters.flatMap((each) => ('$ref' in each ? [target(each.$ref)] : []));
      const expected = [{ name: 'x-drive-station-actor' }, { name: 'idempotency-key' }];
      expect(headers).toMatchObject(name.startsWith('GET ') ? [] : expected);
    }
  });
});

describe('what is answered is what the document says', () => {
  it.each([
    ['/api/v1/station', '/api/v1/station'],
    ['/api/v1/drives', '/api/v1/drives'],
    ['/api/v1/disks', '/api/v1/disks'],
    ['/api/v1/extras', '/api/v1/extras'],
    ['/api/v1/events', '/api/v1/events?limit=2'],
    ['/api/v1/jobs', '/api/v1/jobs'],
    ['/api/v1/jobs/{name}', '/api/v1/jobs/test-job'],
    ['/api/v1/jobs/{name}/drives', '/api/v1/jobs/test-job/drives'],
    ['/api/v1/jobs/{name}/drives/{driveId}', '/api/v1/jobs/test-job/drives/9CA995BB'],
    ['/api/v1/jobs/{name}/drives/{driveId}', '/api/v1/jobs/done-job/drives/SERIAL1'],
  ])('GET %s', async (path, url) => {
    const response = await fetch(new URL(url, at.server.url));
    expect(response.status).toBe(200);
    expect(complaints(answerOf('get', path, 200), await response.json())).toEqual([]);
  });

  it.each([
    ['post', '/api/v1/jobs', '/api/v1/jobs', jobFile('of-openapi'), 201],
    ['post', '/api/v1/jobs', '/api/v1/jobs', { name: 1 }, 400],
    ['post', '/api/v1/jobs/{name}/check-in', '/api/v1/jobs/test-job/check-in', {}, 200],
    [
      'post',
      '/api/v1/jobs/{name}/drives/{driveId}/retry',
      '/api/v1/jobs/test-job/drives/UNKNOWN/retry',
      {},
      404,
    ],
  ])('%s %s', async (method, path, url, body, status) => {
    const response = await fetch(new URL(url, at.server.url), {
      method: method.toUpperCase(),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(status);
    expect(complaints(answerOf(method, path, status), await response.json())).toEqual([]);
  });

  it('and the check of this test sees what is not', () => {
    const place = answerOf('get', '/api/v1/station', 200);
    expect(complaints(place, { name: 7 })).not.toEqual([]);
  });
});
