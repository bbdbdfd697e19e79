import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyBaseLogger } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  WS_CLIENT_BUDGET_BYTES,
  WS_HEARTBEAT_MS,
  WS_MAX_CLIENTS,
  WS_MESSAGE_MAX_BYTES,
} from '../limits.ts';
import type { Feed } from './feed.ts';
import { isOwnHost, isOwnOrigin } from './host.ts';
import { Session } from './session.ts';

/** Bounds that tests make small; the values of `src/limits.ts` otherwise. */
export interface SocketBounds {
  readonly heartbeatMs?: number;
  readonly budgetBytes?: number;
  readonly maxClients?: number;
  readonly messageMaxBytes?: number;
}

export interface LiveSocketOptions extends SocketBounds {
  readonly host: string;
  readonly station: { readonly name: string; readonly version: string };
}

export interface LiveSocketDependencies {
  readonly feed: Feed;
  readonly logger: FastifyBaseLogger;
}

/** The WebSocket end of the feed: upgrades, hands every delta to every client, keeps the heartbeat. */
export class LiveSocket {
  readonly #options: LiveSocketOptions;
  readonly #feed: Feed;
  readonly #logger: FastifyBaseLogger;
  readonly #server: WebSocketServer;
  readonly #sessions = new Map<WebSocket, Session>();
  #stop: (() => void) | undefined;

  constructor(options: LiveSocketOptions, { feed, logger }: LiveSocketDependencies) {
    this.#options = options;
    this.#feed = feed;
    this.#logger = logger;
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: options.messageMaxBytes ?? WS_MESSAGE_MAX_BYTES,
      perMessageDeflate: false,
    });
  }

  get clientCount(): number {
    return this.#sessions.size;
  }

  /** Begins to pass deltas on and to keep the heartbeat, until `close`. */
  start(): void {
    const unsubscribe = this.#feed.subscribe((delta) => {
      const text = JSON.stringify(delta);
      for (const session of this.#sessions.values()) session.deliver(text);
    });
    const timer = setInterval(() => {
      for (const session of this.#sessions.values()) session.beat();
    }, this.#options.heartbeatMs ?? WS_HEARTBEAT_MS);
    this.#stop = () => {
      clearInterval(timer);
      unsubscribe();
    };
  }

  /** Takes an HTTP upgrade, or answers it with an HTTP error. */
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const refusal = this.#refusalOf(request);
    if (refusal !== undefined) {
      this.#logger.info({ status: refusal, url: request.url }, 'upgrade refused');
      refuse(stream, refusal);
      return;
    }
    this.#server.handleUpgrade(request, stream, head, (socket) => this.#admit(socket));
  }

  /** Lets nobody in any more and ends every connection with 1001, or cuts it after the deadline. */
  async close(deadlineMs: number): Promise<void> {
    this.#stop?.();
    this.#server.close();
    const closed = [...this.#sessions].map(([socket, session]) => {
      const ended = new Promise((resolve) => socket.once('close', resolve));
      session.end();
      return ended;
    });
    const timer = setTimeout(() => {
      for (const socket of this.#sessions.keys()) socket.terminate();
    }, deadlineMs);
    await Promise.all(closed);
    clearTimeout(timer);
  }

  #admit(socket: WebSocket): void {
    const { station, budgetBytes = WS_CLIENT_BUDGET_BYTES } = this.#options;
    const dependencies = { feed: this.#feed, socket, logger: this.#logger };
    this.#sessions.set(socket, new Session({ station, budgetBytes }, dependencies));
    socket.on('close', () => this.#sessions.delete(socket));
  }

  #refusalOf(request: IncomingMessage): number | undefined {
    const { host, origin } = request.headers;
    if (!isOwnHost(host, this.#options.host)) return 421;
    if (!isOwnOrigin(origin, host)) return 403;
    if (request.url?.split('?')[0] !== '/ws') return 404;
    const maxClients = this.#options.maxClients ?? WS_MAX_CLIENTS;
    return this.#sessions.size >= maxClients ? 503 : undefined;
  }
}

function refuse(stream: Duplex, status: number): void {
  stream.on('error', () => stream.destroy());
  // Half a connection would keep the server from closing.
  stream.once('finish', () => stream.destroy());
  const words = STATUS_CODES[status];
  stream.end(`HTTP/1.1 ${status} ${words}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
