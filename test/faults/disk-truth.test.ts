import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import { contentAt, writeImage } from '../../native-fixtures/image.ts';
import type { DiskFault } from '../../src/detect/identity-file.ts';
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

describe.skipIf(unavailable !== undefined)('a disk that returns rubbish for a while', () => {
  const sizeBytes = 10 * BLOCK;
  const rubbish: DiskFault = { kind: 'corrupt', offsetBytes: 0, lengthBytes: sizeBytes };
  const gate = (offsetBytes: number): DiskFault => {
    return { ...{ kind: 'hang', offsetBytes, lengthBytes: 4096 }, maxSeconds: 60 };
  };

  it.each([
    ['some blocks after its only error', [bad(BLOCK + 4 * MIB, 512, 1), gate(5 * BLOCK)], []],
    ['some blocks before its first error', [gate(3 * BLOCK)], [bad(6 * BLOCK, 512)]],
    ['and no error at all', [gate(3 * BLOCK)], []],
  ])('%s is found out, and copied when it tells the truth again', async (_, faults, later) => {
    await using bench = await RescueBench.create(sizeBytes, faults);
    const copy = bench.copy();
    while ((await bench.disk.counters()).hanging === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await bench.disk.replace([rubbish, ...later]);
    expect(await copy).toMatchObject({
      kind: 'failed',
      failure: { code: 'disk-content-changed' },
    });
    await bench.replug([]);
    const again = await bench.copy();
    if (again.kind !== 'settled') throw new TypeError(JSON.stringify(again));
    expect(again.verdict.outcome).toBe('Completed');
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros([])));
  });
});

describe.skipIf(unavailable !== undefined)('a copy that goes on', () => {
  it('reads all that is good, though each block that the store has got a bad sector since', async () => {
    const slow: DiskFault = {
      ...{ kind: 'delay', offsetBytes: 2 * BLOCK, lengthBytes: 4096, delayMs: 3000 },
    };
    await using bench = await RescueBench.create(8 * BLOCK, [slow]);
    await bench.copyUntil({
      message: (m) => m.kind === 'progress' && m.progress.stagedBytes >= 2 * BLOCK,
    });
    await bench.replug([bad(MIB / 2, 512), bad(BLOCK + MIB / 2, 512)]);
    const result = await bench.copy();
    if (result.kind !== 'settled') throw new TypeError(JSON.stringify(result));
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros([])));
  });
});
