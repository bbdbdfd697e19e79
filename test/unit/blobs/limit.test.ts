import type http from 'node:http';
import { describe, expect, it } from 'vitest';
import { withLimit } from '../../../src/blobs/limit.ts';
import { openContainer } from '../../../src/blobs/open.ts';
import { blobName, collect, md5Of, sharedBytes, stageOf } from '../../contract/blobs.ts';
import { pagesOf, putOf } from '../../contract/file-blobs.ts';
import { serve } from '../../contract/lines.ts';

const disk = blobName('disk.img');
const live = () => new AbortController().signal;
const blocks = Array.from({ length: 9 }, (_, index) =>
  stageOf(disk, index, sharedBytes(10, index)),
);

/** A container with two slots on a store that counts what it has in hand and is slow to answer. */
async function boundedOn(answer: http.RequestListener) {
  let inHand = 0;
  const most = { requests: 0 };
  const store = await serve((request, response) => {
    most.requests = Math.max(most.requests, ++inHand);
    response.on('close', () => inHand--);
    request.resume().on('end', () => setTimeout(() => answer(request, response), 10));
  });
  const blobEndpoint = `http://127.0.0.1:${store.port}/account`;
  const open = await openContainer({ kind: 'sas', blobEndpoint, sasToken: 'sig=x' }, 'images');
  const end = () => store[Symbol.asyncDispose]();
  return { container: withLimit(open, 2), most, [Symbol.asyncDispose]: end };
}

describe('a bounded container', () => {
  it('has so many requests in flight and no more', async () => {
    await using bounded = await boundedOn((_, response) => response.writeHead(201).end());
    await Promise.all(blocks.map((block) => bounded.container.stageBlock(block, live())));
    expect(bounded.most.requests).toBe(2);
  });

  it('counts requests of every kind together', async () => {
    await using bounded = await boundedOn((_, response) => response.writeHead(403).end());
    const { container } = bounded;
    const body = sharedBytes(512, 1);
    const commit = { name: disk, blocks: [], md5: md5Of(Buffer.alloc(0)), metadata: {} };
    const ends = await Promise.allSettled([
      container.put(putOf(disk, body), live()),
      container.createPages({ name: disk, lengthBytes: 512, metadata: {} }, live()),
      container.writePages(pagesOf(disk, 0, body), live()),
      container.pageRanges({ name: disk }, live()),
      container.properties(disk, live()),
      container.listBlobs({ prefix: '' }, live()),
      container.listBlocks(disk, live()),
      container.remove({ name: disk, etag: '"0x1"' }, live()),
      container.commit(commit, live()),
    ]);
    for (const end of ends) expect(end).toMatchObject({ reason: { code: 'storage-denied' } });
    expect(bounded.most.requests).toBe(2);
  });

  it('goes on after requests that failed', async () => {
    await using bounded = await boundedOn((_, response) => response.writeHead(403).end());
    const ends = await Promise.allSettled(
      blocks.map((block) => bounded.container.stageBlock(block, live())),
    );
    for (const end of ends) expect(end).toMatchObject({ reason: { code: 'storage-denied' } });
    expect(bounded.most.requests).toBe(2);
  });

  it('settles those who wait when they are cancelled, before anything of theirs is sent', async () => {
    let requests = 0;
    await using bounded = await boundedOn((_, response) => {
      requests++;
      setTimeout(() => response.writeHead(201).end(), 50);
    });
    const controller = new AbortController();
    const first = blocks.slice(0, 2).map((block) => bounded.container.stageBlock(block, live()));
    const rest = blocks
      .slice(2)
      .map((block) => bounded.container.stageBlock(block, controller.signal));
    controller.abort();
    for (const end of await Promise.allSettled(rest)) {
      expect(end).toMatchObject({ reason: { code: 'cancelled' } });
    }
    await Promise.all(first);
    expect(requests).toBe(2);
  });

  it('gives the slot of a read back when the reader leaves', async () => {
    await using bounded = await boundedOn((_, response) => {
      response.writeHead(200, { 'content-length': 10, etag: '"1"' }).end(Buffer.alloc(10));
    });
    for (let time = 0; time < 5; time++) {
      for await (const _piece of bounded.container.read(disk, live())) break;
    }
    expect(await collect(bounded.container.read(disk, live()))).toHaveLength(10);
  });
});
