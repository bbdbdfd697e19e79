import type http from 'node:http';
import https from 'node:https';
import { networkInterfaces } from 'node:os';
import tls from 'node:tls';
import { describe, expect, it } from 'vitest';
import { openContainer } from '../../src/blobs/open.ts';
import { withRetry } from '../../src/blobs/retry.ts';
import { Wire, type WireOptions } from '../../src/blobs/wire.ts';
import { CERTIFICATE, HOST, KEY } from '../support/certificate.ts';
import { blobName, sharedBytes, stageOf } from './blobs.ts';
import { proxyThat, serve } from './lines.ts';

const MIB = 1024 * 1024;
const disk = blobName('disk.img');
const hasIPv6 = networkInterfaces().lo?.some(({ address }) => address === '::1') ?? false;
const live = () => new AbortController().signal;
const takeIt: http.RequestListener = (request, response) => {
  request.resume().on('end', () => response.writeHead(201).end());
};

const answersWithin = (ms: number) => ({ readMs: ms, commitMs: ms, bodyMs: ms, otherMs: ms });

interface Options extends Partial<WireOptions> {
  readonly onCommitting?: () => void;
}

/** A patient container on a wire of its own, and what it told of its store. */
async function containerAt(origin: string, options: Options, silenceMs = 60_000) {
  const told: string[] = [];
  const wire = new Wire({ lookMs: 20, ...options });
  const account = { kind: 'sas', blobEndpoint: `${origin}/a`, sasToken: 'sig=x' } as const;
  const container = withRetry(
    await openContainer(account, 'images', wire),
    { pieceTimeoutMs: 5000, awayAfterMs: 1, silenceMs, firstDelayMs: 5 },
    {
      wire,
      onAway: (detail) => told.push(`away: ${detail}`),
      onSlow: () => told.push('slow'),
      onCommitting: options.onCommitting,
      onBack: () => told.push('back'),
    },
  );
  return { container, told, wire };
}

