import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const DEADLINE_MS = 120_000;
/** Stands for npm: writes down what it was asked for, and leaves what a real installation leaves. */
const NPM = `echo "$*" >>npm.log
mkdir -p node_modules/.bin && : >node_modules/.bin/node && chmod +x node_modules/.bin/node
[ -e stop-early ] && exit 130
: >node_modules/.package-lock.json`;

let tree: string;
beforeEach(async () => {
  tree = await mkdtemp(join(tmpdir(), 'drive-station-setup-'));
  await mkdir(join(tree, 'bin'));
  await mkdir(join(tree, 'tools'));
  await copyFile('bin/setup', join(tree, 'bin/setup'));
  await writeFile(join(tree, 'package.json'), '{}');
  await writeFile(join(tree, 'package-lock.json'), '{}');
  await tool('npm', NPM);
});
afterEach(() => rm(tree, { recursive: true, force: true }));

async function tool(name: string, script: string): Promise<void> {
  await writeFile(join(tree, 'tools', name), `#!/bin/sh\n${script}\n`);
  await chmod(join(tree, 'tools', name), 0o755);
}

/** Runs setup in the tree, with our tools before those of the machine, or with ours alone. */
function setup(purpose: string, ours: 'first' | 'alone' = 'first'): SpawnSyncReturns<string> {
  const own = join(tree, 'tools');
  return spawnSync('/bin/sh', [join(tree, 'bin/setup'), purpose], {
    cwd: '/',
    env: { PATH: ours === 'alone' ? own : `${own}:/usr/sbin:/usr/bin:/sbin:/bin` },
    encoding: 'utf8',
    timeout: DEADLINE_MS,
  });
}

const installations = async () => {
  const log = await readFile(join(tree, 'npm.log'), 'utf8').catch(() => '');
  return log.split('\n').filter((line) => line.startsWith('ci ')).length;
};

describe('setup of the npm packages', () => {
  it('installs them once and is then silent', async () => {
    expect(setup('demo')).toMatchObject({ status: 0 });
    expect(setup('demo')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    await expect(installations()).resolves.toBe(1);
  });

  it('repairs an installation that was interrupted', async () => {
    await writeFile(join(tree, 'stop-early'), '');
    expect(setup('demo').status).toBe(130);
    await rm(join(tree, 'stop-early'));
    expect(setup('demo').status).toBe(0);
    await expect(installations()).resolves.toBe(2);
  });

  it('installs again when the lock file is newer', async () => {
    expect(setup('demo').status).toBe(0);
    const later = new Date(Date.now() + 5_000);
    await utimes(join(tree, 'package-lock.json'), later, later);
    expect(setup('demo').status).toBe(0);
    await expect(installations()).resolves.toBe(2);
  });

  it('says so when npm left the pinned Node.js out', async () => {
    await tool('npm', 'mkdir -p node_modules && : >node_modules/.package-lock.json');
    const { status, stderr } = setup('demo');
    expect(status).toBe(78);
    expect(stderr).toContain('the pinned Node.js was not installed');
  });
});

describe('setup of the system packages', () => {
  beforeEach(async () => {
    for (const name of ['dirname', 'readlink', 'mktemp', 'rm', 'cat']) {
      await symlink(`/usr/bin/${name}`, join(tree, 'tools', name));
    }
  });

  it('names them where there is no apt-get', () => {
    const { status, stderr } = setup('demo', 'alone');
    expect(status).toBe(77);
    expect(stderr).toMatch(/no apt-get here.* python3 make g\+\+/u);
  });

  it('names them to someone who is not root', async () => {
    await tool('apt-get', 'exit 0');
    await tool('id', 'echo 1000');
    const { status, stderr } = setup('demo', 'alone');
    expect(status).toBe(77);
    expect(stderr).toContain('run this as root');
    expect(stderr).toMatch(/apt-get install.* python3 make g\+\+/u);
  });

  it('shows what apt-get said when it fails', async () => {
    await tool('apt-get', 'echo "the archive does not answer"; exit 100');
    await tool('id', 'echo 0');
    const { status, stderr } = setup('demo', 'alone');
    expect(status).toBe(77);
    expect(stderr).toContain('the archive does not answer');
  });

  it('knows three purposes and no other', () => {
    expect(setup('dmeo')).toMatchObject({
      status: 2,
      stderr: "setup: 'dmeo' is not demo, test or station\n",
    });
  });
});
