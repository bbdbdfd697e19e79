import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type BlockIdParts, decodeBlockId } from '../domain/block-id.ts';

/**
 * A reverse proxy before a blob server. It counts what is staged by blob and block, and can make the
 * way to the store, or the store itself, go wrong.
 */

export interface StagedRequest {
  readonly blob: string;
  readonly block: BlockIdParts & { readonly id: string };
  readonly beganAt: number;
  /** When the store said 201; `undefined` while it has not. Milliseconds of `performance.now()`. */
  ackedAt: number | undefined;
}

/**
 * - `pass`: nothing goes wrong; each Put Block waits for `delayMs()` on its way in, and its answer
 *   again on its way out.
 * - `busy`: 503 to everything.
 * - `cut`: the connection ends after a part of the body of a Put Block.
 * - `nonsense`: 200 and a page of HTML, as a captive portal answers.
 * - `refuse`: connections are closed at once.
 */
export type ProxyMode = 'pass' | 'busy' | 'cut' | 'nonsense' | 'refuse';

const CUT_AFTER_BYTES = 1024 * 1024;

export class BlobProxy implements AsyncDisposable {
  readonly staged: StagedRequest[] = [];
  /** Requests by mode, to see that a fault was met at all. */
  readonly met = new Map<ProxyMode, number>();
  mode: ProxyMode = 'pass';
  delayMs: () => number = () => 0;
  #upstream: URL;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((incoming, answer) => this.#handle(incoming, answer));
  #port = 0;

  private constructor(upstream: string) {
    this.#upstream = new URL(upstream);
    this.#server.requestTimeout = 0;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
      if (this.mode !== 'refuse') return;
      this.#count();
      socket.destroy();
    });
  }

  static async start(upstream: string): Promise<BlobProxy> {
    const proxy = new BlobProxy(upstream);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.#port = z.object({ port: z.int() }).parse(proxy.#server.address()).port;
    return proxy;
  }

  /** The connection string with this proxy in the place of the store. */
  connectionString(direct: string): string {
    return direct.replace(/BlobEndpoint=http:\/\/127\.0\.0\.1:\d+/u, () => {
      return `BlobEndpoint=http://127.0.0.1:${this.#port}`;
    });
  }

  /** The store came back, wherever it listens now; its clients know only the proxy's address. */
  leadTo(upstream: string): void {
    this.#upstream = new URL(upstream);
  }

  /** Changes the mode and, unless connections may go on, cuts those that are open. */
  change(mode: ProxyMode, { cut = false }: { readonly cut?: boolean } = {}): void {
    this.mode = mode;
    if (cut) for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  #count(): void {
    this.met.set(this.mode, (this.met.get(this.mode) ?? 0) + 1);
  }

  #handle(incoming: IncomingMessage, answer: ServerResponse): void {
    this.#count();
    answer.on('error', () => undefined);
    incoming.on('error', () => undefined);
    const staging = stagingOf(incoming);
    switch (this.mode) {
      case 'busy':
        incoming.resume();
        incoming.on('end', () => answer.writeHead(503, { 'retry-after': '1' }).end());
        break;
      case 'nonsense':
        incoming.resume();
        incoming.on('end', () => {
          answer.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please log in</html>');
        });
        break;
      case 'cut':
        if (staging === undefined) void this.#forward(incoming, answer, undefined);
        else cutWithin(incoming);
        break;
      case 'refuse':
        incoming.socket.destroy();
        break;
      case 'pass':
        void this.#forward(incoming, answer, staging);
        break;
    }
  }

  async #forward(
    incoming: IncomingMessage,
    answer: ServerResponse,
    staging: StagedRequest | undefined,
  ): Promise<void> {
    if (staging !== undefined) {
      this.staged.push(staging);
      await sleep(this.delayMs());
      if (incoming.destroyed) return;
    }
    const { hostname, port } = this.#upstream;
    const { method, url: path, headers } = incoming;
    const onward = request({ hostname, port, method, path, headers, agent: this.#agent });
    onward.on('error', () => answer.destroy());
    onward.on('response', (response) => void this.#answer(response, answer, staging));
    // A client that dies in the middle takes its request with it, as on a network.
    incoming.on('close', () => {
      if (!incoming.complete) onward.destroy();
    });
    incoming.pipe(onward);
  }

  async #answer(
    response: IncomingMessage,
    answer: ServerResponse,
    staging: StagedRequest | undefined,
  ): Promise<void> {
    if (staging !== undefined) {
      if (response.statusCode === 201) staging.ackedAt = performance.now();
      await sleep(this.delayMs());
    }
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.on('error', () => answer.destroy());
    response.pipe(answer);
  }
}

/** What a Put Block stages; `undefined` for every other request. */
function stagingOf(incoming: IncomingMessage): StagedRequest | undefined {
  const url = new URL(incoming.url ?? '/', 'http://proxy');
  if (incoming.method !== 'PUT' || url.searchParams.get('comp') !== 'block') return undefined;
  const block = decodeBlockId(url.searchParams.get('blockid') ?? '');
  if (block === undefined) return undefined;
  // Account and container come before the name.
  const blob = decodeURIComponent(url.pathname.split('/').slice(3).join('/'));
  return { blob, block, beganAt: performance.now(), ackedAt: undefined };
}

function cutWithin(incoming: IncomingMessage): void {
  let seen = 0;
  incoming.on('data', (chunk: Buffer) => {
    seen += chunk.length;
    if (seen >= CUT_AFTER_BYTES) incoming.socket.destroy();
  });
  incoming.on('end', () => incoming.socket.destroy());
}
