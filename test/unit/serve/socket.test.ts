import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { SocketBounds } from '../../../src/serve/socket.ts';
import {
  type ClientMessage,
  type ServerMessage,
  type StationView,
  serverMessage,
} from '../../../src/serve/wire.ts';
import { type Serving, startServing } from '../../support/serving.ts';
import { busyView, copyingDrive, emptyView, stationInfo } from '../../support/views.ts';

/** A WebSocket client that keeps what it hears; every message is checked with the schema. */
class Client {
  readonly heard: ServerMessage[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;

  constructor(url: string, headers: Record<string, string> = {}, answersPings = true) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, { headers });
    this.socket.on('message', (data) => {
      const message = serverMessage.parse(JSON.parse(String(data)));
      this.heard.push(message);
      if (message.type === 'ping' && answersPings) this.say({ type: 'pong' });
    });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
  }

  async opened(): Promise<this> {
    await new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
    return this;
  }

  say(message: ClientMessage | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Waits for the nth message of a type, counted from 1. */
  async hears<T extends ServerMessage['type']>(type: T, nth = 1) {
    const find = () => this.heard.filter((message) => message.type === type)[nth - 1];
    await expect.poll(find, { message: `${type} number ${nth}` }).toBeDefined();
    return find() as Extract<ServerMessage, { type: T }>;
  }
}

let serving: Serving | undefined;
const clients: Client[] = [];

async function serve(view: StationView = emptyView(), socket: SocketBounds = {}): Promise<Serving> {
  serving = await startServing(view, { socket });
  return serving;
}

async function join(at: Serving, headers: Record<string, string> = {}, answersPings = true) {
  const client = new Client(at.server.url, headers, answersPings);
  clients.push(client);
  return client.opened();
}

const hello: ClientMessage = { type: 'hello', protocol: [1, 1] };
const station = (freeBytes: number): StationView => ({
  ...emptyView(),
  station: stationInfo({ freeBytes }),
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
  await serving?.close();
  serving = undefined;
});

describe('handshake', () => {
  it('answers hello with its version, its name and a full snapshot', async () => {
    const at = await serve(busyView());
    const client = await join(at);
    client.say({ type: 'hello', protocol: [0, 99] });
    expect(await client.hears('hello')).toEqual({
      type: 'hello',
      protocol: 1,
      station: { name: 'station-7', version: '0.1.0' },
      epoch: at.feed.epoch,
    });
    expect(await client.hears('snapshot')).toEqual(at.feed.snapshot());
  });

  it('refuses a client with no version in common', async () => {
    const client = await join(await serve());
    client.say({ type: 'hello', protocol: [2, 9] });
    expect((await client.hears('error')).code).toBe('protocol-unsupported');
    expect((await client.closed).code).toBe(4406);
  });

  it.each([
    ['text that is not JSON', '{'],
    ['an unknown type', '{"type":"subscribe"}'],
    ['an unknown key', '{"type":"pong","extra":1}'],
    ['a negative sequence', '{"type":"resume","epoch":"e","sequence":-1}'],
    ['anything before hello', '{"type":"resume","epoch":"e","sequence":1}'],
  ])('ends the connection for %s', async (_what, text) => {
    const client = await join(await serve());
    client.say(text);
    expect((await client.hears('error')).code).toBe('bad-message');
    expect((await client.closed).code).toBe(4400);
  });

  it('ends the connection for a binary message and for a second hello', async () => {
    const at = await serve();
    const binary = await join(at);
    binary.socket.send(Buffer.from(JSON.stringify(hello)), { binary: true });
    expect((await binary.closed).code).toBe(4400);
    const twice = await join(at);
    twice.say(hello);
    twice.say(hello);
    expect((await twice.closed).code).toBe(4400);
  });

  it('ends the connection for a message above the size limit', async () => {
    const client = await join(await serve());
    client.say(`"${'x'.repeat(17 * 1024)}"`);
    expect((await client.closed).code).toBe(1009);
  });
});

