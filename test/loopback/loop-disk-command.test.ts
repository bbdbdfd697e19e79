import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listPlugged, releaseAll } from '../../native-fixtures/loop-disk.ts';

const COMMAND = join(import.meta.dirname, '../../src/commands/loopback.ts');
const PROGRAM = `
  const { loopbackCommand } = await import(${JSON.stringify(COMMAND)});
  await loopbackCommand().parseAsync(process.argv.slice(1), { from: 'user' });
`;

let directory: string;

interface Outcome {
  readonly exitCode: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Outcome> {
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', PROGRAM];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...flags, '--', ...args],
      { timeout: 20_000 },
      (error, stdout, stderr) => {
        resolve({ exitCode: error === null ? 0 : error.code, stdout, stderr });
      },
    );
  });
}

const loopback = (...args: string[]) => run('--directory', directory, ...args);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-command-'));
});

afterEach(async () => {
  await releaseAll(directory);
  await rm(directory, { recursive: true });
});

describe('drive-station loopback', () => {
  it('makes, plugs in, lists, pulls and unplugs', async () => {
    const made = await loopback('make', 'disk', '--size', '4MiB', '--serial', '0042');
    expect(made).toMatchObject({ exitCode: 0, stdout: `made ${join(directory, 'disk.img')}\n` });
    expect((await loopback('plug', 'disk', '--bay', 'left', '--sector', '4096')).stdout).toMatch(
      /^plugged disk into left as \/dev\/loop\d+\n$/u,
    );
    expect((await loopback('list')).stdout).toMatch(
      /^left {2}\/dev\/loop\d+ {2}4194304 bytes {2}0042\n$/u,
    );
    expect(await loopback('pull', 'left', '--kind', 'clean-eof')).toMatchObject({ exitCode: 0 });
    expect((await loopback('plug', 'disk')).stdout).toContain('into bay-1');
    expect(await loopback('unplug', 'bay-1')).toMatchObject({ exitCode: 0 });
    expect(await listPlugged(directory)).toEqual([]);
    expect((await readdir(directory)).sort()).toEqual(['disk.disk.yaml', 'disk.img']);
  });

  it('refuses whatever is not an image of the directory', async () => {
    await symlink('/dev/null', join(directory, 'link.img'));
    for (const name of ['/dev/null', '../disk', 'link', 'absent']) {
      const { exitCode, stderr } = await loopback('plug', name);
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(/is not the name of an image|cannot be used as an image/u);
    }
    expect(await listPlugged(directory)).toEqual([]);
    expect(await loopback('pull', 'bay-1')).toMatchObject({
      exitCode: 1,
      stderr: `there is no disk in bay-1 of ${directory}\n`,
    });
  });

  it('exits with 2 for wrong usage', async () => {
    expect(await loopback('make', 'disk', '--size', 'huge')).toMatchObject({ exitCode: 2 });
    expect(await loopback('polish', 'disk')).toMatchObject({ exitCode: 2 });
    expect(await run('list')).toMatchObject({ exitCode: 2 });
    expect(await loopback('--help')).toMatchObject({ exitCode: 0 });
  });

  it('finds the directory in the configuration', async () => {
    const config = join(directory, 'station.yaml');
    await writeFile(config, `detect:\n  loopbackDirectory: ${directory}\n`);
    expect(await run('--config', config, 'list')).toMatchObject({
      exitCode: 0,
      stdout: `no disk is plugged into ${directory}\n`,
    });
  });
});
