import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { isStationError, type StationError } from '../../src/errors.ts';
import { parseJobFile, parseJobObject, readJobFile } from '../../src/job-file.ts';
import { JOB_FILE_MAX_BYTES } from '../../src/limits.ts';
import { temporaryDirectory } from '../support/ledger.ts';

const EXAMPLES = fileURLToPath(new URL('../../config/examples', import.meta.url));
const MINIMAL = {
  name: 'job-1',
  jobType: 'Import',
  storageAccount: 'contoso',
  plan: { kind: 'image', container: 'archive' },
  driveList: [{ driveId: 'A1' }],
};

describe('what a job file says', () => {
  it('has defaults for what it leaves out', () => {
    expect(parseJobFile(stringify(MINIMAL), 'job.yaml')).toEqual({
      name: 'job-1',
      shipped: false,
      drives: ['A1'],
      details: {
        jobType: 'Import',
        storageAccount: 'contoso',
        subscriptionId: '00000000-0000-0000-0000-000000000000',
        resourceGroup: 'drive-station',
        location: 'local',
        diagnosticsPath: 'waimportexport',
        logLevel: 'Error',
        backupDriveManifest: false,
        plan: { kind: 'image', container: 'archive', blobPrefix: '' },
      },
    });
  });

  it('gives the drives of a manifest plan with what their customer wrote of them', () => {
    const prepared = {
      driveId: 'A1',
      manifestFile: '\\DriveManifest.xml',
      manifestHash: 'A'.repeat(32),
      bitLockerKey: '000000-000011-000022-000033-000044-000055-000066-000077',
    };
    const job = { ...MINIMAL, plan: { kind: 'manifest' }, driveList: [prepared] };
    expect(parseJobFile(stringify(job), 'f')).toMatchObject({
      details: { plan: { kind: 'manifest' } },
      drives: ['A1'],
      driveList: [prepared],
    });
    const unnamed = { ...job, driveList: [{ driveId: 'A1' }] };
    expect(problemsOf(() => parseJobFile(stringify(unnamed), 'f'))).toEqual([
      expect.stringMatching(/driveList\.0\.manifestFile: is missing/u),
      expect.stringMatching(/driveList\.0\.manifestHash: is missing/u),
    ]);
  });

  it('begins in Shipping when it has a package', () => {
    const deliveryPackage = { carrierName: 'FedEx', trackingNumber: '12' };
    expect(parseJobFile(stringify({ ...MINIMAL, deliveryPackage }), 'f').shipped).toBe(true);
  });

  it.each(['job.yaml', 'job-full.yaml', 'job-own-storage.yaml', 'job-prepared.yaml'])(
    'is read from the example %s',
    async (name) => {
      const job = await readJobFile(join(EXAMPLES, name));
      expect(job.shipped).toBe(true);
      expect(job.drives.length).toBeGreaterThan(0);
    },
  );

  it('is the same as JSON, with a byte-order mark, and with Windows line ends', () => {
    const job = parseJobFile(stringify(MINIMAL), 'f');
    expect(parseJobFile(JSON.stringify(MINIMAL), 'f')).toEqual(job);
    expect(parseJobFile(`\ufeff${stringify(MINIMAL)}`, 'f')).toEqual(job);
    expect(parseJobFile(stringify(MINIMAL).replaceAll('\n', '\r\n'), 'f')).toEqual(job);
    expect(parseJobObject(MINIMAL, 'job')).toEqual(job);
  });

  it('carries ten drives, and every name that Azure allows', () => {
    const driveList = Array.from({ length: 10 }, (_, index) => ({ driveId: `D${index}` }));
    expect(parseJobObject({ ...MINIMAL, driveList }, 'job').drives).toHaveLength(10);
    for (const container of ['abc', 'a-b-c', '0ab', 'a'.repeat(63)]) {
      const plan = { kind: 'image', container, blobPrefix: 'a b/ç/' };
      expect(parseJobObject({ ...MINIMAL, plan }, 'job').details.plan).toEqual(plan);
    }
    for (const name of ['ab', 'A_b-1', '1'.repeat(64)]) {
      expect(parseJobObject({ ...MINIMAL, name }, 'job').name).toBe(name);
    }
  });
});

const drive = (driveId: unknown) => ({ driveId });
const plan = (change: object) => ({ plan: { ...MINIMAL.plan, ...change } });
const sent = (change: object) => ({
  deliveryPackage: { carrierName: 'FedEx', trackingNumber: '12', ...change },
});

