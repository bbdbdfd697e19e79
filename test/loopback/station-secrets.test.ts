import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { plug } from '../../native-fixtures/loop-disk.ts';
import { openContainer } from '../../src/blobs/open.ts';
import type { DriveView } from '../../src/serve/wire.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { accountSas, containerUrl } from '../support/credentials.ts';
import { Daemon } from '../support/daemon.ts';
import { ACCOUNT, blobNameOf, CONTAINER, jobOf, MIB, makeImage } from '../support/disks.ts';
import { contentsOf, Eavesdropper } from '../support/eavesdropper.ts';
import { markedPath } from '../support/processes.ts';

/** Secrets of all kinds go into a real station, and are looked for in all that comes out of it. */

const PROGRAM = join(import.meta.dirname, '../../bin/drive-station');
const GROUP = '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/drive-station';
const VERSION = 'api-version=2021-01-01';
const armJob = (name: string) =>
  `${GROUP}/providers/Microsoft.ImportExport/jobs/${name}?${VERSION}`;
const BIT_LOCKER_KEY = '238810-662376-448998-450120-652806-203390-606320-483076';
const WRONG_KEY = randomBytes(64).toString('base64');
const DENIED = 'WD-WCC4N7XKPZ02';
const GOOD = 'WD-WCC4N7XKPZ01';
const REFUSED = 'WD-WCC4N7XKPZ03';

let azurite: Azurite;
let daemon: Daemon;
let ear: Eavesdropper;
/** Every secret that the station was given, in each spelling. */
const secrets: string[] = [BIT_LOCKER_KEY, WRONG_KEY, encodeURIComponent(WRONG_KEY)];

beforeAll(async () => {
  azurite = await startAzurite();
  const { connectionString, accountKey } = azurite;
  secrets.push(accountKey, connectionString);
  const storageAccounts = { [ACCOUNT]: { kind: 'connection-string', connectionString } };
  const copy = { maxAttempts: 2, retryDelayMs: 100 };
  daemon = await Daemon.start({ storageAccounts, copy });
  ear = new Eavesdropper(daemon);
});
afterAll(async () => {
  await ear?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
  await azurite?.stop();
});

/** Notes the signature of a SAS, as it is and as it stands in a URL. */
function secretly(sas: string): string {
  const signature = new URLSearchParams(sas.replace(/^[^?]*\?/u, '')).get('sig') ?? '';
  expect(signature).toMatch(/^.{40,}=$/u);
  secrets.push(signature, encodeURIComponent(signature));
  return sas;
}

function ownJob(name: string, serial: string, storage: object): object {
  const { storageAccount: _, ...job } = Object(jobOf(name, [serial]));
  return { ...job, storage };
}

async function pluggedIn(serial: string): Promise<AsyncDisposable> {
  const image = await makeImage(daemon.disksDirectory, { serial, sizeBytes: 20 * MIB });
  const disk = await plug(image, { directory: daemon.disksDirectory });
  return disk;
}

/** The real command, as one of the station's processes, with something on its standard input. */
async function command(args: readonly string[], input = ''): Promise<number | null> {
  const child = spawn(PROGRAM, [...args, '--url', daemon.url], {
    env: { ...process.env, PATH: markedPath(daemon.mark) },
  });
  const hear = (piece: Buffer) => ear.note('commands', piece.toString());
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  child.stdin.on('error', () => undefined).end(input);
  return await new Promise((resolve) => child.on('close', resolve));
}

const state = (serial: string) => daemon.drive(serial)?.state;

test('a job with the SAS of a container is copied into it, logs and all', async () => {
  const byKey = { kind: 'connection-string', connectionString: azurite.connectionString } as const;
  const store = await openContainer(byKey, CONTAINER);
  await store.ensure(AbortSignal.timeout(120_000));
  const storage = { containerUrl: secretly(containerUrl(azurite, CONTAINER)) };
  const file = join(daemon.directory, 'job.yaml');
  await writeFile(file, stringify(ownJob('by-sas', GOOD, storage)));
  expect(await command(['job', 'create', file])).toBe(0);
  await using _disk = await pluggedIn(GOOD);
  await daemon.untilDrive(GOOD, ({ verdict }) => verdict !== null, 'has a verdict');
  expect(state(GOOD)).toBe('Completed');
  const { errorLogUri, problem } = daemon.drive(GOOD)?.logs ?? {};
  expect(problem).toBeNull();
  expect(errorLogUri).toContain(`/${CONTAINER}/waimportexport/waies/`);
  expect(daemon.drive(GOOD)?.blobs[0]?.url).toContain(blobNameOf('by-sas', GOOD));
});

