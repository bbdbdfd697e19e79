import { execFile } from 'node:child_process';
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
