import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type BlockIdParts, decodeBlockId } from '../domain/block-id.ts';
import { type Changes, type ProxyMode, TROUBLES } from './store-troubles.ts';

/**
 * A reverse proxy before a blob server. It counts what is staged by blob and block, can keep blocks
 * on their way, and can make the way to the store, or the store itself, go wrong.
 */

/**
 * So often a client whose block is kept on its way gets a sign (102 Processing): bytes move, and it takes
 * the store for a slow one at most. Much shorter than what a client takes for silence.
 */
const SIGN_MS = 500;

export interface StagedRequest {
  readonly blob: string;
  readonly block: BlockIdParts & { readonly id: string };
  readonly beganAt: number;
  /** When the store said 201; `undefined` while it has not. Milliseconds of `performance.now()`. */
  ackedAt: number | undefined;
}

export class BlobProxy implements AsyncDisposable {
  /** Every Put Block that was sent, whatever became of it. */
  readonly staged: StagedRequest[] = [];
  /** Requests by mode, to see that a fault was met at all. */
  readonly met = new Map<ProxyMode, number>();
  mode: ProxyMode = 'pass';
  /** Each Put Block waits for so long on its way in, and its answer again on its way out. */
  delayMs: () => number = () => 0;
  /** How much of each request gets through while the mode is `trickle`. */
  bytesPerSecond = 20_000;
  #upstream: URL;
  /** Put Blocks that may still pass. */
  #passes = Number.POSITIVE_INFINITY;
  #opened = Promise.withResolvers<void>();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((incoming, answer) => void this.#handle(incoming, answer));
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

  /**
   * So many Put Blocks pass; the next ones stay on their way, untouched, until `open`, or until their
   * clients or this proxy are gone.
   */
  holdAfter(blocks: number): void {
    this.#passes = blocks;
  }

  /** What is held goes on, and meets the mode of this moment. */
  open(): void {
    this.#passes = Number.POSITIVE_INFINITY;
    this.#opened.resolve();
    this.#opened = Promise.withResolvers();
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

  async #handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    answer.on('error', () => undefined);
    incoming.on('error', () => undefined);
    const staging = stagingOf(incoming);
    if (staging !== undefined) {
      this.staged.push(staging);
      await this.#passage(answer);
      if (incoming.destroyed) return;
    }
    this.#count();
    TROUBLES[this.mode].meet({
      ...{ incoming, answer, isStaging: staging !== undefined },
      bytesPerSecond: this.bytesPerSecond,
      forward: (changes = {}) => void this.#forward({ incoming, answer, staging }, changes),
    });
  }

  /** A block may pass. */
  async #passage(answer: ServerResponse): Promise<void> {
    this.#passes -= 1;
    if (this.#passes >= 0) return;
    const signs = setInterval(() => answer.writeProcessing(), SIGN_MS);
    const gone = new Promise<void>((resolve) => answer.once('close', resolve));
    await Promise.race([this.#opened.promise, gone]);
    clearInterval(signs);
  }

  async #forward({ incoming, answer, staging }: Way, changes: Changes): Promise<void> {
    if (staging !== undefined) {
      await sleep(this.delayMs());
      if (incoming.destroyed) return;
    }
    const { hostname, port } = this.#upstream;
    const { method, url: path, headers } = incoming;
    const onward = request({ hostname, port, method, path, headers, agent: this.#agent });
    onward.on('error', () => answer.destroy());
    onward.on('response', (response) => {
      void this.#answer(response, { incoming, answer, staging }, changes);
    });
    // A client that dies in the middle takes its request with it, as on a network.
    incoming.on('close', () => {
      if (!incoming.complete) onward.destroy();
    });
    const body = changes.body === undefined ? incoming : Readable.from(changes.body(incoming));
    body.on('error', () => onward.destroy());
    body.pipe(onward);
  }

  async #answer(response: IncomingMessage, { answer, staging }: Way, changes: Changes) {
    if (staging !== undefined) {
      if (response.statusCode === 201) staging.ackedAt = performance.now();
      await sleep(this.delayMs());
    }
    response.on('error', () => answer.destroy());
    if (changes.breaksAnswer === true) {
      response.resume();
      // As much as makes a client believe that the rest is on its way.
      answer.socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<?xml');
      return;
    }
    const headers = changes.headers?.(response.headers) ?? response.headers;
    answer.writeHead(response.statusCode ?? 502, headers);
    response.pipe(answer);
  }
}

/** A request, where its answer goes, and what it stages. */
interface Way {
  readonly incoming: IncomingMessage;
  readonly answer: ServerResponse;
  readonly staging: StagedRequest | undefined;
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
