import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { notifyReady } from '../../../src/commands/notify.ts';

const TOOLS = ['systemd-notify', 'python3'].every((tool) => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write(`notify.test.ts: ${tool} is missing; a test is SKIPPED\n`);
    return false;
  }
});

/** Stands for systemd: prints the first message, and closes the descriptor that comes with `BARRIER=1`. */
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

it.skipIf(!TOOLS)('tells the service manager that the station is ready', async () => {
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
  const env = { PATH: process.env.PATH, NOTIFY_SOCKET: socket };
  await notifyReady('Up at\nhttp://127.0.0.1:8380', { env, logger });
  await expect.poll(() => heard).toContain('READY=1');
  expect(heard).toContain('STATUS=Up at http://127.0.0.1:8380');
  expect(warnings).toEqual([]);
});

it('does nothing where no service manager asked', async () => {
  await notifyReady('Up', { env: { PATH: '/nonexistent' }, logger });
  expect(warnings).toEqual([]);
});

it('only warns when the message cannot be carried', async () => {
  const env = { PATH: '/nonexistent', NOTIFY_SOCKET: join(scratch, 'nobody') };
  await notifyReady('Up', { env, logger });
  expect(warnings).toEqual(['the service manager was not told of the start']);
});
