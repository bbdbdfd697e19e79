import { describe, expect, it } from 'vitest';
import { openContainer } from '../../src/blobs/open.ts';
import { blobName, md5Of, readAll, sharedBytes, stageOf } from './blobs.ts';
import { pagesOf, putOf } from './file-blobs.ts';
import { serve } from './lines.ts';

const MIB = 1024 * 1024;
const disk = blobName('disk.img');
const STAMP = { etag: '"0x1"', 'last-modified': 'Mon, 23 Nov 2026 04:19:24 GMT' };
const live = () => new AbortController().signal;

const sasContainer = (port: number) =>
  openContainer(
    { kind: 'sas', blobEndpoint: `http://127.0.0.1:${port}/a`, sasToken: 'sv=1&sig=c2VjcmV0' },
    'images',
  );

describe('what goes over the wire', () => {
  it.each([
    { how: 'staged', send: 'stageBlock' },
    { how: 'put', send: 'put' },
  ] as const)(
    'sends a body that is $how from where it lies: changed on the way, it is sent changed',
    async ({ send }) => {
      // A copy made anywhere before the socket would still hold the first contents of the last byte,
      // because so much does not fit into the buffers of the kernel while nobody reads.
      const body = sharedBytes(64 * MIB, 1);
      const block = { ...stageOf(disk, 0, body), metadata: {} };
      const changed = (body[body.length - 1] ?? 0) ^ 0xff;
      let last: number | undefined;
      let received = 0;
      await using store = await serve((request, response) => {
        body[body.length - 1] = changed;
        request.on('data', (chunk: Buffer) => {
          received += chunk.length;
          last = chunk[chunk.length - 1];
        });
        request.on('end', () => response.writeHead(201, STAMP).end());
      });
      const container = await sasContainer(store.port);
      await container[send](block, live());
      expect(received).toBe(body.length);
      expect(last).toBe(changed);
    },
  );

  it('sends the checksum of a put and of pages, and the conditions of what is written', async () => {
    const body = sharedBytes(512, 1);
    const seen: unknown[] = [];
    await using store = await serve((request, response) => {
      const { headers } = request;
      const md5 = headers['x-ms-blob-content-md5'] ?? headers['content-md5'];
      seen.push([md5, headers['if-none-match'], headers['if-match']]);
      request.resume().on('end', () => response.writeHead(201, STAMP).end());
    });
    const container = await sasContainer(store.port);
    const put = putOf(disk, body);
    await container.put(put, live());
    await container.put({ ...put, condition: 'replace' }, live());
    await container.put({ ...put, condition: { etag: '"1"' } }, live());
    await container.writePages(pagesOf(disk, 0, body), live());
    const md5 = Buffer.from(put.md5, 'hex').toString('base64');
    expect(seen).toEqual([
      [md5, '*', undefined],
      [md5, undefined, undefined],
      [md5, undefined, '"1"'],
      [md5, undefined, undefined],
    ]);
  });

  it('waits for a store when what answers a put is none', async () => {
    await using store = await serve((request, response) => {
      request.resume().on('end', () => response.writeHead(201).end());
    });
    const container = await sasContainer(store.port);
    const putting = container.put(putOf(disk, sharedBytes(5, 1)), live());
    await expect(putting).rejects.toMatchObject({ code: 'storage-unavailable' });
  });

  it('sends the checksum of each block and keeps connections', async () => {
    const body = sharedBytes(1000, 1);
    const checksums = new Set<unknown>();
    await using store = await serve((request, response) => {
      checksums.add(request.headers['content-md5']);
      request.resume().on('end', () => response.writeHead(201).end());
    });
    const container = await sasContainer(store.port);
    for (let index = 0; index < 20; index++) {
      await container.stageBlock(stageOf(disk, index, body), live());
    }
    expect([...checksums]).toEqual([Buffer.from(md5Of(body), 'hex').toString('base64')]);
    expect(store.connections()).toBe(1);
  });

  it.each([
    { status: 408, code: 'storage-unavailable' },
    { status: 429, code: 'storage-unavailable' },
    { status: 500, code: 'storage-unavailable' },
    { status: 502, code: 'storage-unavailable' },
    { status: 503, code: 'storage-unavailable' },
    { status: 504, code: 'storage-unavailable' },
    { status: 401, code: 'storage-denied' },
    { status: 403, code: 'storage-denied' },
    { status: 200, code: 'storage-unavailable' },
  ])('asks once and calls an answer of $status $code', async ({ status, code }) => {
    let requests = 0;
    await using store = await serve((request, response) => {
      requests++;
      request.resume().on('end', () => response.writeHead(status).end('<html>portal</html>'));
    });
    const container = await sasContainer(store.port);
    const block = stageOf(disk, 0, sharedBytes(10, 1));
    await expect(container.stageBlock(block, live())).rejects.toMatchObject({ code });
    expect(requests).toBe(1);
  });

  it.each([
    { status: 400, error: 'InvalidHeaderValue', becomes: 'storage-unusable' },
    { status: 404, error: 'ResourceNotFound', becomes: 'storage-unusable' },
    { status: 404, error: '', becomes: 'storage-unusable' },
    { status: 413, error: 'RequestBodyTooLarge', becomes: 'storage-unusable' },
    { status: 501, error: 'NotImplemented', becomes: 'storage-unusable' },
    { status: 507, error: 'InsufficientStorage', becomes: 'storage-unavailable' },
  ])('does not lay $status $error to the blob when the store refuses everything', async (row) => {
    const { status, error, becomes } = row;
    const headers = { 'x-ms-error-code': error };
    await using store = await serve((request, response) => {
      request.resume().on('end', () => response.writeHead(status, headers).end());
    });
    const container = await sasContainer(store.port);
    const block = stageOf(disk, 0, sharedBytes(10, 1));
    await expect(container.stageBlock(block, live())).rejects.toMatchObject({ code: becomes });
  });

  it('halts where what stands before the store does not know such requests, also with a page', async () => {
    const headers = { 'content-type': 'text/html' };
    await using store = await serve((request, response) => {
      const status = request.method === 'PUT' ? 501 : 404;
      request.resume().on('end', () => response.writeHead(status, headers).end('<html></html>'));
    });
    const container = await sasContainer(store.port);
    const block = stageOf(disk, 0, sharedBytes(10, 1));
    await expect(container.stageBlock(block, live())).rejects.toMatchObject({
      code: 'storage-unusable',
      message: expect.stringContaining('does not know such requests'),
    });
  });

  it.each([
    { status: 404, error: 'BlobNotFound', becomes: 'storage-rejected' },
    { status: 403, error: 'AuthenticationFailed', becomes: 'storage-denied' },
    { status: 503, error: 'ServerBusy', becomes: 'storage-unavailable' },
  ])('$becomes when a store refuses one block and says $error to a question', async (row) => {
    const headers = { 'x-ms-error-code': row.error };
    await using store = await serve((request, response) => {
      const isBlock = request.method === 'PUT';
      const refused = { 'x-ms-error-code': 'InvalidHeaderValue' };
      request.resume().on('end', () => {
        response.writeHead(isBlock ? 400 : row.status, isBlock ? refused : headers).end();
      });
    });
    const container = await sasContainer(store.port);
    const block = stageOf(disk, 0, sharedBytes(10, 1));
    await expect(container.stageBlock(block, live())).rejects.toMatchObject({ code: row.becomes });
  });

  it('hears how long the store asks to be left alone', async () => {
    await using store = await serve((request, response) => {
      request.resume().on('end', () => response.writeHead(503, { 'retry-after': '7' }).end());
    });
    const container = await sasContainer(store.port);
    await expect(
      container.stageBlock(stageOf(disk, 0, sharedBytes(10, 1)), live()),
    ).rejects.toMatchObject({ payload: { retryAfterMs: 7000 } });
  });

  it.each([
    { minutes: 20, words: 'the station’s clock is 20 minutes behind the store’s' },
    { minutes: -20, words: 'the station’s clock is 20 minutes ahead of the store’s' },
  ])('lays a refusal to clocks that differ by $minutes minutes', async ({ minutes, words }) => {
    await using store = await serve((request, response) => {
      const date = new Date(Date.now() + minutes * 60_000).toUTCString();
      request.resume().on('end', () => response.writeHead(403, { date }).end());
    });
    const container = await sasContainer(store.port);
    await expect(
      container.stageBlock(stageOf(disk, 0, sharedBytes(10, 1)), live()),
    ).rejects.toMatchObject({
      code: 'storage-clock-skew',
      message: expect.stringContaining(words),
    });
  });

  it('calls a connection that ends without an answer unavailable', async () => {
    await using store = await serve((request) => request.socket.destroy());
    const container = await sasContainer(store.port);
    const block = stageOf(disk, 0, sharedBytes(10, 1));
    await expect(container.stageBlock(block, live())).rejects.toMatchObject({
      code: 'storage-unavailable',
      payload: { operation: 'stage block' },
    });
  });

  it('calls a host without an address unavailable', async () => {
    const blobEndpoint = 'http://no-such-host.invalid/a';
    const nowhere = await openContainer({ kind: 'sas', blobEndpoint, sasToken: 'sig=x' }, 'images');
    const block = stageOf(disk, 0, sharedBytes(10, 1));
    await expect(nowhere.stageBlock(block, live())).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
  });

  it('never passes off as whole a blob whose bytes end early', async () => {
    await using store = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 1000, etag: '"1"' });
      response.write(Buffer.alloc(400));
      setTimeout(() => response.destroy(), 20);
    });
    await expect(readAll(await sasContainer(store.port), disk)).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
  });
});
