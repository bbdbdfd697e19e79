import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { isStationError, type StationError } from '../../src/errors.ts';
import { parseJobFile, parseJobObject, parseStorageObject } from '../../src/job-file.ts';
import type { NewJob } from '../../src/ledger/contract.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const KEY = `${'aB3/+'.repeat(17)}k==`;
const SIGNATURE = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE';
const ENDPOINT = 'https://contoso.blob.core.windows.net';
const COMMON = { sv: '2024-11-04', se: '2026-07-01T00:00:00Z', sp: 'rwd', sig: `${SIGNATURE}=` };

type Change = Readonly<Record<string, string | undefined>>;
const sas = (base: Change, change: Change) => {
  const given = Object.entries({ ...COMMON, ...base, ...change });
  return String(new URLSearchParams(given.flatMap(([k, v]) => (v === undefined ? [] : [[k, v]]))));
};
const accountSas = (change: Change = {}) => sas({ ss: 'b', srt: 'co' }, change);
const containerUrl = (change: Change = {}, container = 'archive') =>
  `${ENDPOINT}/${container}?${sas({ sr: 'c' }, change)}`;

const jobWith = (storage: unknown) => ({
  name: 'job-1',
  jobType: 'Import',
  storage,
  plan: { kind: 'image', container: 'archive' },
  driveList: [{ driveId: 'A1' }],
});
const read = (storage: unknown): NewJob =>
  parseJobFile(stringify(jobWith(storage)), 'job.yaml', NOW);

describe('the storage that a job brings', () => {
  it('is an account with its key', () => {
    const job = read({ blobEndpoint: `${ENDPOINT}/`, accountKey: KEY });
    expect(job.credential).toEqual({
      kind: 'account-key',
      blobEndpoint: ENDPOINT,
      accountName: 'contoso',
      accountKey: KEY,
    });
    expect(job.details).toMatchObject({
      storageAccount: 'contoso',
      ownStorage: { kind: 'account-key', blobEndpoint: ENDPOINT },
    });
  });

  it('is an account with a SAS', () => {
    const job = read({ blobEndpoint: ENDPOINT, sasToken: `?${accountSas()}` });
    expect(job.credential).toEqual({ kind: 'sas', blobEndpoint: ENDPOINT, sasToken: accountSas() });
    expect(job.details.ownStorage).toEqual({
      kind: 'sas',
      blobEndpoint: ENDPOINT,
      expiresAt: COMMON.se,
    });
  });

  it('is a container with its SAS', () => {
    const { credential, details } = read({ containerUrl: containerUrl() });
    const place = { kind: 'container-sas', blobEndpoint: ENDPOINT, container: 'archive' };
    expect(credential).toEqual({ ...place, sasToken: sas({ sr: 'c' }, {}) });
    expect(details).toMatchObject({
      storageAccount: 'contoso',
      ownStorage: { ...place, expiresAt: COMMON.se },
    });
  });

  it.each([
    ['http://127.0.0.1:10000/devstoreaccount1', 'devstoreaccount1'],
    ['http://localhost:10000/devstoreaccount1', 'devstoreaccount1'],
    ['https://10.1.2.3/lab', 'lab'],
    ['https://contoso.z6.blob.storage.azure.net', 'contoso'],
  ])('is at %s the account %s', (blobEndpoint, account) => {
    const { credential, details } = read({ blobEndpoint, accountKey: KEY });
    expect(credential).toMatchObject({ blobEndpoint, accountName: account });
    expect(details.storageAccount).toBe(account);
  });

  it('names the account beside an address of its owner’s own', () => {
    const blobEndpoint = 'https://blobs.contoso.example';
    const job = read({ blobEndpoint, accountName: 'contoso', accountKey: KEY });
    expect(job.credential).toMatchObject({ blobEndpoint, accountName: 'contoso' });
    const bySas = read({ blobEndpoint, sasToken: accountSas() });
    expect(bySas.details.storageAccount).toBe('blobs.contoso.example');
  });

  it('may leave end and permissions of a SAS to a policy of the store', () => {
    const url = containerUrl({ si: 'import', se: undefined, sp: undefined });
    expect(read({ containerUrl: url }).details.ownStorage).not.toHaveProperty('expiresAt');
  });

  it('is in the details of no job', () => {
    for (const storage of [
      { blobEndpoint: ENDPOINT, accountKey: KEY },
      { blobEndpoint: ENDPOINT, sasToken: accountSas() },
      { containerUrl: containerUrl() },
    ]) {
      const { credential, ...shown } = read(storage);
      expect(JSON.stringify(credential)).toMatch(/sig=|accountKey/u);
      expect(JSON.stringify(shown)).not.toContain(KEY);
      expect(JSON.stringify(shown)).not.toContain(SIGNATURE);
    }
  });
});