const isHalted = ({ activity }: DriveView) => activity.kind === 'halted';

test('a wrong key halts the copy; with the right one it goes on by itself', async () => {
  const { blobEndpoint, accountKey } = azurite;
  const storage = { blobEndpoint, accountKey: WRONG_KEY };
  expect(await ear.ask('/api/v1/jobs', 'POST', ownJob('by-key', DENIED, storage))).toMatchObject({
    status: 201,
    body: { storageAccount: azurite.accountName, details: { ownStorage: { kind: 'account-key' } } },
  });
  await using _disk = await pluggedIn(DENIED);
  await daemon.untilDrive(DENIED, isHalted, 'is halted');
  expect(daemon.drive(DENIED)?.activity).toMatchObject({ code: 'storage-denied' });
  const renewal = ['job', 'credential', 'by-key', '--file', '-'];
  const elsewhere = { blobEndpoint: 'https://contoso.blob.core.windows.net', accountKey };
  expect(await command(renewal, stringify(elsewhere))).toBe(1);
  expect(await command(renewal, stringify({ blobEndpoint, accountKey: 'short' }))).toBe(2);
  expect(await command(renewal, stringify({ blobEndpoint, accountKey }))).toBe(0);
  await daemon.untilDrive(DENIED, ({ verdict }) => verdict !== null, 'has a verdict');
  expect(state(DENIED)).toBe('Completed');
});

test('a SAS that the store denies halts the copy, and operators are told', async () => {
  const { blobEndpoint } = azurite;
  const sasToken = secretly(accountSas(azurite, { accountKey: WRONG_KEY }));
  await ear.ask('/api/v1/jobs', 'POST', ownJob('denied', REFUSED, { blobEndpoint, sasToken }));
  await using _disk = await pluggedIn(REFUSED);
  await daemon.untilDrive(REFUSED, isHalted, 'is halted');
  expect(daemon.drive(REFUSED)).toMatchObject({
    fault: null,
    activity: { code: 'storage-denied' },
  });
  await daemon.until(
    ({ alerts }) =>
      alerts.some(({ kind, jobName }) => kind === 'storage-halted' && jobName === 'denied'),
    'an alert of the job',
  );
});

test('secrets in the wrong place are refused and not repeated', async () => {
  const { blobEndpoint, accountKey } = azurite;
  const late = secretly(
    containerUrl(azurite, CONTAINER, { expiresOn: new Date(Date.now() - 1000) }),
  );
  const wrong: [unknown, RegExp][] = [
    [ownJob('wrong', 'A1', { containerUrl: late }), /has expired/u],
    [ownJob('wrong', 'A1', { blobEndpoint: late, accountKey }), /must not have a query/u],
    [ownJob('wrong', 'A1', { blobEndpoint, accountKey, [accountKey]: late }), /unknown key/u],
    [{ ...jobOf('wrong', ['A1']), name: late, [late]: accountKey }, /unknown key/u],
    [{ ...jobOf('wrong', [BIT_LOCKER_KEY, BIT_LOCKER_KEY]) }, /in the list twice/u],
    [`{"storage": {"accountKey": "${accountKey}", }}`, /body-not-json/u],
  ];
  for (const [body, says] of wrong) {
    const answer = await ear.ask('/api/v1/jobs', 'POST', body);
    expect(JSON.stringify(answer)).toMatch(says);
    expect(answer.status).toBe(400);
  }
  const late2 = await ear.ask('/api/v1/jobs/by-sas/credential', 'PUT', { containerUrl: late });
  expect(late2.status).toBe(400);
  await ear.ask(`/api/v1/jobs/nobody?${late.replace(/^.*\?/u, '')}`);
  await ear.ask(`/nowhere?key=${encodeURIComponent(accountKey)}`);
});