/** What is wrong, and the words that must be in the only problem that is named. */
const WRONG: [string, Record<string, unknown>, RegExp][] = [
  [
    'a serial twice',
    { driveList: [drive('A1'), drive('a1')] },
    /driveList\.1\.driveId: serial a1 is in the list twice \(also as drive 1\)/u,
  ],
  ['no drives', { driveList: [] }, /driveList: must name at least one drive/u],
  [
    'eleven drives',
    { driveList: Array.from({ length: 11 }, (_, i) => drive(`D${i}`)) },
    /driveList: must not name more than 10 drives/u,
  ],
  ['no drive list', { driveList: undefined }, /driveList: is missing/u],
  ['a drive list that is a map', { driveList: { driveId: 'A1' } }, /driveList: must be a list/u],
  [
    'a drive that is text',
    { driveList: ['A1'] },
    /driveList\.0: must be a map with the key driveId/u,
  ],
  ['a serial that YAML took for a number', { driveList: [drive(123)] }, /put it in quotes/u],
  ['a serial with blanks', { driveList: [drive('WD 1')] }, /without blanks/u],
  ['a serial too long', { driveList: [drive('A'.repeat(253))] }, /252 characters/u],
  ['a name with a slash', { name: 'a/b' }, /name: must be 2-64 letters/u],
  ['a name too short', { name: 'a' }, /name: must be 2-64 letters/u],
  ['a name too long', { name: 'a'.repeat(65) }, /name: must be 2-64 letters/u],
  ['a name that begins with a hyphen', { name: '-ab' }, /name: must be 2-64 letters/u],
  ['no name', { name: undefined }, /name: is missing/u],
  ['an unknown key', { storageAcount: 'x' }, /storageAcount: unknown key/u],
  ['an unknown key inside', plan({ containr: 'x' }), /plan\.containr: unknown key/u],
  ['a key of the prototype', { toString: 'x' }, /toString: unknown key/u],
  [
    'a negative number',
    sent({ driveCount: -1 }),
    /deliveryPackage\.driveCount: must be 1 or more/u,
  ],
  [
    'half a drive',
    sent({ driveCount: 1.5 }),
    /deliveryPackage\.driveCount: must be a whole number/u,
  ],
  [
    'a package without a number',
    sent({ trackingNumber: undefined }),
    /trackingNumber: is missing/u,
  ],
  ['Export', { jobType: 'Export' }, /jobType: Export is not offered yet/u],
  ['another type', { jobType: 'import' }, /jobType: must be Import/u],
  ['an account with capitals', { storageAccount: 'Contoso' }, /storageAccount: must be the name/u],
  ['a container with capitals', plan({ container: 'Archive' }), /container: must be lower-case/u],
  ['a container with two hyphens', plan({ container: 'a--b' }), /container: must be lower-case/u],
  ['a container too short', plan({ container: 'ab' }), /container: must have 3-63/u],
  ['a container too long', plan({ container: 'a'.repeat(64) }), /container: must have 3-63/u],
  ['a prefix without its slash', plan({ blobPrefix: 'a' }), /blobPrefix: must end with "\/"/u],
  ['a prefix that climbs', plan({ blobPrefix: 'a/../' }), /blobPrefix: must end/u],
  ['a prefix from the root', plan({ blobPrefix: '/a/' }), /blobPrefix: must end/u],
  ['a prefix too long', plan({ blobPrefix: `${'a'.repeat(512)}/` }), /512 characters/u],
  ['a plan of another kind', plan({ kind: 'export' }), /plan(?:\.kind)?: must be image/u],
  ['no plan', { plan: undefined }, /plan: is missing/u],
  ['a flag that is text', { backupDriveManifest: 'yes' }, /must be true or false/u],
  ['a subscription that is none', { subscriptionId: 'x' }, /subscriptionId: must be/u],
];

