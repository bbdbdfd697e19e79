import type http from 'node:http';
import { describe, expect, it } from 'vitest';
import type { BlobContainer } from '../../src/blobs/contract.ts';
import { openContainer } from '../../src/blobs/open.ts';
import { blobName, readAll, sharedBytes, stageOf } from './blobs.ts';
import { pagesOf, putOf } from './file-blobs.ts';
import { serve } from './lines.ts';

const disk = blobName('disk.img');
const live = () => new AbortController().signal;

const sasContainer = (port: number) =>
  openContainer(
    { kind: 'sas', blobEndpoint: `http://127.0.0.1:${port}/a`, sasToken: 'sv=1&sig=c2VjcmV0' },
    'images',
  );

interface Saying {
  readonly status: number;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string;
}

/** Something that says the same to whatever it is asked, and is no blob store. */
function stranger({ status, headers = {}, body = '' }: Saying) {
  return serve((request, response) => {
    response.removeHeader('x-ms-request-id');
    request.resume().on('end', () => response.writeHead(status, headers).end(body));
  });
}

const stage = (container: BlobContainer) =>
  container.stageBlock(stageOf(disk, 0, sharedBytes(10, 1)), live());

/** Every kind of request that there is. */
const REQUESTS: Readonly<Record<string, (container: BlobContainer) => Promise<unknown>>> = {
  'create container': (container) => container.ensure(live()),
  'Put Block': stage,
  'Get Block List': (container) => container.listBlocks(disk, live()),
  'Put Block List': (container) =>
    container.commit({ name: disk, blocks: [], metadata: {} }, live()),
  'Put Blob': (container) => container.put(putOf(disk, sharedBytes(10, 1)), live()),
  'Put Blob of pages': (container) =>
    container.createPages({ name: disk, lengthBytes: 512, metadata: {} }, live()),
  'Put Page': (container) => container.writePages(pagesOf(disk, 0, sharedBytes(512, 1)), live()),
  'Get Page Ranges': (container) => container.pageRanges({ name: disk }, live()),
  'sequence number': (container) => container.resetSequence({ name: disk, etag: '"1"' }, live()),
  'Get Blob Properties': (container) => container.properties(disk, live()),
  'Get Blob': (container) => readAll(container, disk),
  'List Blobs': (container) => container.listBlobs({ prefix: '' }, live()),
  'Delete Blob': (container) => container.remove({ name: disk, etag: '"1"' }, live()),
};

const PAGE = '<html>\n<head><title>\nPlease log in\n</title></head></html>';
const html = { 'content-type': 'text/html; charset=utf-8' };

