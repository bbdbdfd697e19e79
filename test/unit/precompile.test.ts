import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import {
  chmod,
  chown,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { smallDisk } from '../support/small-disk.ts';

/** Stands for the service's user: whoever is not root, and may read this clone. */
const USER = 'nobody';
const ROOT = process.cwd();
const NODE = ['node_modules/.bin/node', '--disable-warning=ExperimentalWarning'];
const COPY = [...NODE, '--max-semi-space-size=2', 'src/copy/worker.ts'];
/** The threads of a copy, which none starts without a disk. */
const HASH = [
  ...[...NODE, '--eval'],
  `const { BufferRing } = await import('${ROOT}/src/copy/ring.ts');
  const { Hasher } = await import('${ROOT}/src/copy/hashing.ts');
  const { MD5_START: restartFrom } = await import('${ROOT}/src/copy/md5.ts');
  const hasher = new Hasher(new BufferRing(65536, 65536).memory);
  const { sha256 } = await hasher.hash({ offsetBytes: 65536, lengthBytes: 64, restartFrom });
  await hasher.close();
  process.stdout.write(sha256);`,
];
const HELP = [...NODE, 'src/main.ts', '--help'];
/** What bin/precompile names itself. */
const PACKAGES = ['.bin', '@azure', 'fastify'].map((name) => join('node_modules', name));
const DEADLINE_MS = 200_000;
const SMALL_BYTES = 512 * 1024;

const idOf = (flag: '-u' | '-g') => Number(execFileSync('id', [flag, USER], { encoding: 'utf8' }));
const UID = idOf('-u');
const GID = idOf('-g');

const asUser = (command: readonly string[]) => [
  ...[`--reuid=${UID}`, `--regid=${GID}`, '--clear-groups', 'env', '-i'],
  ...command,
];

function canBecomeUser(): boolean {
  try {
    execFileSync('setpriv', asUser(HELP), { stdio: 'ignore', timeout: DEADLINE_MS });
    return true;
  } catch {
    process.stderr.write(`precompile.test.ts: ${USER} cannot run this clone; tests are SKIPPED\n`);
    return false;
  }
}

let tree: string;
let cache: string;
beforeEach(async () => {
  tree = await mkdtemp(join(tmpdir(), 'drive-station-precompile-'));
  cache = join(tree, 'node_modules/.cache/service');
  await chmod(tree, 0o755);
  await mkdir(join(tree, 'bin'));
  await mkdir(join(tree, 'node_modules/.cache'), { recursive: true });
  await copyFile('bin/precompile', join(tree, 'bin/precompile'));
  // What Node.js loads it knows by its real place, which is that of this clone.
  for (const name of ['src', 'package.json', ...PACKAGES]) {
    await symlink(resolve(name), join(tree, name));
  }
});
afterEach(() => rm(tree, { recursive: true, force: true }));

function precompile(user: string): SpawnSyncReturns<string> {
  const options = { cwd: '/', encoding: 'utf8', timeout: DEADLINE_MS } as const;
  return spawnSync(join(tree, 'bin/precompile'), [user], options);
}

/** Runs a command to its end as the user, with that cache. */
function run(command: readonly string[], directory: string): SpawnSyncReturns<string> {
  const args = asUser([`NODE_COMPILE_CACHE=${directory}`, ...command]);
  return spawnSync('setpriv', args, { cwd: ROOT, encoding: 'utf8', timeout: DEADLINE_MS });
}

/** A whole life of a daemon, from its start to its end in order. */
async function serve(directory: string): Promise<number | null> {
  const state = join(tree, 'state');
  await mkdir(state);
  await chown(state, UID, GID);
  const config = join(tree, 'station.yaml');
  await writeFile(config, `station: { stateDirectory: ${state} }\nhttp: { port: 0 }\n`);
  const env = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', `NODE_COMPILE_CACHE=${directory}`];
  const command = [...env, 'bin/drive-station', 'serve', '--config', config];
  const child = spawn('setpriv', asUser(command), { stdio: ['ignore', 'pipe', 'inherit'] });
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    log += text;
    if (!log.includes('the station is up')) return;
    log = '';
    child.kill('SIGTERM');
  });
  return await new Promise((resolve) => child.once('close', resolve));
}

