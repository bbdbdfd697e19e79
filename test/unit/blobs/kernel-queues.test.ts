import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, expect, it } from 'vitest';
import { kernelQueues } from '../../../src/blobs/kernel-queues.ts';

/** More than both kernels' buffers take of a body that nobody reads. */
const BODY = Buffer.alloc(16 * 1024 * 1024);
const HOSTS = ['127.0.0.1', '127.0.0.2'] as const;
const hasIPv6 = networkInterfaces().lo?.some(({ address }) => address === '::1') ?? false;

let sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
});

interface Host extends AsyncDisposable {
  readonly port: number;
}

/** A host that takes connections and reads nothing of what comes. */
async function deafHost(host: string, port = 0): Promise<Host> {
  const open: Socket[] = [];
  const server = net.createServer({ pauseOnConnect: true }, (socket) => open.push(socket));
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function connected(options: net.TcpNetConnectOpts): Promise<Socket> {
  const socket = net.connect(options);
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

it.each([
  { busy: 0, idle: 1 },
  { busy: 1, idle: 0 },
] as const)('tells host $busy from host $idle by more than the ports', async ({ busy, idle }) => {
  await using first = await deafHost(HOSTS[0]);
  await using _second = await deafHost(HOSTS[1], first.port);
  const { port } = first;
  await connected({ host: HOSTS[0], localAddress: HOSTS[0], port });
  const localPort = sockets[0]?.localPort ?? 0;
  await connected({ host: HOSTS[1], localAddress: HOSTS[1], localPort, port });
  sockets[busy]?.write(BODY);
  const unsentBytes = (which: number) => {
    const socket = sockets[which];
    return socket === undefined ? undefined : kernelQueues()(socket).unsentBytes;
  };
  await expect.poll(() => unsentBytes(busy)).toBeGreaterThan(0);
  expect(unsentBytes(idle)).toBe(0);
});

it.runIf(hasIPv6)('finds a connection over IPv6', async () => {
  await using host = await deafHost('::1');
  const socket = await connected({ host: '::1', port: host.port });
  socket.write(BODY);
  await expect.poll(() => kernelQueues()(socket).unsentBytes).toBeGreaterThan(0);
});
