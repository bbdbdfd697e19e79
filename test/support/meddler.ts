import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { BlobContainer } from '../../src/blobs/contract.ts';
import { withRetry } from '../../src/blobs/retry.ts';
import { type Azurite, startAzurite } from './azurite.ts';
import { FileDrive } from './file-drive.ts';

/** Something in between that answers in the store's place, or keeps single requests for later. */

/** What of the Blob service's REST API a request asks for. */
export type Asked = 'block' | 'blocklist' | 'page' | 'head' | 'put' | 'list' | 'other';

export interface MetRequest {
  readonly asked: Asked;
  /** `/account/container/name`. */
  readonly path: string;
  /** Of those of its kind, from 1. */
  readonly nth: number;
}

export type Meddling =
  /** It never reaches the store. */
  | { readonly answer: number; readonly headers?: http.OutgoingHttpHeaders; readonly body?: string }
  /** The connection is cut, and the request reaches the store so much later. */
  | { readonly lateMs: number }
  /** Something happens before the store gets it. */
  | { readonly first: () => Promise<unknown> };

class Meddler implements AsyncDisposable {
  /** What is done to a request; nothing unless it says. */
  meddle: (request: MetRequest) => Meddling | undefined = () => undefined;
  readonly #storePort: number;
  readonly #counts = new Map<Asked, number>();
  readonly #late = new Set<Promise<unknown>>();
  readonly #server = http.createServer((request, response) => {
    void this.#meet(request, response).catch(() => response.destroy());
  });

  private constructor(storePort: number) {
    this.#storePort = storePort;
  }

  static async start(storePort: number): Promise<Meddler> {
    const meddler = new Meddler(storePort);
    meddler.#server.listen(0, '127.0.0.1');
    await once(meddler.#server, 'listening');
    return meddler;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** What was kept has arrived. */
  async allArrived(): Promise<void> {
    await Promise.all(this.#late);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.allArrived();
  }

  async #meet(request: IncomingMessage, response: http.ServerResponse): Promise<void> {
    const asked = askedBy(request);
    const nth = (this.#counts.get(asked) ?? 0) + 1;
    this.#counts.set(asked, nth);
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://store').pathname);
    const meddling = this.meddle({ asked, path, nth });
    const body = Buffer.concat(await Array.fromAsync(request));
    if (meddling === undefined) return await this.#forward(request, body, response);
    if ('answer' in meddling) {
      response.writeHead(meddling.answer, meddling.headers);
      response.end(request.method === 'HEAD' ? undefined : meddling.body);
    } else if ('first' in meddling) {
      await meddling.first();
      await this.#forward(request, body, response);
    } else {
      request.socket.destroy();
      this.#late.add(sleep(meddling.lateMs).then(() => this.#forward(request, body)));
    }
  }

  async #forward(request: IncomingMessage, body: Buffer, to?: http.ServerResponse): Promise<void> {
    const { method, url: path, headers } = request;
    const port = this.#storePort;
    const onward = http.request({ host: '127.0.0.1', port, method, path, headers });
    onward.end(body);
    const [answer]: IncomingMessage[] = await once(onward, 'response');
    if (answer === undefined) return;
    to?.writeHead(answer.statusCode ?? 502, answer.headers);
    for await (const chunk of answer) to?.write(chunk);
    to?.end();
  }
}

function askedBy({ method, url }: IncomingMessage): Asked {
  const { searchParams } = new URL(url ?? '/', 'http://store');
  const comp = searchParams.get('comp');
  if (method === 'HEAD') return 'head';
  if (method === 'GET') return comp === 'blocklist' ? 'list' : 'other';
  if (comp === 'block' || comp === 'blocklist' || comp === 'page') return comp;
  return method === 'PUT' && comp === null && !searchParams.has('restype') ? 'put' : 'other';
}

const QUICK = { pieceTimeoutMs: 10_000, awayAfterMs: 60_000, firstDelayMs: 5, maxDelayMs: 20 };

/** A drive of files whose copy goes to Azurite through a meddler, patient as a copy is; anew for each test. */
export function meddledDrive() {
  let azurite: Azurite;
  let meddler: Meddler;
  let drive: FileDrive;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(() => azurite?.stop());
  beforeEach(async () => {
    meddler = await Meddler.start(azurite.port);
    drive = await FileDrive.create();
    const { accountName, accountKey } = azurite;
    const blobEndpoint = `http://127.0.0.1:${meddler.port}/${accountName}`;
    drive.storage = { kind: 'account-key', blobEndpoint, accountName, accountKey };
    drive.wrap = patient;
  });
  afterEach(async () => {
    await meddler[Symbol.asyncDispose]();
    await drive[Symbol.asyncDispose]();
  });
  return {
    drive: () => drive,
    meddler: () => meddler,
    connectionString: () => azurite.connectionString,
  };
}

export function patient(container: BlobContainer): BlobContainer {
  const nobody = { onAway: () => undefined, onBack: () => undefined };
  return withRetry(container, QUICK, nobody);
}