describe('deltas', () => {
  it('sends every change, numbered without a gap', async () => {
    const at = await serve();
    const client = await join(at);
    client.say(hello);
    await client.hears('snapshot');
    for (let n = 1; n <= 3; n++) at.publish(station(n));
    expect((await client.hears('delta', 3)).sequence).toBe(3);
    const numbers = client.heard.flatMap((m) => (m.type === 'delta' ? [m.sequence] : []));
    expect(numbers).toEqual([1, 2, 3]);
  });

  it('gives a client that comes back only what it missed', async () => {
    const at = await serve(busyView());
    at.publish(station(1));
    at.publish(station(2));
    const client = await join(at);
    client.say({ ...hello, resume: { epoch: at.feed.epoch, sequence: 1 } });
    expect((await client.hears('delta')).sequence).toBe(2);
    expect(client.heard.map((message) => message.type)).toEqual(['hello', 'delta']);
  });

  it('gives a snapshot to a client of an earlier run, and to one from the future', async () => {
    const at = await serve();
    for (const resume of [
      { epoch: 'of yesterday', sequence: 0 },
      { epoch: at.feed.epoch, sequence: 99 },
    ]) {
      const client = await join(at);
      client.say({ ...hello, resume });
      expect((await client.hears('snapshot')).sequence).toBe(0);
    }
  });

  it('answers resume in mid-stream', async () => {
    const at = await serve();
    const client = await join(at);
    client.say(hello);
    await client.hears('snapshot');
    at.publish(station(1));
    await client.hears('delta');
    client.say({ type: 'resume', epoch: at.feed.epoch, sequence: 0 });
    expect(await client.hears('delta', 2)).toEqual(await client.hears('delta', 1));
    client.say({ type: 'resume', epoch: 'another', sequence: 0 });
    expect((await client.hears('snapshot', 2)).sequence).toBe(1);
  });

  it('sends a snapshot when that is shorter than what was missed', async () => {
    const at = await serve();
    for (let n = 1; n <= 9; n++) {
      at.publish({ ...emptyView(), drives: [copyingDrive('A', 'Bay 1', n / 10)] });
    }
    const client = await join(at);
    client.say({ ...hello, resume: { epoch: at.feed.epoch, sequence: 0 } });
    expect((await client.hears('snapshot')).sequence).toBe(9);
    expect(client.heard.map((message) => message.type)).toEqual(['hello', 'snapshot']);
  });
});

describe('a slow client', () => {
  it('is held to its byte budget and gets a snapshot once it has drained', async () => {
    const budgetBytes = 64 * 1024;
    const at = await serve(emptyView(), { budgetBytes });
    const slow = await join(at);
    const quick = await join(at);
    for (const client of [slow, quick]) client.say(hello);
    await slow.hears('snapshot');
    slow.socket.pause();
    const drives = Array.from({ length: 40 }, (_, n) => `DRIVE-${n}`);
    const rounds = 600;
    for (let n = 1; n <= rounds; n++) {
      at.publish({
        ...emptyView(),
        drives: drives.map((id) => copyingDrive(id, 'Bay 1', n / 1e4)),
      });
      if (n % 20 === 0) await delay(1);
    }
    const isUpToDate = (m: ServerMessage) => 'sequence' in m && m.sequence === rounds;
    await expect.poll(() => quick.heard.some(isUpToDate)).toBe(true);
    slow.socket.resume();
    const snapshot = await slow.hears('snapshot', 2);
    expect(snapshot.sequence).toBe(rounds);
    expect(snapshot.view).toEqual(at.feed.view);
    const deltas = slow.heard.filter((message) => message.type === 'delta').length;
    expect(deltas).toBeLessThan(rounds);
    at.publish(station(7));
    expect((await slow.hears('delta', deltas + 1)).sequence).toBe(rounds + 1);
  });

  it('gets a change larger than its budget when it has read all before it', async () => {
    const at = await serve(emptyView(), { budgetBytes: 4096 });
    const client = await join(at);
    client.say(hello);
    await client.hears('snapshot');
    const drives = Array.from({ length: 20 }, (_, n) => copyingDrive(`DRIVE-${n}`, 'Bay 1', 0.5));
    at.publish({ ...emptyView(), drives });
    expect((await client.hears('delta')).changes).toHaveLength(drives.length);
  });
});

