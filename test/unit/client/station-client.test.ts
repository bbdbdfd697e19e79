import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { askStation } from '../../../src/client/http.ts';
import { StationClient } from '../../../src/client/station-client.ts';
import type { LinkUpdate } from '../../../src/console/link.ts';
import { jobFile, type Serving, startServing } from '../../support/serving.ts';
import { busyView, emptyView, stationInfo } from '../../support/views.ts';

const quick = { firstRetryMs: 20, maxRetryMs: 100 };
const never = new AbortController().signal;
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function serve(): Promise<Serving> {
  const serving = await startServing(busyView());
  cleanups.push(() => serving.close());
  return serving;
}

function clientOf(url: string): StationClient {
  return new StationClient({ url, actor: 'tester', link: quick });
}

/** Follows until the test ends; the array grows with every update. */
function follow(client: StationClient): LinkUpdate[] {
  const updates: LinkUpdate[] = [];
  const stop = new AbortController();
  const followed = client.follow((update) => updates.push(update), stop.signal);
  cleanups.push(() => {
    stop.abort();
    return followed;
  });
  return updates;
}

describe('StationClient', () => {
  it('answers with the view of this moment', async () => {
    const serving = await serve();
    expect(await clientOf(serving.server.url).view(never)).toEqual(serving.feed.view);
  });

  it('says at once that no station answers', async () => {
    await expect(clientOf('http://127.0.0.1:9').view(never)).rejects.toMatchObject({
      code: 'station-unreachable',
    });
  });

  it('does nothing when it is cancelled before it starts', async () => {
    const serving = await serve();
    const client = clientOf(serving.server.url);
    await expect(client.view(AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    expect(serving.server.clientCount).toBe(0);
  });

  it('keeps its view equal to the station’s through changes and a restart', async () => {
    const serving = await serve();
    const updates = follow(clientOf(serving.server.url));
    const isUpToDate = () => {
      const last = updates.at(-1);
      expect(last?.status.kind).toBe('live');
      expect(last?.view).toEqual(serving.feed.view);
    };
    await expect.poll(() => updates.length).toBeGreaterThan(0);
    for (let n = 0; n < 20; n++) {
      serving.publish({ ...busyView(), station: stationInfo({ freeBytes: n }) });
    }
    await expect.poll(() => updates.at(-1)?.view?.station.freeBytes).toBe(19);
    isUpToDate();
    await serving.restart();
    serving.publish({ ...emptyView(), station: stationInfo({ freeBytes: 77 }) });
    await expect.poll(() => updates.at(-1)?.view?.station.freeBytes).toBe(77);
    isUpToDate();
    expect(updates.some((update) => update.status.kind === 'lost')).toBe(true);
  });

  it('gives up a station that accepts the connection and then says nothing', async () => {
    const mute = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    cleanups.push(async () => {
      mute.close();
    });
    const address = mute.address();
    if (address === null || typeof address === 'string') throw new RangeError('no port');
    const url = `http://127.0.0.1:${address.port}`;
    const client = new StationClient({ url, actor: 't', link: { ...quick, silenceMs: 100 } });
    await expect(client.view(never)).rejects.toMatchObject({ code: 'station-unreachable' });
  });

  it('asks with the actor’s name and hands refusals on', async () => {
    const serving = await serve();
    const client = clientOf(serving.server.url);
    await client.confirmDisk({ disk: 'd#1', jobName: 'j', driveId: 'A' }, never);
    expect(serving.asked.at(-1)).toMatchObject({ what: 'confirm', actor: 'tester' });
    await expect(client.retryDrive('j', 'UNKNOWN', never)).rejects.toMatchObject({
      code: 'station-refused',
      payload: { status: 404, refusal: 'drive-not-found' },
    });
  });

  it('asks again when the answer was cut off, and what it asks for is done once', async () => {
    const serving = await serve();
    const line = await cuttingLine(serving.server.url);
    const job = await askStation(
      { url: line.url, actor: 'tester' },
      {
        method: 'POST',
        path: '/api/v1/jobs',
        body: jobFile('cut-off'),
        answer: z.looseObject({ id: z.string() }),
      },
    );
    expect(line.passed()).toBe(2);
    expect(serving.asked).toHaveLength(1);
    expect(await serving.ledger.jobs()).toMatchObject([{ id: job.id, name: 'cut-off' }]);
  });
});

/** A way to the station that loses the first answer, after the station gave it. */
async function cuttingLine(target: string) {
  let passed = 0;
  const server = createHttpServer(async (request, response) => {
    const { 'x-drive-station-actor': actor, 'idempotency-key': key } = request.headers;
    const answer = await fetch(new URL(request.url ?? '', target), {
      method: request.method ?? 'GET',
      headers: {
        'content-type': 'application/json',
        'x-drive-station-actor': String(actor),
        'idempotency-key': String(key),
      },
      body: await text(request),
    });
    const content = await answer.text();
    passed += 1;
    if (passed === 1) request.socket.destroy();
    else response.writeHead(answer.status).end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    server.close();
  });
  const { port } = z.object({ port: z.int() }).parse(server.address());
  return { url: `http://127.0.0.1:${port}`, passed: () => passed };
}