test('nothing that the station lets out has a secret in it', async () => {
  for (const path of ['station', 'drives', 'disks', 'extras', 'events?limit=1000', 'jobs']) {
    await ear.ask(`/api/v1/${path}`);
  }
  for (const name of ['by-sas', 'by-key', 'denied']) {
    await ear.ask(`/api/v1/jobs/${name}`);
    await ear.ask(`/api/v1/jobs/${name}/drives`);
    await ear.ask(armJob(name));
  }
  for (const serial of [GOOD, DENIED]) {
    await ear.ask(`/api/v1/jobs/${serial === GOOD ? 'by-sas' : 'by-key'}/drives/${serial}`);
  }
  await ear.ask(`${GROUP}/providers/Microsoft.ImportExport/jobs?${VERSION}`);

  // The search is one: all places were looked at, and they are not empty.
  expect(ear.heard('arguments').some((line) => line.includes('/src/copy/worker.ts'))).toBe(true);
  expect(ear.heard('arguments').some((line) => line.includes('job credential'))).toBe(true);
  expect(ear.heard('environment').some((text) => text.includes('PATH='))).toBe(true);
  expect(ear.heard('live feed').join('\n')).toContain('storage-denied');
  expect(ear.heard('GET /api/v1/events').join('\n')).toContain('credential-replaced');
  expect(daemon.output.join('\n')).toContain('refused the credential');
  expect(ear.heard('commands').join('\n')).toContain('by-key has the new credential');
  expect(await ear.find([GOOD])).not.toEqual([]);
  expect(secrets.length).toBeGreaterThan(8);
  expect(await ear.find(secrets)).toEqual([]);
});

test('sealed secrets leave the files of the ledger with their job', async () => {
  const { blobEndpoint, accountKey } = azurite;
  const { deliveryPackage: _, ...job } = Object(
    ownJob('short-lived', 'A9', { blobEndpoint, accountKey }),
  );
  expect((await ear.ask('/api/v1/jobs', 'POST', job)).status).toBe(201);
  const driveList = [{ driveId: 'B9', bitLockerKey: BIT_LOCKER_KEY, manifestFile: '\\m.xml' }];
  const storageAccountId = `${GROUP}/providers/Microsoft.Storage/storageAccounts/${ACCOUNT}`;
  const properties = { storageAccountId, jobType: 'Import', driveList };
  const put = { location: 'westus', properties };
  expect((await ear.ask(armJob('short-lived-2'), 'PUT', put)).status).toBe(201);
  const sealed = sealedTexts(['short-lived', 'short-lived-2']);
  expect(sealed).toHaveLength(2);
  expect(await foundIn(sealed)).toEqual(sealed);

  expect((await ear.ask(armJob('short-lived'), 'DELETE')).status).toBe(200);
  expect((await ear.ask(armJob('short-lived-2'), 'DELETE')).status).toBe(200);
  expect(await foundIn(sealed)).toEqual([]);
  expect(await ear.find(secrets)).toEqual([]);
});

function sealedTexts(jobs: readonly string[]): string[] {
  const file = join(daemon.stateDirectory, 'ledger.sqlite');
  const shell = new DatabaseSync(file, { readOnly: true });
  const names = jobs.map(() => '?').join(', ');
  const rows = shell
    .prepare(
      `SELECT storage_credential AS sealed FROM jobs WHERE name IN (${names})
       UNION SELECT bit_locker_key FROM drives JOIN jobs ON id = job_id WHERE name IN (${names})`,
    )
    .all(...jobs, ...jobs);
  shell.close();
  return rows.flatMap(({ sealed }) => (sealed === null ? [] : [String(sealed)]));
}

async function foundIn(texts: readonly string[]): Promise<string[]> {
  const files = await contentsOf(daemon.stateDirectory);
  return texts.filter((text) => files.some(([, content]) => content.includes(text)));
}
