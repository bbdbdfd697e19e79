import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import { contentAt, writeImage } from '../../native-fixtures/image.ts';
import type { DiskFault } from '../../src/detect/identity-file.ts';
import type { Extent } from '../../src/domain/plan.ts';
import { RESUME_SAMPLES, STAGE_PACE } from '../../src/limits.ts';
import { bad, RescueBench, sha256 } from '../support/rescue.ts';

/** What was kept of a disk, and what a disk says after an error, is never taken on trust. */

const MIB = 1024 * 1024;
const BLOCK = 8 * MIB;
const OTHER = 'another disk of the same size and serial';

const unavailable = faultDiskUnavailable();

/** A read so slow that there is time to do something before it ends. */
const slowly = (offsetBytes: number, delayMs: number): DiskFault => ({
  ...{ kind: 'delay', offsetBytes, lengthBytes: 512, delayMs },
});

async function swapped(bench: RescueBench): Promise<void> {
  await bench.disk.close();
  await rm(bench.image);
  await writeImage(bench.image, { seed: OTHER, sizeBytes: bench.sizeBytes });
  await bench.replug([]);
}

describe.skipIf(unavailable !== undefined)('another disk in the place of one', () => {
  it('of which the store has nothing yet is never mixed with what the scratch has of the first', async () => {
    await using bench = await RescueBench.create(BLOCK, [bad(4 * MIB, 512), slowly(4 * MIB, 300)]);
    await bench.copyUntil({ map: ({ standing }) => standing.status === 'non-trimmed' });
    await swapped(bench);
    const result = await bench.copy();
    if (result.kind === 'failed') {
      expect(result.failure.code).toBe('disk-content-changed');
      return;
    }
    const whole = Buffer.from(contentAt(OTHER, 0, bench.sizeBytes));
    expect(sha256(await bench.stored())).toBe(sha256(whole));
  });

  it('of which the store has only blocks that no check had passed is found out', async () => {
    await using bench = await RescueBench.create(8 * BLOCK, [slowly(6 * BLOCK, 3000)]);
    await bench.copyUntil({
      message: (m) => m.kind === 'progress' && m.progress.stagedBytes >= 4 * BLOCK,
    });
    await swapped(bench);
    expect(await bench.copy()).toMatchObject({
      kind: 'failed',
      failure: { code: 'disk-content-changed' },
    });
  });

  it('of which the store has only blocks with holes is found out', async () => {
    const places = [4 * MIB, 12 * MIB];
    const faults = [...places.map((at) => bad(at, 512)), slowly(12 * MIB, 500)];
    await using bench = await RescueBench.create(2 * BLOCK, faults);
    await bench.copyUntil({ map: ({ standing: s }) => s.status === 'bad' && s.pass >= 2 });
    await swapped(bench);
    expect(await bench.copy()).toMatchObject({
      kind: 'failed',
      failure: { code: 'disk-content-changed' },
    });
  });
});

describe.skipIf(unavailable !== undefined)('a disk that returns rubbish', () => {
  it('from its first error on is not believed, though the store has nothing of it yet', async () => {
    const sizeBytes = 6 * BLOCK;
    const faults = [bad(4 * MIB, 512, 1), slowly(4 * MIB, 3000)];
    await using bench = await RescueBench.create(sizeBytes, faults);
    const copy = bench.copy();
    while ((await bench.disk.counters()).faults[1]?.reads === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await bench.disk.inject([{ kind: 'corrupt', offsetBytes: 0, lengthBytes: sizeBytes }]);
    expect(await copy).toMatchObject({
      kind: 'failed',
      failure: { code: 'disk-content-changed' },
    });
  });
});

/** A read that waits until it is let go. */
const gate = (offsetBytes: number): DiskFault => {
  return { ...{ kind: 'hang', offsetBytes, lengthBytes: 4096 }, maxSeconds: 60 };
};

async function untilAtGate({ disk }: RescueBench): Promise<void> {
  while ((await disk.counters()).hanging === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function arrivesWhole(bench: RescueBench): Promise<void> {
  const result = await bench.copy();
  if (result.kind !== 'settled') throw new TypeError(JSON.stringify(result));
  expect(result.verdict.outcome).toBe('Completed');
  expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros([])));
}

/** What no check vouched for, and what does not read any more, is not believed. */
async function arrivesWithZeros(bench: RescueBench, places: readonly Extent[]): Promise<void> {
  const result = await bench.copy();
  if (result.kind !== 'settled') throw new TypeError(JSON.stringify(result));
  expect(result.verdict.outcome).toBe('CompletedMoreInfo');
  expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros(places)));
}