describe('what answers in the place of a store', () => {
  it.each([
    ...[200, 201, 204, 300, 302, 304, 307, 308, 400, 401, 403, 404, 405, 407, 408, 409, 411, 412],
    ...[413, 414, 416, 417, 418, 421, 426, 429, 431, 451, 500, 502, 503, 504, 507, 511, 520, 599],
  ])('is waited out when it says %s to whatever it is asked', async (status) => {
    await using portal = await stranger({ status, headers: html, body: PAGE });
    const container = await sasContainer(portal.port);
    for (const [name, send] of Object.entries(REQUESTS)) {
      await expect(send(container), name).rejects.toMatchObject({ code: 'storage-unavailable' });
    }
  });

  it.each([501, 505])('halts when it says %s: it does not know such requests', async (status) => {
    await using gateway = await stranger({ status });
    await expect(stage(await sasContainer(gateway.port))).rejects.toMatchObject({
      code: 'storage-unusable',
    });
  });

  it.each([
    {
      saying: { status: 407, headers: { ...html, server: 'squid/6.6' }, body: PAGE },
      words:
        'the proxy of the network wants a login first (407 Proxy Authentication Required from squid/6.6: “Please log in”)',
    },
    {
      saying: { status: 451, body: 'Blocked by policy 7\nmore' },
      words:
        'what answers at 127.0.0.1 is not a blob store (451 Unavailable For Legal Reasons: “Blocked by policy 7”)',
    },
    {
      saying: { status: 413, headers: { via: '1.1 edge' }, body: '<h1>Too large</h1>' },
      words:
        'what answers at 127.0.0.1 is not a blob store (413 Payload Too Large from 1.1 edge: “Too large”)',
    },
    {
      saying: { status: 302, headers: { location: 'http://portal.example/login?sig=c2VjcmV0' } },
      words:
        'what answers at 127.0.0.1 is not a blob store (302 Found, which sends us to portal.example)',
    },
    {
      saying: { status: 403, headers: html, body: '<title>/a/b?sv=1&sig=c2VjcmV0 blocked</title>' },
      words: 'what answers at 127.0.0.1 is not a blob store (403 Forbidden: “/a/b blocked”)',
    },
    {
      saying: { status: 503, headers: { server: 'nginx' } },
      words: 'what answers at 127.0.0.1 is not a blob store (503 Service Unavailable from nginx)',
    },
    {
      saying: { status: 201, headers: { server: 'portal' } },
      words: 'what answers at 127.0.0.1 is not a blob store (201 Created from portal)',
    },
    {
      saying: { status: 520 },
      words: 'what answers at 127.0.0.1 is not a blob store (520)',
    },
  ])('is told as it is: $words', async ({ saying, words }) => {
    await using portal = await stranger(saying);
    await expect(stage(await sasContainer(portal.port))).rejects.toMatchObject({
      payload: { detail: words },
    });
  });
});

it('a blob that is a page itself is the store’s', async () => {
  await using shop = await serve((_, response) => {
    const stamp = { etag: '"1"', 'last-modified': new Date().toUTCString() };
    const length = { 'content-length': Buffer.byteLength(PAGE) };
    response.writeHead(200, { ...html, ...stamp, ...length }).end(PAGE);
  });
  const container = await sasContainer(shop.port);
  expect((await container.properties(disk, live())).contentType).toContain('text/html');
  expect((await readAll(container, disk)).toString()).toBe(PAGE);
});

it('a length that a proxy left out halts, and is not taken for a blob of no bytes', async () => {
  await using proxy = await serve((_, response) => {
    response.writeHead(200, { etag: '"1"', 'last-modified': new Date().toUTCString() }).end();
  });
  const container = await sasContainer(proxy.port);
  await expect(container.properties(disk, live())).rejects.toMatchObject({
    code: 'storage-unusable',
    message: expect.stringContaining('no Content-Length'),
  });
});

describe('an answer that sends us elsewhere', () => {
  /** Takes whatever comes, as a store would. */
  const elsewhere = () =>
    serve((request, response) => {
      const stamp = { etag: '"1"', 'last-modified': new Date().toUTCString() };
      const status = request.method === 'PUT' ? 201 : 200;
      request.resume().on('end', () => response.writeHead(status, stamp).end());
    });

  it.each(
    [300, 301, 302, 303, 307, 308].flatMap((status) => [
      { status, by: 'a stranger', isNumbered: false },
      { status, by: 'a store', isNumbered: true },
    ]),
  )('is not followed: $status of $by', async ({ status, isNumbered }) => {
    await using other = await elsewhere();
    for (const location of [`http://127.0.0.1:${other.port}/a/b`, '/a/other', 'no://where', '']) {
      let requests = 0;
      await using first = await serve((request, response) => {
        requests++;
        if (!isNumbered) response.removeHeader('x-ms-request-id');
        request.resume().on('end', () => response.writeHead(status, { location }).end());
      });
      const container = await sasContainer(first.port);
      for (const [name, send] of Object.entries(REQUESTS)) {
        await expect(send(container), name).rejects.toMatchObject({ code: 'storage-unavailable' });
      }
      expect(requests, location).toBe(Object.keys(REQUESTS).length);
    }
    expect(other.connections()).toBe(0);
  });
});
