import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import type { RequestPolicy, WebResource } from '@azure/storage-blob';
import {
  STORAGE_ANSWERS,
  STORAGE_LOOK_MS,
  STORAGE_STALL_MS,
  STORAGE_STANDSTILL_MS,
  WIRE_PIECE_BYTES,
} from '../limits.ts';
import { type AnswerTimes, answerKindOf } from './answer-time.ts';
import { kernelQueues } from './kernel-queues.ts';

export interface WireOptions {
  /** A connection on which no byte moved for this long is given up, in ms. */
  readonly stallMs: number;
  /** The same for one whose request was sent whole and waits for its answer. */
  readonly answers: AnswerTimes;
  /** How often connections are looked at, in ms: a stall is noticed so much late at most. */
  readonly lookMs: number;
  /** A look that comes so late shows that the process stood still, in ms. */
  readonly standstillMs: number;
  /** As the environment has it: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`. */
  readonly proxyEnv: Readonly<Record<string, string | undefined>>;
}

/** What was seen of a connection at the last look. */
interface Seen {
  /** Bytes that came in and bytes that the other side confirmed; only a change means something. */
  moved: number;
  /** Looks since then. They are counted, not timed: a process that had no time to look saw nothing. */
  stillLooks: number;
  /** Which time the answer to the request that it carries has; none when it carries none. */
  answer: keyof AnswerTimes | undefined;
  /** That request was sent whole. */
  isSent: boolean;
}

/**
 * The connections to one store. A request lives as long as bytes move on its connection, however slowly,
 * and is ended when none did for a while: a fixed time-out would be too short for a large block on a
 * slow line and too long for a connection that is dead. Once it is sent whole, what it asks for says how
 * long the store may think before anything comes. What is tried again then gets a new connection,
 * because those that wait in the pool went the same way and may be as dead. The same goes for a process
 * that stood still.
 *
 * A byte has moved when the kernel of the other side has confirmed it. That the socket took it says
 * little: a kernel holds up to 4 MB of a body that nobody takes.
 */
export class Wire {
  readonly #options: WireOptions;
  readonly #agents: readonly http.Agent[];
  readonly #connections = new Map<Socket, Seen>();
  /** Of the request that looks for a connection. */
  readonly #answer = new AsyncLocalStorage<keyof AnswerTimes>();
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;
  #movedAt = Number.NEGATIVE_INFINITY;

