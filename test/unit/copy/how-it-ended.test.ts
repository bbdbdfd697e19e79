import { execFile } from 'node:child_process';
import { expect, test } from 'vitest';
import { howItEnded, oomKills, ranOutOfMemory, wasKilled } from '../../../src/copy/how-it-ended.ts';

const CLEAN = { exitCode: null, signal: null, stderrTail: '', oomKilled: false };

/** How a real process ends that wants more memory than it may have. */
function outOfMemory(program: string): Promise<Parameters<typeof howItEnded>[0]> {
  return new Promise((resolve) => {
    const args = ['--max-old-space-size=16', '-e', program];
    const child = execFile(process.execPath, args, (_error, _out, stderr) => {
      const { exitCode, signalCode: signal } = child;
      resolve({ exitCode, signal, stderrTail: stderr.slice(-4096), oomKilled: false });
    });
  });
}

test('a heap that is full is no crash', async () => {
  const end = await outOfMemory('const kept = []; while (true) kept.push(String(Math.random()));');
  expect(end).toMatchObject({ exitCode: null, signal: 'SIGABRT' });
  expect(howItEnded(end)).toBe('the copy process ran out of memory');
  expect(ranOutOfMemory(end)).toBe(true);
});

test('what the kernel kills for memory is told apart from what somebody kills', () => {
  const killed = { ...CLEAN, signal: 'SIGKILL' };
  expect(howItEnded(killed)).toBe('the copy process was killed (SIGKILL)');
  expect(howItEnded({ ...killed, oomKilled: true })).toBe(
    'the copy process was killed by the kernel, because memory ran out (SIGKILL)',
  );
});

test.each([
  ['SIGKILL', true],
  ['SIGTERM', true],
  ['SIGABRT', false],
  ['SIGSEGV', false],
  [null, false],
])('a process that ended by %s was ended from outside: %s', (signal, isFromOutside) => {
  expect(wasKilled({ signal })).toBe(isFromOutside);
});

test('anything else is a crash, with its signal or its exit code', () => {
  const crashed = { ...CLEAN, exitCode: 1, stderrTail: 'TypeError: x is not a function' };
  expect(howItEnded(crashed)).toBe('the copy process crashed (exit code 1)');
  expect(howItEnded({ ...CLEAN, signal: 'SIGSEGV' })).toBe('the copy process crashed (SIGSEGV)');
});

test('the kernel is asked how many it has killed in this control group', () => {
  expect(oomKills()).toBeGreaterThanOrEqual(0);
});
