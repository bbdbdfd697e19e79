import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { Daemon } from '../support/daemon.ts';
import { ACCOUNT, jobOf } from '../support/disks.ts';
import { readLedger } from '../support/ledger-file.ts';

/** Job files that are none, through the real command to a running station. */

const PROGRAM = join(import.meta.dirname, '../../bin/drive-station');
const SERIALS = ['WD-WCC4N7XKPZ01', 'ZC18QV4T'];
const GARBAGE_BYTES = 5 * 1024 * 1024;

let daemon: Daemon;

beforeAll(async () => {
  daemon = await Daemon.start({
    storageAccounts: { [ACCOUNT]: { kind: 'directory', directory: '/nonexistent' } },
  });
});
afterAll(() => daemon[Symbol.asyncDispose]());

async function create(content: string | Buffer) {
  const file = join(daemon.directory, 'job.yaml');
  await writeFile(file, content);
  return await run('job', 'create', file, '--url', daemon.url);
}

function run(...args: readonly string[]): Promise<{ exitCode: number; words: string }> {
  return new Promise((resolve) => {
    const child = execFile(PROGRAM, args, { timeout: 120_000 }, (_error, stdout, stderr) => {
      resolve({ exitCode: child.exitCode ?? -1, words: `${stdout}${stderr}` });
    });
  });
}

const good = jobOf('good-job', SERIALS);
const drives = (serials: readonly string[]) => ({
  driveList: serials.map((driveId) => ({ driveId })),
});

it.each<{ name: string; content: string | Buffer; says: RegExp }>([
  {
    name: 'a duplicate serial',
    content: stringify({ ...good, ...drives(['ZC18QV4T', 'zc18 qv4t']) }),
    says: /driveList.*(?:twice|duplicate|same|already)/isu,
  },
  {
    name: 'an empty drive list',
    content: stringify({ ...good, driveList: [] }),
    says: /driveList/u,
  },
  {
    name: 'eleven drives',
    content: stringify({ ...good, ...drives(Array.from({ length: 11 }, (_, i) => `SER${i}X9`)) }),
    says: /driveList.*(?:10|ten)/isu,
  },
  { name: 'a name with a slash', content: stringify({ ...good, name: 'a/b' }), says: /name/u },
  { name: 'an unknown key', content: stringify({ ...good, colour: 'red' }), says: /colour/u },
  {
    name: 'a negative number',
    content: stringify({
      ...good,
      deliveryPackage: { carrierName: 'x', trackingNumber: '1', driveCount: -1 },
    }),
    says: /deliveryPackage.*driveCount/su,
  },
  { name: '5 MB of garbage', content: randomBytes(GARBAGE_BYTES), says: /bytes|large/u },
  { name: '200 KB of garbage', content: randomBytes(200_000), says: /job\.yaml/u },
  { name: 'nothing', content: '', says: /job\.yaml|name/u },
  { name: 'a list', content: '- 1\n- 2\n', says: /map of keys/u },
  {
    name: 'aliases that grow without end',
    content: `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n`,
    says: /alias/iu,
  },
])('$name is refused with words and stores nothing', async ({ content, says }) => {
  const { exitCode, words } = await create(content);
  expect(words).toMatch(says);
  expect(words).not.toMatch(/\n\s+at /u);
  expect(words.length).toBeLessThan(4000);
  expect(exitCode).toBe(2);
  const answer = await fetch(`${daemon.url}/api/v1/jobs`);
  expect(z.object({ jobs: z.array(z.unknown()) }).parse(await answer.json()).jobs).toEqual([]);
});

it('a good file is taken once, and the log of events has nothing else', async () => {
  expect(await create(stringify(good))).toMatchObject({ exitCode: 0 });
  const again = await create(stringify(good));
  expect(again).toMatchObject({ exitCode: 1, words: expect.stringContaining('good-job') });
  await daemon.stop();
  const { events, firstBrokenEvent } = await readLedger(daemon.stateDirectory);
  expect(firstBrokenEvent).toBeUndefined();
  expect(events.filter(({ entity }) => entity.startsWith('job/')).map(({ type }) => type)).toEqual([
    'created',
  ]);
});
