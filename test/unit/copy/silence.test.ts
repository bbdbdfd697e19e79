import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { Silence } from '../../../src/copy/silence.ts';

/** Who says all the time that it lives, and what becomes of one who does not hear it. */

const LIMITS = { silenceMs: 2000, hearingMs: 1000 };
const TALKER = 'setInterval(() => process.send("alive"), 20)';

async function talker() {
  const child = spawn(process.execPath, ['-e', TALKER], { stdio: ['ignore', 'ignore', 2, 'ipc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  const silent = Promise.withResolvers<'silent'>();
  const silence = new Silence(LIMITS, () => silent.resolve('silent'));
  onTestFinished(() => silence.end());
  child.on('message', () => silence.heard());
  return { child, told: silent.promise };
}

function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

test('a process that says nothing any more is told', async () => {
  const { child, told } = await talker();
  child.kill('SIGSTOP');
  expect(await told).toBe('silent');
});

test('one that was not heard because the listener stood still is not taken for silent', async () => {
  const { told } = await talker();
  standStill(LIMITS.silenceMs + 100);
  const longEnough = sleep(LIMITS.hearingMs + LIMITS.silenceMs, 'still talking' as const);
  expect(await Promise.race([told, longEnough])).toBe('still talking');
});
