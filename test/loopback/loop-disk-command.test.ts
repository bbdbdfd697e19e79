import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listPlugged, releaseAll } from '../../native-fixtures/loop-disk.ts';
import { start } from '../support/command-line.ts';

let directory: string;

/** Through `main.ts`, as users run it: what ends with which exit code is decided there. */
const run = (...args: string[]) => start(['loopback', ...args]).ended;
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
    expect(made).toMatchObject({ code: 0, stdout: `made ${join(directory, 'disk.img')}\n` });
    expect((await loopback('plug', 'disk', '--bay', 'left', '--sector', '4096')).stdout).toMatch(
      /^plugged disk into left as \/dev\/loop\d+\n$/u,
    );
    expect((await loopback('list')).stdout).toMatch(
      /^left {2}\/dev\/loop\d+ {2}4194304 bytes {2}0042\n$/u,
    );
    expect(await loopback('pull', 'left', '--kind', 'clean-eof')).toMatchObject({ code: 0 });
    expect((await loopback('plug', 'disk')).stdout).toContain('into bay-1');
    expect(await loopback('unplug', 'bay-1')).toMatchObject({ code: 0 });
    expect(await listPlugged(directory)).toEqual([]);
    expect((await readdir(directory)).sort()).toEqual(['disk.disk.yaml', 'disk.img']);
  });

  it('refuses whatever is not an image of the directory', async () => {
    await symlink('/dev/null', join(directory, 'link.img'));
    for (const name of ['/dev/null', '../disk', 'link', 'absent']) {
      const { code, stderr } = await loopback('plug', name);
      expect(code).toBe(1);
      expect(stderr).toMatch(/is not the name of an image|cannot be used as an image/u);
    }
    expect(await listPlugged(directory)).toEqual([]);
    expect(await loopback('pull', 'bay-1')).toMatchObject({
      code: 1,
      stderr: `drive-station: there is no disk in bay-1 of ${directory}\n`,
    });
  });

  it('exits with 2 for wrong usage and an invalid file', async () => {
    expect(await loopback('make', 'disk', '--size', 'huge')).toMatchObject({ code: 2 });
    expect(await loopback('polish', 'disk')).toMatchObject({ code: 2 });
    expect(await run('list')).toMatchObject({ code: 2 });
    const config = join(directory, 'wrong.yaml');
    await writeFile(config, 'detect: { loopbackDirectry: /tmp }\n');
    expect(await run('--config', config, 'list')).toMatchObject({ code: 2 });
    expect(await loopback('--help')).toMatchObject({ code: 0 });
  });

  it('finds the directory in the configuration', async () => {
    const config = join(directory, 'station.yaml');
    await writeFile(config, `detect:\n  loopbackDirectory: ${directory}\n`);
    expect(await run('--config', config, 'list')).toMatchObject({
      code: 0,
      stdout: `no disk is plugged into ${directory}\n`,
    });
  });
});
