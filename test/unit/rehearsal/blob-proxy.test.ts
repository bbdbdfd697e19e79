import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { encodeBlockId } from '../../../src/domain/block-id.ts';
import { BlobProxy } from '../../../src/rehearsal/blob-proxy.ts';

const address = z.object({ port: z.int() });

/** A store that takes everything, and the proxy before it. */
const store = createServer((incoming, answer) => {
  incoming.resume();
  incoming.on('end', () => answer.writeHead(201).end());
});
let proxy: BlobProxy;
let url: string;

beforeEach(async () => {
  store.listen(0, '127.0.0.1');
  await once(store, 'listening');
  const upstream = `http://127.0.0.1:${address.parse(store.address()).port}`;
  proxy = await BlobProxy.start(upstream);
  url = proxy.connectionString(`BlobEndpoint=${upstream}`).slice('BlobEndpoint='.length);
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  store.close();
});

/** Sends a block; answers the status. */
async function stage(index: number): Promise<number> {
  const parts = { nonce: '00'.repeat(8), index, sha256: '00'.repeat(32), unreadableBytes: 0 };
  const query = new URLSearchParams({ comp: 'block', blockid: encodeBlockId(parts) });
  const answer = await fetch(`${url}/container/blob?${query}`, { method: 'PUT', body: 'block' });
  await answer.body?.cancel();
  return answer.status;
}

it('lets the blocks through that are told, and holds what follows', async () => {
  proxy.holdAfter(1);
  expect(await stage(0)).toBe(201);
  const held = stage(1);
  await expect.poll(() => proxy.staged).toHaveLength(2);
  const other = await fetch(`${url}/container/blob`, { method: 'PUT', body: 'no block' });
  expect(other.status).toBe(201);
  const arrived = proxy.staged.filter(({ ackedAt }) => ackedAt !== undefined);
  expect(arrived.map(({ block }) => block.index)).toEqual([0]);
  proxy.open();
  expect(await held).toBe(201);
  expect(await stage(2)).toBe(201);
});

it('lets what is held meet the trouble of the moment in which it goes on', async () => {
  proxy.holdAfter(0);
  const held = stage(0);
  await expect.poll(() => proxy.staged).toHaveLength(1);
  proxy.change('busy');
  proxy.open();
  expect(await held).toBe(503);
  expect(proxy.staged).toMatchObject([{ ackedAt: undefined }]);
});