const account = (change: object) => ({ blobEndpoint: ENDPOINT, accountKey: KEY, ...change });
const bySas = (change: Change) => ({ blobEndpoint: ENDPOINT, sasToken: accountSas(change) });
const byContainer = (change: Change) => ({ containerUrl: containerUrl(change) });

/** What is wrong, at which key, and the words of the only problem. */
const WRONG: readonly (readonly [string, unknown, string, RegExp])[] = [
  ['nothing', {}, 'storage', /must have accountKey, sasToken or containerUrl/u],
  ['text', KEY, 'storage', /must be a map with blobEndpoint/u],
  ['no way in', { blobEndpoint: ENDPOINT }, 'storage', /must have accountKey/u],
  ['two ways in', account({ sasToken: accountSas() }), 'storage.sasToken', /beside accountKey/u],
  ['no address', { accountKey: KEY }, 'storage.blobEndpoint', /is missing/u],
  [
    'two addresses',
    { ...byContainer({}), blobEndpoint: ENDPOINT },
    'storage.blobEndpoint',
    /already/u,
  ],
  ['no name', account({ blobEndpoint: 'https://a.example' }), 'storage.accountName', /is missing/u],
  ['an unknown key', account({ [KEY]: 'x' }), 'storage.aB3/+aB3…', /unknown key/u],
  ['a short key', account({ accountKey: 'c2hvcnQ=' }), 'storage.accountKey', /64 bytes in Base64/u],
  ['http', account({ blobEndpoint: 'http://a.blob.x' }), 'storage.blobEndpoint', /https/u],
  [
    'another scheme',
    account({ blobEndpoint: 'ftp://a' }),
    'storage.blobEndpoint',
    /must be a URL/u,
  ],
  ['a user', account({ blobEndpoint: 'https://u:p@a.blob.x' }), 'storage.blobEndpoint', /a user/u],
  [
    'a container',
    account({ blobEndpoint: `${ENDPOINT}/x` }),
    'storage.blobEndpoint',
    /without a container/u,
  ],
  [
    'a query',
    account({ blobEndpoint: `${ENDPOINT}?${accountSas()}` }),
    'storage.blobEndpoint',
    /no.* query/u,
  ],
  [
    'an expired SAS',
    bySas({ se: '2026-06-01' }),
    'storage.sasToken',
    /has expired \(2026-06-01\)/u,
  ],
  [
    'an expired one of a container',
    byContainer({ se: '2026-06-01T11:59Z' }),
    'storage.containerUrl',
    /has expired/u,
  ],
  ['a SAS without an end', bySas({ se: undefined }), 'storage.sasToken', /when it ends/u],
  ['an end that is none', bySas({ se: KEY }), 'storage.sasToken', /when it ends/u],
  [
    'a SAS that reads only',
    bySas({ sp: 'rl' }),
    'storage.sasToken',
    /lack write \(w\), delete \(d\)/u,
  ],
  [
    'no permissions',
    byContainer({ sp: undefined }),
    'storage.containerUrl',
    /lack read \(r\), write/u,
  ],
  ['no signature', bySas({ sig: undefined }), 'storage.sasToken', /signature \(sig\) is missing/u],
  ['an old version', bySas({ sv: '2012-02-12' }), 'storage.sasToken', /2014-02-14 or later/u],
  ['a SAS for tables', bySas({ ss: 't' }), 'storage.sasToken', /for blobs and objects/u],
  [
    'the SAS of a container',
    bySas({ ss: undefined, srt: undefined, sr: 'c' }),
    'storage.sasToken',
    /containerUrl/u,
  ],
  [
    'a URL as a token',
    { blobEndpoint: ENDPOINT, sasToken: containerUrl() },
    'storage.sasToken',
    /token alone/u,
  ],
  ['the SAS of a blob', byContainer({ sr: 'b' }), 'storage.containerUrl', /SAS of this container/u],
  [
    'no container',
    { containerUrl: `${ENDPOINT}?${sas({ sr: 'c' }, {})}` },
    'storage.containerUrl',
    /URL of a container/u,
  ],
  [
    'another container',
    { containerUrl: containerUrl({}, 'other') },
    'plan.container',
    /must be other/u,
  ],
];