describe('a connection to the store', () => {
  it('lives as long as bytes move, however long a block takes', async () => {
    const PIECE = 80 * 1024;
    let requests = 0;
    await using store = await serve((request, response) => {
      requests++;
      // The kernels between take megabytes at once: only what they confirm shows that it goes on.
      const reading = setInterval(() => request.read(PIECE) ?? request.read(), 40);
      request.on('end', () => {
        clearInterval(reading);
        response.writeHead(201).end();
      });
    });
    const host = `http://127.0.0.1:${store.port}`;
    const { container, told } = await containerAt(host, { stallMs: 2000 }, 2000);
    const begun = performance.now();
    await container.stageBlock(stageOf(disk, 0, sharedBytes(8 * MIB, 1)), live());
    expect(performance.now() - begun).toBeGreaterThan(2000);
    expect(requests).toBe(1);
    expect(told[0]).toBe('slow');
    expect(told.filter((words) => words.startsWith('away'))).toEqual([]);
  });

  it('is given up when none moves, and its request sent on a new one, not on one of the pool', async () => {
    const portsOf: (number | undefined)[] = [];
    const three = Promise.withResolvers<void>();
    await using store = await serve((request, response) => {
      portsOf.push(request.socket.remotePort);
      if (portsOf.length === 3) three.resolve();
      if (portsOf.length === 4) request.resume();
      else void three.promise.then(() => takeIt(request, response));
    });
    const answers = answersWithin(1000);
    const { container, told } = await containerAt(`http://127.0.0.1:${store.port}`, { answers });
    const blocks = [0, 1, 2, 3].map((index) => stageOf(disk, index, sharedBytes(1000, index)));
    await Promise.all(blocks.slice(0, 3).map((block) => container.stageBlock(block, live())));
    const pool = portsOf.slice(0, 3);
    expect(new Set(pool).size).toBe(3);
    for (const block of blocks.slice(3)) await container.stageBlock(block, live());
    expect(pool).toContain(portsOf[3]);
    expect(pool).not.toContain(portsOf[4]);
    expect(told).toEqual([expect.stringContaining('no byte moved on the connection'), 'back']);
  });

  it('is not given up because we take our time with what came', async () => {
    await using store = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 8 * MIB, etag: '"1"' });
      response.end(Buffer.alloc(8 * MIB));
    });
    const { container } = await containerAt(`http://127.0.0.1:${store.port}`, { stallMs: 1000 });
    let received = 0;
    for await (const piece of container.read(disk, live())) {
      if (received === 0) await new Promise((resolve) => setTimeout(resolve, 1500));
      received += piece.length;
    }
    expect(received).toBe(8 * MIB);
  });

  it('is not taken from the pool after the process stood still', async () => {
    const first = Promise.withResolvers<void>();
    await using store = await serve((request, response) => {
      request.socket.once('close', () => first.resolve());
      takeIt(request, response);
    });
    const { container } = await containerAt(`http://127.0.0.1:${store.port}`, {
      standstillMs: 200,
    });
    await container.stageBlock(stageOf(disk, 0, sharedBytes(10, 1)), live());
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await first.promise;
    await container.stageBlock(stageOf(disk, 1, sharedBytes(10, 1)), live());
    expect(store.connections()).toBe(2);
  });

  it('goes through the proxy of the network', async () => {
    const asked: (string | undefined)[] = [];
    await using proxy = await serve((request, response) => {
      asked.push(request.url);
      takeIt(request, response);
    });
    const HTTP_PROXY = `http://127.0.0.1:${proxy.port}`;
    const { container } = await containerAt('http://store.invalid', { proxyEnv: { HTTP_PROXY } });
    await container.stageBlock(stageOf(disk, 0, sharedBytes(10, 1)), live());
    expect(asked).toEqual([expect.stringContaining('http://store.invalid/a/images/disk.img')]);
  });

  it('is given up when the proxy does not answer CONNECT, and its request sent on a new one', async () => {
    await using proxy = await proxyThat(() => undefined);
    const { container, told, wire } = await containerAt('https://store.invalid', {
      ...{ stallMs: 500, answers: answersWithin(600_000) },
      proxyEnv: { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` },
    });
    const controller = new AbortController();
    const commit = { name: disk, blocks: [], metadata: {} };
    const committing = container.commit(commit, controller.signal);
    await expect.poll(() => told).toEqual([expect.stringContaining('no byte moved')]);
    expect(wire.isCommitting).toBe(false);
    await expect.poll(proxy.connections).toBeGreaterThan(1);
    controller.abort();
    await expect(committing).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('through a tunnel waits for each answer as long as its kind takes', async () => {
    tls.setDefaultCACertificates([CERTIFICATE]);
    const told = Promise.withResolvers<void>();
    const asked: string[] = [];
    const secure = https.createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
      const isCommit = request.url?.includes('comp=blocklist') ?? false;
      asked.push(isCommit ? 'commit' : 'block');
      const stamp = { etag: '"0x1"', 'last-modified': new Date().toUTCString() };
      response.setHeader('x-ms-request-id', '1');
      const answer = () => void response.writeHead(201, stamp).end();
      request.resume().on('end', () => void (isCommit ? told.promise.then(answer) : answer()));
    });
    await using proxy = await proxyThat((socket) => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      secure.emit('connection', socket);
    });
    const options = {
      ...{ stallMs: 1000, answers: { ...answersWithin(1000), commitMs: 60_000 } },
      proxyEnv: { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` },
      onCommitting: told.resolve,
    };
    const { container } = await containerAt(`https://${HOST}`, options, 2000);
    const block = stageOf(disk, 0, sharedBytes(10, 1));
    await container.stageBlock(block, live());
    await container.commit({ name: disk, blocks: [block.id], metadata: {} }, live());
    expect(asked).toEqual(['block', 'commit']);
    expect(proxy.connections()).toBe(1);
  });

  it.skipIf(!hasIPv6)('leads to a store whose address is one of IPv6', async () => {
    await using store = await serve(takeIt, '::1');
    const { container, told } = await containerAt(`http://[::1]:${store.port}`, {});
    await container.stageBlock(stageOf(disk, 0, sharedBytes(10, 1)), AbortSignal.timeout(20_000));
    expect(told).toEqual([]);
  });
});
