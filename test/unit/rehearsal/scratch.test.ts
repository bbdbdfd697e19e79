import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runTool } from '../../../src/loopback/run-tool.ts';
import { createScratch, removeScratch } from '../../../src/rehearsal/scratch.ts';

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
