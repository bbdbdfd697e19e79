import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StartNotices } from '../../../src/commands/notify.ts';
import { start } from '../../support/command-line.ts';

const TOOLS = ['systemd-notify', 'python3'].every((tool) => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(`notify.test.ts: ${tool} is missing; a test is SKIPPED\n`);
    return false;
  }
});

/** Stands for systemd: prints each message, and closes the descriptor that comes with `BARRIER=1`. */
const LISTENER = `
import os, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(sys.argv[1])
print("bound", flush=True)
while True:
    text, descriptors, _, _ = socket.recv_fds(server, 4096, 4)
    for descriptor in descriptors:
        os.close(descriptor)
    print(text.decode(), flush=True)
`;

let scratch: string;
let listener: ChildProcess | undefined;
const warnings: string[] = [];
const logger = { warn: (_: object, message: string) => void warnings.push(message) };

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'drive-station-notify-'));
  warnings.length = 0;
});
afterEach(async () => {
  listener?.kill('SIGKILL');
  await rm(scratch, { recursive: true, force: true });
});

/** A service manager that listens: its socket, and what it has heard. */
async function serviceManager() {
  const socket = join(scratch, 'notify');
  const child = spawn('python3', ['-c', LISTENER, socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  listener = child;
  let heard = '';
  const bound = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk: Buffer) => {
    heard += chunk.toString();
    if (heard.includes('bound')) bound.resolve();
  });
  await bound.promise;
  const env = { PATH: process.env.PATH ?? '', NOTIFY_SOCKET: socket };
  const words = () => heard.split('\n').filter((line) => /^(?:READY|STATUS)/u.test(line));
  return { env, words };
}

it.skipIf(!TOOLS)('tells the service manager that the station is ready', async () => {
  const { env, words } = await serviceManager();
  const notices = new StartNotices({ env, logger, uptimeMs: () => 20_000 });
  await notices.step('ledger');
  await notices.ready('Up at\nhttp://127.0.0.1:8380');
  const ready = ['READY=1', 'STATUS=Up at http://127.0.0.1:8380'];
  await expect.poll(() => words().toSorted()).toEqual(ready);
  expect(warnings).toEqual([]);
});

it.skipIf(!TOOLS)('says how far a slow start has come', async () => {
  const { env, words } = await serviceManager();
  let nowMs = 0;
  const notices = new StartNotices({ env, logger, uptimeMs: () => nowMs });
  for (const [name, atMs] of [
    ['ledger', 40_000],
    ['holders', 50_000],
    ['detector', 100_000],
  ] as const) {
    nowMs = atMs;
    await notices.step(name);
  }
  await notices.ready('Up');
  await expect.poll(words).toContain('READY=1');
  expect(words().slice(0, -2)).toEqual([
    'STATUS=Starting, slowly: ledger',
    'STATUS=Starting, slowly: detector',
  ]);
  expect(words().slice(-2).toSorted()).toEqual(['READY=1', 'STATUS=Up']);
});

it.skipIf(!TOOLS)('does so in the daemon, whose start was slow', async () => {
  const { env, words } = await serviceManager();
  const config = join(scratch, 'station.yaml');
  const state = join(scratch, 'state');
  await writeFile(config, `station: { stateDirectory: ${state} }\nhttp: { port: 0 }\n`);
  // A machine that took a minute to come as far as our first line.
  const minute =
    'const now = performance.now.bind(performance); performance.now = () => now() + 6e4';
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(minute)}`;
  const daemon = start(['serve', '--config', config], { ...env, NODE_OPTIONS });
  await expect.poll(words).toContain('READY=1');
  daemon.child.kill('SIGTERM');
  expect((await daemon.ended).code).toBe(0);
  expect(words()[0]).toBe('STATUS=Starting, slowly: configuration');
});

it('does nothing where no service manager asked', async () => {
  const env = { PATH: '/nonexistent' };
  const notices = new StartNotices({ env, logger, uptimeMs: () => 40_000 });
  await notices.step('ledger');
  await notices.ready('Up');
  expect(warnings).toEqual([]);
});

it('only warns when the message cannot be carried', async () => {
  const env = { PATH: '/nonexistent', NOTIFY_SOCKET: join(scratch, 'nobody') };
  await new StartNotices({ env, logger }).ready('Up');
  expect(warnings).toEqual(['the service manager was not told of the start']);
});
