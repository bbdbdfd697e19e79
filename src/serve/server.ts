import type { AddressInfo } from 'node:net';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { errnoOf, messageOf, StationError } from '../errors.ts';
import type { Ledger } from '../ledger/contract.ts';
import { HTTP_CONNECTIONS_MAX } from '../limits.ts';
import type { StationActions } from './actions.ts';
import { apiRoutes } from './api.ts';
import type { ArmDependencies } from './arm/jobs.ts';
import { armRoutes } from './arm.ts';
import { ConsoleAssets } from './console-assets.ts';
import type { Feed } from './feed.ts';
import { healthRoutes } from './health.ts';
import { createHttp } from './http.ts';
import type { OperatorActions } from './operator-actions.ts';
import { LiveSocket, type SocketBounds } from './socket.ts';
import type { StationView } from './wire.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0 takes a free one; `address` says which. */
  readonly port: number;
  readonly stationName: string;
  readonly version: string;
  /** Where the page's files lie (`src/console`). */
  readonly consoleDirectory: string;
  readonly socket?: SocketBounds;
  /** `HTTP_CONNECTIONS_MAX` unless given. */
  readonly maxConnections?: number;
  /** For tests: an answer of the station API that is not as declared becomes an error. */
  readonly checkAnswers?: boolean;
}

export interface ServerDependencies {
  readonly ledger: Ledger;
  readonly feed: Feed;
  readonly actions: StationActions;
  readonly operators: OperatorActions;
  readonly logger: FastifyBaseLogger;
  /** What the surface for customers' programs needs beside the ledger. */
  readonly arm: Omit<ArmDependencies, 'ledger'>;
  /** The view of this moment. */
  view(): StationView;
}

/** After this, connections that are still open when the server closes are cut. */
const CLOSE_DEADLINE_MS = 2000;

/** HTTP and WebSocket on one port: health, the station API, the ARM surface, the live feed, the console. */
export class Server {
  readonly #app: FastifyInstance;
  readonly #socket: LiveSocket;

  private constructor(app: FastifyInstance, socket: LiveSocket) {
    this.#app = app;
    this.#socket = socket;
  }

  /** Reads the console's files and listens. Throws what reading throws, and `address-unavailable`. */
  static async create(options: ServerOptions, dependencies: ServerDependencies): Promise<Server> {
    const { ledger, feed, logger } = dependencies;
    const view = () => dependencies.view();
    const assets = await ConsoleAssets.load(options.consoleDirectory);
    const { actions, operators } = dependencies;
    const { version, checkAnswers = false } = options;
    const routes = [
      healthRoutes(ledger, view),
      apiRoutes({ ledger, actions, operators, view, version, checkAnswers }),
      armRoutes({ ledger, ...dependencies.arm }),
      assets.routes(),
    ];
    const app = createHttp({ host: options.host, routes }, logger);
    // Clients must not take the descriptors that copies need.
    app.server.maxConnections = options.maxConnections ?? HTTP_CONNECTIONS_MAX;
    const station = { name: options.stationName, version };
    const socketOptions = { ...options.socket, host: options.host, station };
    const socket = new LiveSocket(socketOptions, { feed, logger });
    app.server.on('upgrade', (request, stream, head) => socket.upgrade(request, stream, head));
    await listen(app, options);
    socket.start();
    const server = new Server(app, socket);
    logger.info({ url: server.url }, 'listening');
    return server;
  }

  get address(): { readonly host: string; readonly port: number } {
    const bound: AddressInfo | string | null = this.#app.server.address();
    if (bound === null || typeof bound === 'string') return { host: '', port: 0 };
    return { host: bound.address, port: bound.port };
  }

  /** Where a person on this machine finds the console. */
  get url(): string {
    const { host, port } = this.address;
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  get clientCount(): number {
    return this.#socket.clientCount;
  }

  /** Takes no more requests, ends WebSockets with 1001, and cuts what is still open in the end. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#app.server.closeAllConnections(), CLOSE_DEADLINE_MS);
    try {
      await Promise.all([this.#socket.close(CLOSE_DEADLINE_MS), this.#app.close()]);
    } catch (error) {
      this.#app.log.warn({ reason: messageOf(error) }, 'the server did not close cleanly');
    } finally {
      clearTimeout(timer);
    }
  }
}

const REFUSED_ADDRESS = new Map([
  ['EADDRINUSE', 'another program listens there'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['ENOTFOUND', 'this machine has no such address'],
  ['EACCES', 'the user of the station may not use this port'],
]);

async function listen(app: FastifyInstance, { host, port }: ServerOptions): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const detail = REFUSED_ADDRESS.get(errnoOf(error) ?? '') ?? messageOf(error);
    const words = `cannot listen on ${host}, port ${port}: ${detail}`;
    throw new StationError('address-unavailable', words, { host, port, detail }, error);
  }
}