describe('what is wrong with it', () => {
  it.each(WRONG)('%s', (_, storage, key, words) => {
    const found = problemsOf(() => read(storage));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^job\.yaml:\d+:\d+: /u);
    expect(found[0]).toContain(`: ${key}: `);
    expect(found[0]).toMatch(words);
    const inBody = problemsOf(() => parseJobObject(jobWith(storage), 'job', NOW));
    expect(inBody).toEqual([expect.stringContaining(`job.${key}: `)]);
  });

  it('is a configured account beside it, or none of the two', () => {
    const both = { ...jobWith(account({})), storageAccount: 'contoso' };
    expect(problemsOf(() => parseJobObject(both, 'job', NOW))).toEqual([
      'job.storage: must not stand beside storageAccount; give one of the two',
    ]);
    expect(problemsOf(() => read(undefined))).toEqual([
      expect.stringMatching(/storageAccount: is missing; name a configured account/u),
    ]);
  });

  it('is said of a renewal as well', () => {
    expect(
      problemsOf(() => parseStorageObject(bySas({ se: '2020-01-01' }), 'storage', NOW)),
    ).toEqual(['storage.sasToken: has expired (2020-01-01); ask for a new SAS']);
    expect(parseStorageObject(byContainer({}), 'storage', NOW).kind).toBe('container-sas');
  });

  it('names an unknown key only as far as that gives no secret away', () => {
    const piece = problemsOf(() => read(account({ [KEY.slice(0, 20)]: 'x' }))).join();
    expect(piece).toContain(`${KEY.slice(0, 8)}…: unknown key`);
    expect(piece).not.toContain(KEY.slice(0, 12));
    const typo = stringify(jobWith(account({}))).replace('accountKey', 'acountKey');
    expect(problemsOf(() => parseJobFile(typo, 'f', NOW)).join()).toContain('acountKey');
  });

  it('says nothing on its own about a key that is no text', () => {
    const warned: Error[] = [];
    const listen = (warning: Error) => warned.push(warning);
    process.on('warning', listen);
    errorOf(() => parseJobFile(`{ ? { accountKey: ${KEY} } : x }`, 'f', NOW));
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      process.off('warning', listen);
      expect(warned).toEqual([]);
    });
  });

  it('repeats no piece of a secret, however the file is broken', () => {
    const files = [account({}), bySas({}), byContainer({})].map((s) => stringify(jobWith(s)));
    const pieces = [KEY, SIGNATURE].flatMap((secret) =>
      Array.from({ length: secret.length - 11 }, (_, at) => secret.slice(at, at + 12)),
    );
    const spoils = ['', '\n', '"', "'", ': ', '- ', '{', '}', '[', '&a ', '*', '!', '#', '|', '%'];
    const cuts = fc.array(
      fc.record({
        // Somewhere, or right before a piece of the secret.
        at: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(...pieces)),
        remove: fc.nat({ max: 12 }),
        insert: fc.constantFrom(...spoils),
      }),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...files), cuts, (file, changes) => {
        const broken = changes.reduce((text, { at, remove, insert }) => {
          const from = typeof at === 'string' ? text.indexOf(at) : Math.floor(at * text.length);
          return text.slice(0, Math.max(0, from)) + insert + text.slice(Math.max(0, from) + remove);
        }, file);
        const said = errorOf(() => parseJobFile(broken, 'f', NOW));
        const words = `${said?.message}${JSON.stringify(said?.payload)}`;
        expect(pieces.filter((piece) => words.includes(piece))).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});

function problemsOf(parse: () => unknown): readonly string[] {
  return errorOf(parse)?.payload.problems ?? expect.unreachable('it was taken');
}

function errorOf(parse: () => unknown): StationError<'job-file-invalid'> | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (isStationError(error, 'job-file-invalid')) return error;
    throw error;
  }
}