/** A copy of what was compiled, to which the user could add. */
async function writableCopy(): Promise<string> {
  const copy = join(tree, 'copy');
  await cp(cache, copy, { recursive: true });
  for (const name of ['', ...(await readdir(copy, { recursive: true }))]) {
    await chown(join(copy, name), UID, GID);
  }
  return copy;
}

const entriesOf = async (directory: string) =>
  (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));

describe.skipIf(process.getuid?.() !== 0 || !canBecomeUser())('what is compiled ahead', () => {
  it('is all that the daemon, its copies and their threads need', async () => {
    const empty = join(tree, 'empty');
    await mkdir(empty);
    await chown(empty, UID, GID);
    run(COPY, empty);
    expect((await entriesOf(empty)).length).toBeGreaterThan(100);

    expect(precompile(USER)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const copy = await writableCopy();
    // What is evaluated is compiled as well, under one name whatever it is.
    run([...NODE, '--eval', 'await 0'], copy);
    const before = await entriesOf(copy);
    expect(run(COPY, copy)).toMatchObject({ status: 0, stderr: '' });
    expect(run(HASH, copy)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^f5a5fd42/u),
    });
    await expect(serve(copy)).resolves.toBe(0);
    // What Node.js did not find it would have added.
    expect((await entriesOf(copy)).toSorted()).toEqual(before.toSorted());
  });

  it('belongs to root, who alone can write it, and is made anew each time', async () => {
    expect(precompile(USER).status).toBe(0);
    const stale = join(cache, 'v1.0.0-of-another-time');
    await writeFile(stale, '');
    expect(precompile(USER).status).toBe(0);
    await expect(stat(stale)).rejects.toThrow('ENOENT');
    await expect(readdir(join(cache, '..'))).resolves.toEqual(['service']);
    for (const name of ['', ...(await readdir(cache, { recursive: true }))]) {
      const { uid, gid, mode } = await stat(join(cache, name));
      expect([uid, gid, mode & 0o022, mode & 0o044]).toEqual([0, 0, 0, 0o044]);
    }
  });

  it('is out of the user’s reach also while it is made', async () => {
    const making = spawn(join(tree, 'bin/precompile'), [USER], { cwd: '/', stdio: 'ignore' });
    const ended = new Promise<number | null>((resolve) => making.once('close', resolve));
    const owners = new Set<number>();
    for (let isOver = false; !isOver; ) {
      isOver = await Promise.race([ended.then(() => true), sleep(20, false)]);
      const made = await stat(`${cache}.new`).catch(() => undefined);
      if (made !== undefined) owners.add(made.uid);
    }
    expect(await ended).toBe(0);
    expect(owners.size).toBeGreaterThan(0);
    expect(owners).not.toContain(UID);
  });

  it('does no harm where it is damaged', async () => {
    expect(precompile(USER).status).toBe(0);
    const copy = await writableCopy();
    const entries = await entriesOf(copy);
    for (const [at, file] of entries.entries()) {
      const { size } = await stat(file);
      if (at % 3 === 0) await truncate(file, Math.floor(size / 2));
      else if (at % 3 === 1) await writeFile(file, Buffer.alloc(size, at));
      else await writeFile(file, '');
    }
    const sound = run(HELP, join(tree, 'nowhere'));
    expect(sound.stdout).toContain('Usage: drive-station');
    expect(run(HELP, copy)).toMatchObject({ status: 0, stdout: sound.stdout, stderr: '' });
    expect(run(COPY, copy)).toMatchObject({ status: 0, stderr: '' });
  });

  it('is told when there is no room for it, and what was there stays', async () => {
    await using small = await smallDisk(SMALL_BYTES);
    await rm(join(cache, '..'), { recursive: true });
    await symlink(small.path, join(cache, '..'));
    await chmod(small.path, 0o755);
    await mkdir(cache);
    await writeFile(join(cache, 'former'), '');
    const { status, stderr } = precompile(USER);
    expect(status).toBe(1);
    expect(stderr).toContain('could not be written; is the disk full?');
    await expect(readdir(join(cache, '..'))).resolves.toEqual(['service']);
    await expect(readdir(cache)).resolves.toEqual(['former']);
  });
});

it('is made for a user that is there', () => {
  const { status, stderr } = precompile('drive-station-no-such-user');
  expect(status).toBe(77);
  expect(stderr).toContain("'drive-station-no-such-user'");
});
