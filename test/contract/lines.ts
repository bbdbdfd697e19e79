import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

/** Real servers and lines that misbehave as a test says; each is ended with `asyncDispose`. */
export interface Line extends AsyncDisposable {
  readonly port: number;
  /** Connections that were opened so far. */
  readonly connections: () => number;
}

async function listening(
  server: net.Server,
  open: ReadonlySet<net.Socket>,
  host = '127.0.0.1',
): Promise<Line> {
  let connections = 0;
  server.on('connection', () => {
    connections++;
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const end = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
  return { port, connections: () => connections, [Symbol.asyncDispose]: end };
}

/** A blob service that answers as the test says, and numbers its answers as all do. */
export function serve(handle: http.RequestListener, host?: string): Promise<Line> {
  const open = new Set<net.Socket>();
  const server = http.createServer((request, response) => {
    response.setHeader('x-ms-request-id', randomUUID());
    handle(request, response);
  });
  server.on('connection', (socket) => open.add(socket));
  return listening(server, open, host);
}

/** A proxy that takes each connection and does as the test says when it is asked for a tunnel. */
export function proxyThat(tunnels: (client: net.Socket) => void): Promise<Line> {
  const open = new Set<net.Socket>();
  const server = net.createServer((client) => {
    open.add(client);
    client.on('error', () => client.destroy()).once('data', () => tunnels(client));
  });
  return listening(server, open);
}

/** What a line does to one connection. */
export interface Trouble {
  /** Bytes towards the store after which the connection is cut. */
  readonly cutAfterBytes?: number;
  /** Whether what the store answers is withheld and the connection cut instead. */
  readonly losesAnswers?: boolean;
  /** Whether what the store answers is withheld and the connection kept. */
  readonly keepsAnswers?: boolean;
}

/** A line to a real store; `trouble` is asked for each connection. */
export function lineTo(storePort: number, trouble: () => Trouble): Promise<Line> {
  const open = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const { cutAfterBytes = Number.POSITIVE_INFINITY, ...answers } = trouble();
    const store = net.connect(storePort, '127.0.0.1');
    const cut = () => {
      client.destroy();
      store.destroy();
    };
    for (const socket of [client, store]) {
      open.add(socket);
      socket.on('error', cut);
      // A store that closes what is idle is not heard either.
      if (socket === client || !answers.keepsAnswers) socket.on('close', cut);
    }
    let left = cutAfterBytes;
    client.on('data', (chunk: Buffer) => {
      store.write(chunk.subarray(0, Math.max(0, left)));
      left -= chunk.length;
      if (left <= 0) cut();
    });
    if (answers.losesAnswers) store.once('data', cut);
    else if (answers.keepsAnswers) store.resume();
    else store.pipe(client);
  });
  return listening(server, open);
}
