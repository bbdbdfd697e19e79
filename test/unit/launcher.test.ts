import { spawnSync } from 'node:child_process';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const LAUNCHER = resolve('bin/drive-station');
const DEADLINE_MS = 120_000;

let scratch: string;
beforeEach(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), 'drive-station-launcher-')));
  await mkdir(join(scratch, 'tree/bin'), { recursive: true });
  await mkdir(join(scratch, 'tools'));
  await copyFile(LAUNCHER, join(scratch, 'tree/bin/drive-station'));
  for (const tool of ['sh', 'dirname', 'readlink', 'uname']) {
    await symlink(`/usr/bin/${tool}`, join(scratch, 'tools', tool));
  }
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

interface Ending {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a launcher somewhere else, with nothing in the PATH but what a shell script needs. */
function launch(file: string, ...args: readonly string[]): Ending {
  const { status, stdout, stderr } = spawnSync(file, args, {
    cwd: '/',
    env: { PATH: join(scratch, 'tools') },
    encoding: 'utf8',
    timeout: DEADLINE_MS,
  });
  return { exitCode: status, stdout, stderr };
}

async function replaceTool(name: string, script: string): Promise<void> {
  const file = join(scratch, 'tools', name);
  await rm(file);
  await writeFile(file, `#!/usr/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

describe('the launcher', () => {
  it('works from any directory, with no node in the PATH', () => {
    const { exitCode, stdout, stderr } = launch(LAUNCHER, '--help');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain('Usage: drive-station');
  });

  it('works through a link to a link', async () => {
    await symlink(LAUNCHER, join(scratch, 'first'));
    await symlink('first', join(scratch, 'second'));
    expect(launch(join(scratch, 'second'), '--help').exitCode).toBe(0);
  });

  it('passes arguments on as they are, and the exit code back', () => {
    const { exitCode, stderr } = launch(LAUNCHER, 'job', 'create', '/no such/*.yaml');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('/no such/*.yaml');
  });

  it('says where the pinned Node.js is missing, and what to do', () => {
    const { exitCode, stdout, stderr } = launch(join(scratch, 'tree/bin/drive-station'), 'serve');
    expect({ exitCode, stdout }).toEqual({ exitCode: 78, stdout: '' });
    expect(stderr).toContain('the pinned Node.js is missing');
    expect(stderr).toContain(join(scratch, 'tree/node_modules/node-linux-'));
    expect(stderr).toContain(`run 'npm ci' in ${join(scratch, 'tree')}`);
  });

  it.each([
    ['Linux', 'riscv64'],
    ['Darwin', 'arm64'],
  ])('says that it does not run on %s %s', async (system, machine) => {
    await replaceTool('uname', `[ "$1" = -s ] && echo ${system} || echo ${machine}`);
    const { exitCode, stderr } = launch(LAUNCHER, '--help');
    expect(exitCode).toBe(78);
    expect(stderr).toContain(`not on ${system} ${machine}`);
  });
});
