import { randomUUID } from 'node:crypto';
import type http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StorageAccount } from '../../src/blobs/contract.ts';
import { openContainer } from '../../src/blobs/open.ts';
import type { RetryOptions } from '../../src/blobs/patience.ts';
import { withRetry } from '../../src/blobs/retry.ts';
import { Wire, type WireOptions } from '../../src/blobs/wire.ts';
import { freePort } from '../../src/rehearsal/free-port.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { blobName, collect, readAll, sharedBytes, stageOf } from './blobs.ts';
import { lineTo, serve, type Trouble } from './lines.ts';

const MIB = 1024 * 1024;
const disk = blobName('disk.img');
const live = () => new AbortController().signal;
const freshName = () => `test-${randomUUID()}`;

const QUICK: RetryOptions = {
  pieceTimeoutMs: 10_000,
  awayAfterMs: 10_000,
  firstDelayMs: 5,
  maxDelayMs: 20,
};

type PatientOptions = Partial<RetryOptions & WireOptions>;

/** A patient container on a server of the test, and what it told. */
async function patientAt(port: number, options: PatientOptions = {}) {
  const blobEndpoint = `http://127.0.0.1:${port}/account`;
  return await patientOf(
    { kind: 'sas', blobEndpoint, sasToken: 'sig=c2VjcmV0' },
    'images',
    options,
  );
}

async function patientOf(account: StorageAccount, name: string, options: PatientOptions) {
  const told: string[] = [];
  const { stallMs = 10_000, answers = answersWithin(10_000), lookMs = 10, ...others } = options;
  const wire = new Wire({ stallMs, answers, lookMs });
  const container = withRetry(
    await openContainer(account, name, wire),
    { ...QUICK, ...others },
    {
      wire,
      onAway: (detail) => told.push(`away: ${detail}`),
      onSlow: () => told.push('slow'),
      onCommitting: () => told.push('committing'),
      onBack: () => told.push('back'),
    },
  );
  return { container, told };
}

const answersWithin = (ms: number) => ({ readMs: ms, commitMs: ms, bodyMs: ms, otherMs: ms });

const fourBlocks = [0, 1, 2, 3].map((index) => stageOf(disk, index, sharedBytes(1000, index)));

const takeIt: http.RequestListener = (request, response) => {
  request.resume().on('end', () => response.writeHead(201).end());
};