describe('what is wrong with a job file', () => {
  it.each(WRONG)('%s', (_, change, words) => {
    const wrong: Record<string, unknown> = { ...MINIMAL, ...change };
    const [problem, ...more] = problemsOf(() => parseJobFile(stringify(wrong), 'job.yaml'));
    expect(problem).toMatch(words);
    expect(problem).toMatch(/^job\.yaml:\d+:\d+: /u);
    expect(more).toEqual([]);
    const [inBody, ...others] = problemsOf(() => parseJobObject(wrong, 'job'));
    expect(inBody).toMatch(words);
    expect(others).toEqual([]);
  });

  it('names every problem at its place', () => {
    const text = 'name: a/b\njobType: Export\nstorageAccount: contoso\nplan: {kind: image}\n';
    expect(problemsOf(() => parseJobFile(text, 'job.yaml'))).toEqual([
      expect.stringMatching(/^job\.yaml:1:7: name: /u),
      expect.stringMatching(/^job\.yaml:2:10: jobType: /u),
      expect.stringMatching(/^job\.yaml:4:7: plan\.container: is missing/u),
      expect.stringMatching(/^job\.yaml:1:1: driveList: is missing/u),
    ]);
  });

  it('counts problems beyond twenty', () => {
    const keys = Array.from({ length: 50 }, (_, index) => [`key${index}`, 1]);
    const wrong = { ...MINIMAL, ...Object.fromEntries(keys) };
    const problems = problemsOf(() => parseJobFile(stringify(wrong), 'f'));
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toBe('and 30 more');
  });

  it.each([
    ['nothing', '', /is empty/u],
    ['blanks only', ' \n\n', /is empty/u],
    ['a list', '- a', /must be a map/u],
    ['text', 'hello', /must be a map/u],
    ['a NUL', 'name: "a\0b"', /f:1:9: contains the control character 0x00/u],
    ['a key twice', 'name: ab\nname: ab', /f:2:1: .*unique/u],
    ['two documents', 'name: ab\n---\nname: ab', /multiple documents/u],
    ['an alias of nothing', 'name: *a', /cannot be read as YAML/u],
    ['aliases that multiply', bomb(), /cannot be read as YAML/u],
    ['nesting without end', `name: ${'['.repeat(100_000)}`, /f:1:\d+: /u],
    ['entries without end', `name: [${'a,'.repeat(10_000)}]`, /10000 lines and list entries/u],
    ['lines without end', 'a:\n'.repeat(10_000), /10000 lines and list entries/u],
  ])('%s', (_, text, words) => {
    const began = performance.now();
    expect(problemsOf(() => parseJobFile(text, 'f')).join('\n')).toMatch(words);
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('fails with its own error whatever the text or the value is', () => {
    const lines = fc.array(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom(...stringify(MINIMAL).split('\n'), '&a', '*a', '<<: *a', '!!js x', '? ['),
      ),
    );
    fc.assert(
      fc.property(lines, (parts) => onlyJobErrors(() => parseJobFile(parts.join('\n'), 'f'))),
    );
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom(...Object.keys(MINIMAL)), (value, key) => {
        onlyJobErrors(() => parseJobObject(value, 'job'));
        onlyJobErrors(() => parseJobObject({ ...MINIMAL, [key]: value }, 'job'));
      }),
    );
  });
});

describe('reading a job file', () => {
  it('refuses one that is too large before it reads it', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'job.yaml');
    await writeFile(file, Buffer.alloc(5_000_000, 'x'));
    await expect(readJobFile(file)).rejects.toMatchObject({
      code: 'job-file-too-large',
      payload: { file, sizeBytes: 5_000_000, maxBytes: JOB_FILE_MAX_BYTES },
    });
  });

  it('refuses what is no UTF-8 text', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'job.yaml');
    await writeFile(file, Buffer.from('ÿþn\0a\0', 'latin1'));
    await expect(readJobFile(file)).rejects.toMatchObject({ code: 'job-file-invalid' });
  });

  it('says that there is no file, that it is a directory, or a device', async () => {
    await using directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'inner'));
    for (const file of ['none.yaml', 'inner'].map((name) => join(directory.path, name))) {
      await expect(readJobFile(file)).rejects.toMatchObject({
        code: 'job-file-unreadable',
        payload: { file },
      });
    }
    await expect(readJobFile('/dev/zero')).rejects.toMatchObject({ code: 'job-file-unreadable' });
  });

  it('reads the whole of a file that is as large as may be', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'job.yaml');
    const text = stringify(MINIMAL);
    await writeFile(file, `${text}# ${'x'.repeat(JOB_FILE_MAX_BYTES - text.length - 2)}`);
    expect((await readFile(file)).length).toBe(JOB_FILE_MAX_BYTES);
    await chmod(file, 0o400);
    expect((await readJobFile(file)).name).toBe('job-1');
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

function onlyJobErrors(parse: () => unknown): void {
  const problems = errorOf(parse)?.payload.problems;
  if (problems !== undefined) expect(problems.length).toBeGreaterThan(0);
}

function bomb(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
  for (let depth = 1; depth < 9; depth++) {
    const nine = Array.from({ length: 9 }, () => `*a${depth - 1}`).join(', ');
    lines.push(`a${depth}: &a${depth} [${nine}]`);
  }
  return lines.join('\n');
}
