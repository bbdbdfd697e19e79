import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

/** Node gives a child that could not be started for want of descriptors neither pipes nor a channel. */
it('without a descriptor left a copy is not started, and nothing else falls over that', async () => {
  const child = fileURLToPath(new URL('../support/no-descriptors-child.ts', import.meta.url));
  const script = 'ulimit -n 64; exec "$@"';
  const { stderr } = await run('sh', ['-c', script, 'sh', process.execPath, child]);
  expect(stderr).toContain('copy-process-not-started, false, true failed: spawn true EMFILE');
});

/** A file that the station could not open is neither lost nor skipped: its drive is tried again. */
it('without a descriptor left no file of a volume is to blame', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-few-'));
  try {
    await mkdir(join(directory, 'folder'));
    await writeFile(join(directory, 'folder/file'), 'content');
    const child = fileURLToPath(
      new URL('../support/no-descriptors-volume-child.ts', import.meta.url),
    );
    const script = 'ulimit -n 64; exec "$@"';
    const { stderr } = await run('sh', ['-c', script, 'sh', process.execPath, child, directory]);
    const lines = stderr.split('\n').filter((line) => /^\d: /u.test(line));
    expect(lines[0]).toBe('0: EMFILE, EMFILE');
    expect(lines.at(-1)).toBe('5: opened, file');
    for (const line of lines) expect(line).toMatch(/^\d: (?:opened|EMFILE), (?:file|EMFILE)$/u);
  } finally {
    await rm(directory, { recursive: true });
  }
});