  constructor(options: Partial<WireOptions> = {}) {
    this.#options = {
      stallMs: STORAGE_STALL_MS,
      answers: STORAGE_ANSWERS,
      lookMs: STORAGE_LOOK_MS,
      standstillMs: STORAGE_STANDSTILL_MS,
      proxyEnv: process.env,
      ...options,
    };
    const settings = { keepAlive: true, proxyEnv: proxies(this.#options.proxyEnv) };
    this.#agents = [new http.Agent(settings), new https.Agent(settings)];
    for (const agent of this.#agents) this.#watchThoseOf(agent);
  }

  /** When a byte moved last on any of the connections, in ms of `performance.now()`. */
  get movedAt(): number {
    return this.#movedAt;
  }

  /** Whether a commit was sent whole and waits for its answer, within the time that this has. */
  get isCommitting(): boolean {
    return this.#connections.values().some(({ answer, isSent }) => answer === 'commitMs' && isSent);
  }

  /** Sends a request of the SDK over connections of ours. */
  send(request: WebResource, next: RequestPolicy): ReturnType<RequestPolicy['sendRequest']> {
    const [plain, secure] = this.#agents;
    const agent = request.url.startsWith('https:') ? secure : plain;
    if (agent !== undefined) request.agent = agent;
    const { body } = request;
    // In one piece it would count as sent at once; the pieces are views, nothing is copied.
    if (Buffer.isBuffer(body) && body.length > WIRE_PIECE_BYTES)
      request.body = () => inPieces(body);
    return this.#answer.run(answerKindOf(request), () => next.sendRequest(request));
  }

  #watchThoseOf(agent: http.Agent): void {
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (options, callback) => {
      const answer = this.#answer.getStore();
      const connection = create(withoutBrackets(options), (error, tunnel) => {
        if (error === null) this.#watch(tunnel, answer);
        // What moves on the way to the proxy from here on is the tunnel's.
        if (error === null && connection) this.#forget(connection);
        callback?.(error, tunnel);
      });
      if (connection) {
        this.#watch(connection);
        // The way to a proxy that is asked for a tunnel is none of them: it carries no request yet.
        queueMicrotask(() => {
          if (isOneOf(agent.sockets, connection)) this.#watch(connection, answer);
        });
      }
      return connection;
    };
    const reuse = agent.reuseSocket.bind(agent);
    agent.reuseSocket = (connection, request) => {
      this.#watch(connection, this.#answer.getStore());
      reuse(connection, request);
    };
    const keep = agent.keepSocketAlive.bind(agent);
    agent.keepSocketAlive = (connection) => {
      this.#watch(connection);
      return keep(connection);
    };
  }

  /** From here on, with nothing to send, it may be still for that long. */
  #watch(connection: Duplex, answer?: keyof AnswerTimes): void {
    if (!isSocket(connection)) return;
    const seen = this.#connections.get(connection);
    if (seen === undefined) connection.once('close', () => this.#forget(connection));
    this.#connections.set(connection, { moved: 0, ...seen, stillLooks: 0, answer, isSent: false });
    if (this.#timer !== undefined) return;
    this.#lookedAt = performance.now();
    this.#timer = setInterval(() => this.#look(), this.#options.lookMs).unref();
  }

  #forget(connection: Duplex): void {
    if (isSocket(connection)) this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const { stallMs, answers, lookMs, standstillMs } = this.#options;
    const now = performance.now();
    if (now - this.#lookedAt >= lookMs + standstillMs) this.#dropIdle();
    this.#lookedAt = now;
    const queuesOf = kernelQueues();
    for (const [connection, seen] of this.#connections) {
      const { bytesRead, bytesWritten, writableLength } = connection;
      const { unsentBytes, unreadBytes } = queuesOf(connection);
      const moved = bytesRead + bytesWritten - unsentBytes;
      seen.isSent = unsentBytes === 0 && writableLength === 0;
      // What lies unread is there because we take our time.
      if (moved !== seen.moved || unreadBytes > 0) {
        this.#movedAt = now;
        seen.moved = moved;
        seen.stillLooks = 0;
        continue;
      }
      const { isSent, answer } = seen;
      const patienceMs = isSent && answer !== undefined ? answers[answer] : stallMs;
      if (++seen.stillLooks * lookMs >= patienceMs) this.#giveUp(connection, patienceMs);
    }
  }

  #giveUp(connection: Socket, stillMs: number): void {
    this.#dropIdle();
    const words = `no byte moved on the connection for ${stillMs / 1000} s`;
    connection.destroy(Object.assign(new Error(words), { code: 'ETIMEDOUT' }));
  }

  #dropIdle(): void {
    const idle = this.#agents.flatMap(({ freeSockets }) => Object.values(freeSockets).flat());
    for (const socket of idle) socket?.destroy();
  }
}

/** The SDK takes an address of IPv6 as it stands in a URL, which is a name that nobody knows. */
function withoutBrackets<T extends { readonly host?: string | null | undefined }>(options: T): T {
  const host = options.host?.replace(/^\[(.*)\]$/u, '$1');
  return host === undefined ? options : { ...options, host };
}

function isOneOf(sockets: http.Agent['sockets'], connection: Duplex): boolean {
  return Object.values(sockets).some((some) => some?.some((each) => each === connection));
}

function isSocket(connection: Duplex): connection is Socket {
  return 'remotePort' in connection;
}

function inPieces(body: Buffer): Readable {
  return Readable.from(piecesOf(body), { objectMode: false, highWaterMark: WIRE_PIECE_BYTES });
}

function* piecesOf(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += WIRE_PIECE_BYTES) {
    yield body.subarray(at, at + WIRE_PIECE_BYTES);
  }
}

/** One proxy serves both schemes where only one is named, as the SDK has it. */
function proxies({ HTTPS_PROXY, HTTP_PROXY, NO_PROXY }: WireOptions['proxyEnv']) {
  const proxy = HTTPS_PROXY ?? HTTP_PROXY;
  return { HTTPS_PROXY: proxy, HTTP_PROXY: proxy, NO_PROXY };
}
