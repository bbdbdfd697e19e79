import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { openContainer } from '../../../src/blobs/open.ts';
import { withRetry } from '../../../src/blobs/retry.ts';
import { Wire } from '../../../src/blobs/wire.ts';
import { encodeBlockId } from '../../../src/domain/block-id.ts';
import { BlobProxy } from '../../../src/rehearsal/blob-proxy.ts';
import { blobName, sharedBytes, stageOf } from '../../contract/blobs.ts';

const address = z.object({ port: z.int() });

/** A store that takes everything, and the proxy before it. */
const store = createServer((incoming, answer) => {
  incoming.resume();
  incoming.on('end', () => answer.writeHead(201, { 'x-ms-request-id': '1' }).end());
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

it('keeps a block for as long as it likes: that is a slow store, and none that is away', async () => {
  const told: string[] = [];
  const times = { readMs: 1500, commitMs: 1500, bodyMs: 1500, otherMs: 1500 };
  const wire = new Wire({ stallMs: 1500, answers: times, lookMs: 50 });
  const account = {
    kind: 'sas',
    blobEndpoint: `${url}/account`,
    sasToken: 'sig=c2VjcmV0',
  } as const;
  const patient = withRetry(
    await openContainer(account, 'images', wire),
    { pieceTimeoutMs: 60_000, awayAfterMs: 1, silenceMs: 4000 },
    {
      wire,
      onAway: (detail) => told.push(detail),
      onSlow: () => told.push('slow'),
      onBack: () => told.push('back'),
    },
  );
  proxy.holdAfter(0);
  // More than the kernels between take by themselves: part of it waits to be sent.
  const block = stageOf(blobName('disk.img'), 0, sharedBytes(32 * 1024 * 1024, 0));
  const staging = patient.stageBlock(block, new AbortController().signal);
  // By then a connection on which nothing moves was given up long ago.
  await expect.poll(() => told).toHaveLength(1);
  expect(told).toEqual(['slow']);
  expect(proxy.staged).toMatchObject([{ ackedAt: undefined }]);
  proxy.open();
  await staging;
  expect(proxy.staged).toHaveLength(1);
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