describe('heartbeat', () => {
  it('keeps a client that answers and ends one that does not', async () => {
    const at = await serve(emptyView(), { heartbeatMs: 500 });
    const lively = await join(at);
    const silent = await join(at, {}, false);
    const wordless = await join(at);
    for (const client of [lively, silent]) client.say(hello);
    expect((await silent.closed).code).toBe(4408);
    expect((await wordless.closed).code).toBe(4408);
    await lively.hears('ping', 3);
    expect(lively.socket.readyState).toBe(WebSocket.OPEN);
    await expect.poll(() => at.server.clientCount).toBe(1);
  });
});

describe('the door', () => {
  const answerTo = (headers: Record<string, string>, at: Serving, path = '/ws') =>
    new Promise<number | undefined>((resolve) => {
      const socket = new WebSocket(`${at.server.url.replace('http', 'ws')}${path}`, { headers });
      socket.on('unexpected-response', (_request, response) => {
        resolve(response.statusCode);
        socket.terminate();
      });
      socket.on('error', () => undefined);
      socket.on('open', () => {
        resolve(101);
        socket.terminate();
      });
    });

  it('opens for its own pages and for programs, not for pages of other sites', async () => {
    const at = await serve();
    expect(await answerTo({}, at)).toBe(101);
    expect(await answerTo({ origin: at.server.url }, at)).toBe(101);
    expect(await answerTo({ origin: 'https://evil.example' }, at)).toBe(403);
    expect(await answerTo({ origin: 'null' }, at)).toBe(403);
  });

  it('does not answer to a foreign name, nor at another path', async () => {
    const at = await serve();
    expect(await answerTo({ host: 'rebound.example' }, at)).toBe(421);
    expect(await answerTo({}, at, '/other')).toBe(404);
  });

  it('turns one client too many away', async () => {
    const at = await serve(emptyView(), { maxClients: 1 });
    await join(at);
    expect(await answerTo({}, at)).toBe(503);
  });

  it('closes although one that was turned away never hangs up', async () => {
    const at = await serve(emptyView(), { maxClients: 0 });
    const { host, port } = at.server.address;
    const stubborn = connect({ host, port, allowHalfOpen: true });
    try {
      stubborn.write(
        `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      );
      const [answer] = await once(stubborn, 'data');
      expect(String(answer)).toContain('503');
      const closed = at.stopServer().then(() => 'closed');
      expect(await Promise.race([closed, delay(3000, 'still open')])).toBe('closed');
    } finally {
      stubborn.destroy();
    }
  });

  it('lets nobody in any more while it closes', async () => {
    const at = await serve();
    const slow = await join(at);
    const { host, port } = at.server.address;
    const late = connect({ host, port });
    try {
      const key = Buffer.alloc(16).toString('base64');
      late.write(`GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\n`);
      await once(late, 'connect');
      // The server has the beginning of the request, so the connection does not count as idle.
      await delay(50);
      slow.socket.pause();
      const closed = at.stopServer().then(() => 'closed');
      late.write(
        `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
      );
      expect(String((await once(late, 'data'))[0])).toContain('503');
      slow.socket.resume();
      expect(await Promise.race([closed, delay(3000, 'still open')])).toBe('closed');
    } finally {
      late.destroy();
    }
  });

  it('says 1001 to everybody when it closes', async () => {
    const at = await serve();
    const client = await join(at);
    client.say(hello);
    await client.hears('snapshot');
    await at.stopServer();
    expect((await client.closed).code).toBe(1001);
  });
});
