import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** An error with secrets all over it, thrown where nobody waits for it once the program is up. */
const CRASH = `
  const secret = process.env.TEST_SECRET;
  const error = new Error('denied at https://a.net/c?sv=1&sig=' + secret, { cause: new Error(secret) });
  Object.assign(error, { request: { headers: { authorization: 'SharedKey a:' + secret } } });
  setInterval(() => {
    if (process.listenerCount('uncaughtException') > 0) throw error;
  }, 5);
`;

test.each(['main.ts', 'copy/worker.ts'])('%s crashes without telling a secret', async (program) => {
  const file = fileURLToPath(new URL(`../../src/${program}`, import.meta.url));
  const secret = `${'k'.repeat(86)}==`;
  const preload = `data:text/javascript,${encodeURIComponent(CRASH)}`;
  const args = ['--disable-warning=ExperimentalWarning', '--import', preload, file, '--help'];
  const child = spawn(process.execPath, args, { env: { ...process.env, TEST_SECRET: secret } });
  let words = '';
  child.stderr.on('data', (piece) => {
    words += piece;
  });
  const exitCode = await new Promise((resolve) => child.on('close', resolve));
  expect(exitCode).toBe(1);
  expect(words).toContain('Error: denied at https://a.net/c?sv=1&sig=[redacted]');
  expect(words).not.toContain('kkkk');
});
