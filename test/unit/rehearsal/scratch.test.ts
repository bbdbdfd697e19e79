import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { runTool } from '../../../src/loopback/run-tool.ts';
import { createScratch, removeScratch, sweep } from '../../../src/rehearsal/scratch.ts';

const isRoot = process.getuid?.() === 0;

it.skipIf(!isRoot)(
  'a run that was killed leaves nothing, not even the small disk of its station (needs root)',
  async () => {
    const scratch = await createScratch();
    const state = join(scratch.directory, 'a station', 'state');
    await mkdir(state, { recursive: true });
    await runTool('mount', ['-t', 'tmpfs', '-o', 'size=64k,ro', 'tmpfs', state]);
    onTestFinished(async () => {
      await runTool('umount', ['--lazy', state]).catch(() => undefined);
    });
    await removeScratch(scratch);
    expect(existsSync(scratch.directory)).toBe(false);
  },
);

it('runs that begin at the same time clear up after a killed one, and none stumbles over another', async () => {
  const temporary = await mkdtemp(join(tmpdir(), 'drive-station-sweep-test-'));
  vi.stubEnv('TMPDIR', temporary);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(temporary, { recursive: true });
  });
  const killed = await createScratch();
  const gone = {
    pid: process.pid,
    startedAt: 'before',
    namespace: await readlink('/proc/self/ns/pid'),
  };
  await writeFile(join(killed.directory, 'owner.json'), JSON.stringify(gone));
  for (const name of Array.from({ length: 200 }, (_, index) => `play-${index}`)) {
    await mkdir(join(killed.directory, name, 'disks'), { recursive: true });
  }
  const swept = await Promise.all(Array.from({ length: 4 }, () => sweep()));
  expect(swept.flat()).toEqual([killed.directory]);
  expect(await readdir(temporary)).toEqual([]);
});
