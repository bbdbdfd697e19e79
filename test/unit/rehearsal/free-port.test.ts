import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { freePort } from '../../../src/rehearsal/free-port.ts';

const RANGE = '/proc/sys/net/ipv4/ip_local_port_range';

it('is none that the kernel may give to somebody else before the daemon listens', async () => {
  const [lowest, highest] = (await readFile(RANGE, 'utf8')).split(/\s+/u).map(Number);
  const port = await freePort();
  expect(port < (lowest ?? 0) || port > (highest ?? 0)).toBe(true);
});

it('is one that can be listened on', async () => {
  const server = createServer().listen(await freePort(), '127.0.0.1');
  await once(server, 'listening');
  server.close();
});