describe('a patient container on a store in trouble', () => {
  it('waits through answers of 503 and tells the outage once for all its requests', async () => {
    let requests = 0;
    await using store = await serve((request, response) => {
      requests++;
      if (requests > 16) takeIt(request, response);
      else request.resume().on('end', () => response.writeHead(503).end());
    });
    const { container, told } = await patientAt(store.port, { awayAfterMs: 1 });
    await Promise.all(fourBlocks.map((block) => container.stageBlock(block, live())));
    expect(requests).toBe(20);
    expect(told).toEqual([expect.stringMatching(/^away: .*left alone.*\(503/u), 'back']);
  });

  it('gives up on a request without an answer and sends it again', async () => {
    let requests = 0;
    await using store = await serve((request, response) => {
      requests++;
      if (requests > 4) takeIt(request, response);
      else request.resume();
    });
    const answers = answersWithin(150);
    const { container, told } = await patientAt(store.port, { answers, awayAfterMs: 100 });
    await Promise.all(fourBlocks.map((block) => container.stageBlock(block, live())));
    expect(told).toEqual([expect.stringContaining('no byte moved'), 'back']);
  });

  it('waits for a slow commit and sends it once, over the connection that it already has', async () => {
    const asked: string[] = [];
    await using store = await serve((request, response) => {
      const isCommit = request.url?.includes('comp=blocklist') ?? false;
      asked.push(isCommit ? 'commit' : 'block');
      const stamp = { etag: '"0x1"', 'last-modified': new Date().toUTCString() };
      const answer = () => void response.writeHead(201, stamp).end();
      request.resume().on('end', () => void setTimeout(answer, isCommit ? 600 : 0));
    });
    const answers = { ...answersWithin(100), commitMs: 10_000 };
    const { container } = await patientAt(store.port, { stallMs: 100, answers });
    const block = stageOf(disk, 0, sharedBytes(1000, 0));
    await container.stageBlock(block, live());
    const commit = { name: disk, blocks: [block.id], md5: block.md5, metadata: {} };
    await container.commit(commit, live());
    expect(asked).toEqual(['block', 'commit']);
    expect(store.connections()).toBe(1);
  });

  it('says that it waits for the answer to a commit, and not that the store is away', async () => {
    let commits = 0;
    const { promise: wasTold, resolve } = Promise.withResolvers<void>();
    await using store = await serve((request, response) => {
      commits++;
      const stamp = { etag: '"0x1"', 'last-modified': new Date().toUTCString() };
      request.resume();
      void wasTold.then(() => response.writeHead(201, stamp).end());
    });
    const times = { answers: answersWithin(60_000), silenceMs: 500, awayAfterMs: 1 };
    const { container, told } = await patientAt(store.port, times);
    const committing = container.commit({ name: disk, blocks: [], metadata: {} }, live());
    await expect.poll(() => told).toContain('committing');
    resolve();
    await committing;
    // A machine that is late to look may have seen bytes that moved.
    expect(told.filter((words) => words !== 'slow')).toEqual(['committing', 'back']);
    expect(commits).toBe(1);
  });

  it('says so again of the next commit after one that ran out of its time', async () => {
    const { promise: wasToldAgain, resolve } = Promise.withResolvers<void>();
    await using store = await serve((request, response) => {
      const stamp = { etag: '"0x1"', 'last-modified': new Date().toUTCString() };
      request.resume();
      void wasToldAgain.then(() => response.writeHead(201, stamp).end());
    });
    const answers = { ...answersWithin(60_000), commitMs: 1500 };
    const times = { answers, silenceMs: 500, awayAfterMs: 1 };
    const { container, told } = await patientAt(store.port, times);
    const committing = container.commit({ name: disk, blocks: [], metadata: {} }, live());
    const story = () => told.filter((words) => words !== 'slow').join(', ');
    await expect.poll(story).toMatch(/committing, away: .*no byte moved.*, committing/u);
    resolve();
    await committing;
    expect(story()).toMatch(/, back$/u);
  });

  it('says that the store is away when it does not take the commit', async () => {
    await using store = await serve(() => undefined);
    const { container, told } = await patientAt(store.port, { stallMs: 60_000, silenceMs: 500 });
    // Longer than what the kernels between hold.
    const id = 'A'.repeat(64);
    const blocks = Array.from({ length: 50_000 }, () => id);
    const controller = new AbortController();
    const committing = container.commit({ name: disk, blocks, metadata: {} }, controller.signal);
    await expect.poll(() => told).toContainEqual(expect.stringContaining('away: no answer'));
    expect(told).not.toContain('committing');
    controller.abort();
    await expect(committing).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('sends a commit that is never answered again, on a new connection', async () => {
    let commits = 0;
    await using store = await serve((request, response) => {
      const stamp = { etag: '"0x1"', 'last-modified': new Date().toUTCString() };
      request.resume();
      if (++commits > 1) response.writeHead(201, stamp).end();
    });
    const answers = { ...answersWithin(10_000), commitMs: 150 };
    const { container } = await patientAt(store.port, { answers });
    await container.commit({ name: disk, blocks: [], metadata: {} }, live());
    expect(commits).toBe(2);
    expect(store.connections()).toBe(2);
  });

  it('gives up a body that nobody takes after the time of a stall, not of an answer', async () => {
    let requests = 0;
    await using store = await serve((request, response) => {
      if (++requests > 1) takeIt(request, response);
    });
    const { container } = await patientAt(store.port, {
      stallMs: 150,
      answers: answersWithin(60_000),
    });
    await container.stageBlock(stageOf(disk, 0, sharedBytes(16 * MIB, 0)), live());
    expect(requests).toBe(2);
  });

  it('gives the next request on a connection its own time', async () => {
    let lists = 0;
    await using store = await serve((request, response) => {
      if (request.method === 'PUT') takeIt(request, response);
      else if (++lists > 1) request.resume().on('end', () => response.writeHead(403).end());
    });
    const answers = { ...answersWithin(60_000), readMs: 150 };
    const { container } = await patientAt(store.port, { answers });
    await container.stageBlock(stageOf(disk, 0, sharedBytes(1000, 0)), live());
    const listing = container.listBlocks(disk, live());
    await expect(listing).rejects.toMatchObject({ code: 'storage-denied' });
    expect(store.connections()).toBe(2);
  });

  it('sends again what a reset connection took with it', async () => {
    let requests = 0;
    await using store = await serve((request, response) => {
      requests++;
      if (requests > 2) takeIt(request, response);
      else request.socket.resetAndDestroy();
    });
    const { container, told } = await patientAt(store.port);
    await container.stageBlock(fourBlocks[0] ?? stageOf(disk, 0, sharedBytes(1, 1)), live());
    expect(requests).toBe(3);
    expect(told).toEqual([]);
  });

  it('passes a refusal on at once', async () => {
    let requests = 0;
    await using store = await serve((request, response) => {
      requests++;
      request.resume().on('end', () => response.writeHead(403).end());
    });
    const { container } = await patientAt(store.port);
    await expect(container.listBlocks(disk, live())).rejects.toMatchObject({
      code: 'storage-denied',
    });
    expect(requests).toBe(1);
  });

  it('takes a refusal for the end of an outage', async () => {
    let requests = 0;
    await using store = await serve((request, response) => {
      const status = ++requests > 4 ? 403 : 503;
      request.resume().on('end', () => response.writeHead(status).end());
    });
    const { container, told } = await patientAt(store.port, { awayAfterMs: 1 });
    await expect(container.listBlocks(disk, live())).rejects.toMatchObject({
      code: 'storage-denied',
    });
    expect(told).toEqual([expect.stringMatching(/^away: .*left alone.*\(503/u), 'back']);
  });

  it('stops waiting when it is cancelled', async () => {
    await using store = await serve((request) => request.resume());
    const { container } = await patientAt(store.port, {
      answers: answersWithin(50),
      awayAfterMs: 60,
    });
    const controller = new AbortController();
    const waiting = fourBlocks.map((block) => container.stageBlock(block, controller.signal));
    setTimeout(() => controller.abort(), 170);
    const ends = await Promise.allSettled(waiting);
    for (const end of ends) expect(end).toMatchObject({ reason: { code: 'cancelled' } });
  });

  it('does not take a slow reader for a slow store', async () => {
    await using store = await serve((_, response) => {
      response.writeHead(200, { 'content-length': MIB, etag: '"1"' }).end(Buffer.alloc(MIB));
    });
    const brief = { pieceTimeoutMs: 700, stallMs: 700, answers: answersWithin(700) };
    const { container } = await patientAt(store.port, brief);
    let received = 0;
    for await (const piece of container.read(disk, live())) {
      if (received === 0) await new Promise((resolve) => setTimeout(resolve, 1600));
      received += piece.length;
    }
    expect(received).toBe(MIB);
  });

  it('begins a read again before its first byte and not after', async () => {
    let requests = 0;
    await using store = await serve((_, response) => {
      requests++;
      if (requests === 1) {
        response.writeHead(503).end();
        return;
      }
      response.writeHead(200, { 'content-length': 1000, etag: '"1"' });
      response.write(Buffer.alloc(400));
    });
    const { container } = await patientAt(store.port, { pieceTimeoutMs: 1_000 });
    let received = 0;
    const reading = (async () => {
      for await (const piece of container.read(disk, live())) received += piece.length;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'storage-unavailable' });
    expect(received).toBe(400);
    expect(requests).toBe(2);
  });
});

describe('a bad line to a real store', () => {
  let azurite: Azurite;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(() => azurite?.stop());

  /** The same container through a line of the test and directly. */
  async function bothWays(trouble: () => Trouble) {
    const line = await lineTo(azurite.port, trouble);
    const name = freshName();
    const { connectionString } = azurite;
    const direct = await openContainer({ kind: 'connection-string', connectionString }, name);
    await direct.ensure(live());
    const account = {
      kind: 'connection-string',
      connectionString: connectionString.replace(`:${azurite.port}`, `:${line.port}`),
    } as const;
    const bad = await openContainer(account, name);
    const told: string[] = [];
    const patient = withRetry(bad, QUICK, {
      onAway: (detail) => told.push(detail),
      onBack: () => told.push('back'),
    });
    const end = () => line[Symbol.asyncDispose]();
    return { direct, bad, patient, told, line, account, name, [Symbol.asyncDispose]: end };
  }

  it('fails a block cut in the middle, and nothing of it is left', async () => {
    await using ways = await bothWays(() => ({ cutAfterBytes: 2 * MIB }));
    const block = stageOf(disk, 0, sharedBytes(4 * MIB, 1));
    await expect(ways.bad.stageBlock(block, live())).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
    expect(await ways.direct.listBlocks(disk, live())).toEqual({
      committed: undefined,
      uncommitted: [],
    });
  });

  it('gets a block through by sending it again, and tells nothing of a short outage', async () => {
    let connections = 0;
    await using ways = await bothWays(() => (++connections < 4 ? { cutAfterBytes: MIB } : {}));
    const body = sharedBytes(4 * MIB, 1);
    const block = stageOf(disk, 0, body);
    await ways.patient.stageBlock(block, live());
    const commit = { name: disk, blocks: [block.id], md5: block.md5, metadata: {} };
    await ways.patient.commit(commit, live());
    expect(connections).toBeGreaterThanOrEqual(4);
    expect((await readAll(ways.direct, disk)).equals(body)).toBe(true);
    expect(ways.told).toEqual([]);
  });

  it('knows its own commit when only the answer was lost', async () => {
    let connections = 0;
    await using ways = await bothWays(() => ({ losesAnswers: ++connections === 1 }));
    const body = sharedBytes(1000, 1);
    const block = stageOf(disk, 0, body);
    await ways.direct.stageBlock(block, live());
    const commit = { name: disk, blocks: [block.id], md5: block.md5, metadata: {} };
    await ways.patient.commit(commit, live());
    expect(connections).toBeGreaterThan(1);
    expect((await readAll(ways.direct, disk)).equals(body)).toBe(true);
    await expect(ways.patient.commit(commit, live())).rejects.toMatchObject({
      code: 'destination-exists',
    });
  });

  it('knows its own commit that the store had carried out and not answered in its time', async () => {
    let connections = 0;
    await using ways = await bothWays(() => ({ keepsAnswers: ++connections === 1 }));
    const body = sharedBytes(1000, 1);
    const block = stageOf(disk, 0, body);
    await ways.direct.stageBlock(block, live());
    const answers = { ...answersWithin(10_000), commitMs: 500 };
    const options = { answers, awayAfterMs: 1 };
    const { container, told } = await patientOf(ways.account, ways.name, options);
    const commit = { name: disk, blocks: [block.id], md5: block.md5, metadata: {} };
    await container.commit(commit, live());
    expect(told).toEqual([expect.stringContaining('no byte moved'), 'back']);
    expect(connections).toBeGreaterThan(1);
    expect((await readAll(ways.direct, disk)).equals(body)).toBe(true);
  });

  it('does not take the blob of somebody else for its own after a lost answer', async () => {
    let connections = 0;
    await using ways = await bothWays(() => (++connections === 1 ? { cutAfterBytes: 1 } : {}));
    const theirs = stageOf(disk, 0, sharedBytes(10, 1));
    const ours = stageOf(disk, 1, sharedBytes(10, 2));
    await ways.direct.stageBlock(theirs, live());
    await ways.direct.stageBlock(ours, live());
    const commitOf = ({ id, md5 }: typeof ours) => ({
      name: disk,
      blocks: [id],
      md5,
      metadata: {},
    });
    await ways.direct.commit(commitOf(theirs), live());
    await expect(ways.patient.commit(commitOf(ours), live())).rejects.toMatchObject({
      code: 'destination-exists',
    });
    expect((await collect(ways.direct.read(disk, live()))).equals(theirs.body)).toBe(true);
  });

  it('waits for a store that is stopped and started again', async () => {
    const port = await freePort();
    await using stopped = await startAzurite({ port });
    const { connectionString } = stopped;
    const told: string[] = [];
    const patient = withRetry(
      await openContainer({ kind: 'connection-string', connectionString }, freshName()),
      { ...QUICK, awayAfterMs: 50 },
      { onAway: (detail) => told.push(detail), onBack: () => told.push('back') },
    );
    await patient.ensure(live());
    await stopped.stop();
    const staging = Promise.all(
      fourBlocks.map(async (block) => {
        // A new store in memory has no container.
        await patient.ensure(live());
        await patient.stageBlock(block, live());
      }),
    );
    await expect.poll(() => told.length).toBe(1);
    await using _again = await startAzurite({ port });
    await staging;
    expect(told).toEqual([expect.stringContaining('ECONNREFUSED'), 'back']);
    expect((await patient.listBlocks(disk, live())).uncommitted).toHaveLength(4);
  });
});
