import { describe, expect, it } from 'vitest';
import { openContainer } from '../../src/blobs/open.ts';
import { blobName, md5Of, readAll, sharedBytes, stageOf } from './blobs.ts';
import { serve } from './lines.ts';

const MIB = 1024 * 1024;
const disk = blobName('disk.img');
const live = () => new AbortController().signal;

const sasContainer = (port: number) =>
  openContainer(
    { kind: 'sas', blobEndpoint: `http://127.0.0.1:${port}/a`, sasToken: 'sv=1&sig=c2VjcmV0' },
    'images',
  );

describe('what goes over the wire', () => {
  it('sends a body from where it lies: bytes changed on the way are sent changed', async () => {
    // A copy made anywhere before the socket would still hold the first contents of the last byte,
    // because so much does not fit into the buffers of the kernel while nobody reads.
    const body = sharedBytes(64 * MIB, 1);
    const block = stageOf(disk, 0, body);
    const changed = (body[body.length - 1] ?? 0) ^ 0xff;
    let last: number | undefined;
    let received = 0;
    await using store = await serve((request, response) => {
      body[body.length - 1] = changed;
      request.on('data', (chunk: Buffer) => {
        received += chunk.length;
        last = chunk[chunk.length - 1];
      });
      request.on('end', () => response.writeHead(201).end());
    });
    await (await sasContainer(store.port)).stageBlock(block, live());
    expect(received).toBe(body.length);
    expect(last).toBe(changed);
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
    { status: 400, code: 'storage-rejected' },
    { status: 413, code: 'storage-rejected' },
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