describe.skipIf(unavailable !== undefined)('a disk that returns rubbish for a while', () => {
  const sizeBytes = 10 * BLOCK;
  const rubbish: DiskFault = { kind: 'corrupt', offsetBytes: 0, lengthBytes: sizeBytes };

  it.each([
    ['some blocks after its only error', [bad(BLOCK + 4 * MIB, 512, 1), gate(5 * BLOCK)], []],
    ['some blocks before its first error', [gate(3 * BLOCK)], [bad(6 * BLOCK, 512)]],
    ['and no error at all', [gate(3 * BLOCK)], []],
  ])('%s is found out, and copied when it tells the truth again', async (_, faults, later) => {
    await using bench = await RescueBench.create(sizeBytes, faults);
    const copy = bench.copy();
    await untilAtGate(bench);
    await bench.disk.replace([rubbish, ...later]);
    expect(await copy).toMatchObject({
      kind: 'failed',
      failure: { code: 'disk-content-changed' },
    });
    await bench.replug([]);
    await arrivesWhole(bench);
  });

  it.each([
    ['killed', 'everything', { offsetBytes: 0, lengthBytes: 20 * BLOCK }],
    ['killed', 'one block', { offsetBytes: 5 * BLOCK, lengthBytes: BLOCK }],
    ['pulled', 'one block', { offsetBytes: 5 * BLOCK, lengthBytes: BLOCK }],
  ] as const)(
    'and is %s before the next check (%s) is copied anew there',
    async (end, _, place) => {
      await using bench = await RescueBench.create(20 * BLOCK, [gate(3 * BLOCK)]);
      const copy = Promise.withResolvers<number>();
      const onStarted = async (pid: number) => copy.resolve(pid);
      let pulled: Promise<unknown> | undefined;
      const result = bench.copy(
        (message) => {
          if (message.kind !== 'progress' || message.progress.stagedBytes < 12 * BLOCK) return;
          if (end === 'pulled') pulled ??= bench.disk.disk.pull('io-error');
          else void copy.promise.then((pid) => process.kill(pid, 'SIGKILL'));
        },
        { onStarted },
      );
      await untilAtGate(bench);
      const slow: DiskFault = {
        ...{ kind: 'delay', offsetBytes: 14 * BLOCK, lengthBytes: 6 * BLOCK, delayMs: 500 },
      };
      await bench.disk.replace([{ kind: 'corrupt', ...place }, slow]);
      const code = end === 'pulled' ? 'disk-gone' : 'copy-process-killed';
      expect(await result).toMatchObject({ kind: 'failed', failure: { code } });
      await pulled;
      await bench.replug([]);
      await arrivesWhole(bench);
    },
  );
});

describe.skipIf(unavailable !== undefined)('a place that gave rubbish without an error', () => {
  it('and has become unreadable since is zeros that are told, and nothing else', async () => {
    await using bench = await RescueBench.create(20 * BLOCK, [gate(3 * BLOCK)]);
    const place = { offsetBytes: 5 * BLOCK + 4 * MIB, lengthBytes: 4096 };
    const copy = bench.copyUntil({
      message: (m) => m.kind === 'progress' && m.progress.stagedBytes >= 12 * BLOCK,
    });
    await untilAtGate(bench);
    await bench.disk.replace([
      { kind: 'corrupt', ...place },
      { kind: 'delay', offsetBytes: 14 * BLOCK, lengthBytes: 6 * BLOCK, delayMs: 500 },
    ]);
    expect(await copy).toMatchObject({
      kind: 'failed',
      failure: { code: 'copy-process-killed' },
    });
    await bench.replug([bad(place.offsetBytes, place.lengthBytes)]);
    await arrivesWithZeros(bench, [place]);
  });
});

describe.skipIf(unavailable !== undefined)('a copy that goes on', () => {
  it('after an orderly stop reads nothing again but samples', async () => {
    const sizeBytes = 32 * BLOCK;
    await using bench = await RescueBench.create(sizeBytes, [
      { kind: 'delay', offsetBytes: 28 * BLOCK, lengthBytes: 4 * BLOCK, delayMs: 100 },
    ]);
    const asked = new AbortController();
    let safeBytes = 0;
    await bench.copy(
      (message) => {
        if (message.kind !== 'progress') return;
        safeBytes = message.progress.stagedBytes;
        if (safeBytes >= 26 * BLOCK) asked.abort();
      },
      { signal: asked.signal },
    );
    await bench.replug([]);
    await arrivesWhole(bench);
    const again = (await bench.disk.counters()).bytes - (sizeBytes - safeBytes);
    // Those that were on their way to the store are read again, too.
    expect(again / BLOCK).toBeLessThan(STAGE_PACE.max + RESUME_SAMPLES + 1);
  });

  it('knows its disk by another place where one has become bad', async () => {
    const one: DiskFault = {
      ...{ kind: 'delay', offsetBytes: BLOCK, lengthBytes: 4096, delayMs: 3000 },
    };
    await using bench = await RescueBench.create(8 * BLOCK, [one]);
    await bench.copyUntil({
      message: (m) => m.kind === 'progress' && m.progress.stagedBytes >= BLOCK,
    });
    await bench.replug([bad(0, 512)]);
    await arrivesWithZeros(bench, [{ offsetBytes: 0, lengthBytes: 512 }]);
  });

  it('reads all that is good, though each block that the store has got a bad sector since', async () => {
    const slow: DiskFault = {
      ...{ kind: 'delay', offsetBytes: 2 * BLOCK, lengthBytes: 4096, delayMs: 3000 },
    };
    await using bench = await RescueBench.create(8 * BLOCK, [slow]);
    await bench.copyUntil({
      message: (m) => m.kind === 'progress' && m.progress.stagedBytes >= 2 * BLOCK,
    });
    const places = [MIB / 2, BLOCK + MIB / 2];
    await bench.replug(places.map((at) => bad(at, 512)));
    const holes = places.map((offsetBytes) => ({ offsetBytes, lengthBytes: 512 }));
    await arrivesWithZeros(bench, holes);
  });
});
