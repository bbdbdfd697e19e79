import { getEventListeners } from 'node:events';
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobContainer } from '../../../src/blobs/contract.ts';
import { DirectoryContainer } from '../../../src/blobs/directory.ts';
import { withLimit } from '../../../src/blobs/limit.ts';
import type { RetryOptions } from '../../../src/blobs/patience.ts';
import { withRetry } from '../../../src/blobs/retry.ts';
import { isStationError } from '../../../src/errors.ts';
import { blobName, md5Of, sharedBytes, stageOf } from '../../contract/blobs.ts';

const live = () => new AbortController().signal;
const disk = blobName('disk.img');
const OPTIONS: RetryOptions = {
  pieceTimeoutMs: 1000,
  awayAfterMs: 5000,
  firstDelayMs: 100,
  maxDelayMs: 1500,
  checksumAttempts: 3,
};

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'drive-station-retry-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Time that stands still but for the pauses, all of which are written down. */
function pausesOf(random: number) {
  const pauses: number[] = [];
  const told: string[] = [];
  let now = 0;
  const dependencies = {
    now: () => now,
    random: () => random,
    sleep: async (ms: number) => {
      pauses.push(ms);
      now += ms;
    },
    onAway: (detail: string) => told.push(`away: ${detail}`),
    onBack: () => told.push('back'),
  };
  return { pauses, told, dependencies };
}

describe('retry', () => {
  it('tells of a local store that takes its time to fail', async () => {
    const { told, dependencies } = pausesOf(0);
    const missing = path.join(directory, 'unmounted');
    const controller = new AbortController();
    let asked = 0;
    class Slow extends DirectoryContainer {
      override async ensure(signal: AbortSignal): Promise<void> {
        if (++asked > 3) controller.abort();
        await dependencies.sleep(6000);
        await super.ensure(signal);
      }
    }
    const store = new Slow({ directory: missing, container: 'images' });
    const container = withRetry(store, { ...OPTIONS, silenceMs: 15_000 }, dependencies);
    await expect(container.ensure(controller.signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect(told).toEqual([expect.stringContaining('away')]);
  });

  it('pauses ever longer up to the longest, each time for at least half of it', async () => {
    const missing = path.join(directory, 'unmounted');
    for (const [random, expected] of [
      [0, [50, 100, 200, 400, 750, 750]],
      [1, [100, 200, 400, 800, 1500, 1500]],
    ] as const) {
      const { pauses, dependencies } = pausesOf(random);
      const controller = new AbortController();
      const container = withRetry(
        new DirectoryContainer({ directory: missing, container: 'images' }),
        OPTIONS,
        {
          ...dependencies,
          sleep: async (ms) => {
            await dependencies.sleep(ms);
            if (pauses.length === expected.length) controller.abort();
          },
        },
      );
      await expect(container.ensure(controller.signal)).rejects.toMatchObject({
        code: 'cancelled',
      });
      expect(pauses).toEqual(expected);
    }
  });

  it('waits for a directory that is not mounted yet and tells when it is', async () => {
    const mountPoint = path.join(directory, 'usb');
    const { told, dependencies } = pausesOf(1);
    const container = withRetry(
      new DirectoryContainer({ directory: mountPoint, container: 'images' }),
      OPTIONS,
      {
        ...dependencies,
        onAway: (detail) => {
          dependencies.onAway(detail);
          mkdirSync(mountPoint);
        },
      },
    );
    await container.ensure(live());
    expect(told).toEqual([`away: the directory ${mountPoint} is not there`, 'back']);
  });

  it('sends a damaged body again a few times and then says so', async () => {
    const { pauses, told, dependencies } = pausesOf(0.5);
    const inner = new DirectoryContainer({ directory, container: 'images' });
    const container = withRetry(inner, OPTIONS, dependencies);
    await container.ensure(live());
    const block = { ...stageOf(disk, 0, sharedBytes(10, 1)), md5: md5Of(Buffer.from('else')) };
    await expect(container.stageBlock(block, live())).rejects.toMatchObject({
      code: 'checksum-mismatch',
    });
    expect(pauses).toHaveLength(2);
    expect(told).toEqual([]);
  });

  it('gets a body through that was damaged on its way once', async () => {
    const { dependencies } = pausesOf(0.5);
    const body = sharedBytes(10, 1);
    const block = stageOf(disk, 0, body);
    const good = body[0] ?? 0;
    body[0] = good ^ 1;
    const inner = new DirectoryContainer({ directory, container: 'images' });
    const container = withRetry(inner, OPTIONS, {
      ...dependencies,
      sleep: async () => {
        body[0] = good;
      },
    });
    await container.ensure(live());
    await container.stageBlock(block, live());
    expect((await container.listBlocks(disk, live())).uncommitted).toHaveLength(1);
  });

  it('never times out a local store, which would begin its commit again for ever', async () => {
    const { pauses, dependencies } = pausesOf(0.5);
    const inner = new DirectoryContainer({ directory, container: 'images' });
    const impatient = { ...OPTIONS, pieceTimeoutMs: 1 };
    const container = withRetry(inner, impatient, dependencies);
    await container.ensure(live());
    const body = sharedBytes(32 * 1024 * 1024, 1);
    const block = stageOf(disk, 0, body);
    await container.stageBlock(block, live());
    const commit = { name: disk, blocks: [block.id], md5: block.md5, metadata: {} };
    await container.commit(commit, live());
    expect(pauses).toEqual([]);
    expect(withLimit(container, 1).local).toBe(true);
  });

  it('leaves no listener behind on a signal that lives on', async () => {
    const { dependencies } = pausesOf(0.5);
    const inner = new DirectoryContainer({ directory, container: 'images' });
    const container: BlobContainer = withLimit(withRetry(inner, OPTIONS, dependencies), 1);
    const { signal } = new AbortController();
    await container.ensure(signal);
    const blocks = [0, 1, 2].map((index) => stageOf(disk, index, sharedBytes(1000, index)));
    await Promise.all(blocks.map((block) => container.stageBlock(block, signal)));
    const failure = await container.properties(disk, signal).catch((error: unknown) => error);
    expect(isStationError(failure, 'blob-not-found')).toBe(true);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
