import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { LOG_WAITING_BYTES } from '../../src/limits.ts';
import { LogSink } from '../../src/log-sink.ts';
import { CAN_MOUNT, smallDisk } from '../support/small-disk.ts';

/** The log on real descriptors: a full disk, a reader that leaves, a reader that does not read. */

const SINK = fileURLToPath(new URL('../../src/log-sink.ts', import.meta.url));
const LINES = 20_000;
/** Logs much at once, then lives on for a while and says so on its standard error. */
const TALKER = `
  const { LogSink } = await import(${JSON.stringify(SINK)});
  const sink = new LogSink(1);
  process.on('exit', () => sink.flush());
  process.on('message', () => process.disconnect());
  for (let n = 0; n < ${LINES}; n++) sink.write('line ' + n + ' ' + 'x'.repeat(100) + '\\n');
  setTimeout(() => process.stderr.write('alive\\n'), 200);
`;

function talker(stdout: 'pipe' | number) {
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', TALKER];
  const child = spawn(process.execPath, args, { stdio: ['ignore', stdout, 'pipe', 'ipc'] });
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    words += piece;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, ended, words: () => words };
}

test.skipIf(!CAN_MOUNT)('a full disk drops lines, says how many, and holds up nobody', async () => {
  await using small = await smallDisk(4 * 1024 * 1024);
  const file = await open(join(small.path, 'log'), 'a+');
  await small.disk.fill();
  const sink = new LogSink(file.fd, { retryMs: 20 });
  const line = `${'x'.repeat(1023)}\n`;
  for (let index = 0; index < 3000; index++) sink.write(line);
  await small.disk.makeRoom();
  const text = async () => (await small.read('log')).toString().slice(-2000);
  await expect.poll(text).toContain('lines of this log are missing');
  sink.write('the next one\n');
  await expect.poll(text).toContain('the next one');
  expect(await text()).toContain('no space left on device');
  expect((await small.read('log')).length).toBeLessThan(2 * LOG_WAITING_BYTES);
  await file.close();
});

test('a reader that leaves ends the log and not the program', async () => {
  const { child, ended, words } = talker('pipe');
  child.stdout?.once('data', () => child.stdout?.destroy());
  await expect.poll(words).toContain('nobody reads the log any more');
  await expect.poll(words).toContain('alive');
  child.send('end');
  expect(await ended).toBe(0);
});

test('a reader that does not read holds up nobody, and gets what fits in the end', async () => {
  const { child, ended, words } = talker('pipe');
  child.stdout?.pause();
  await expect.poll(words).toContain('alive');
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  child.stdout?.resume();
  child.send('end');
  expect(await ended).toBe(0);
  const numbers = [...text.matchAll(/^line (\d+) /gmu)].map(([, number]) => Number(number));
  expect(numbers).toEqual(numbers.map((_, index) => index));
  const missing = /"lines":(\d+),.*are missing/u.exec(text)?.[1];
  expect(numbers.length + Number(missing)).toBe(LINES);
});
