import { describe, expect, it } from 'vitest';
import { faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import type { CopyResult } from '../../src/copy/copy-process.ts';
import type { DiskFault } from '../../src/detect/identity-file.ts';
import type { Extent } from '../../src/domain/plan.ts';
import { bad, RescueBench, sha256 } from '../support/rescue.ts';

/** A disk that hangs at one place: each attempt gets further, and the place costs a few of them at most. */

const MIB = 1024 * 1024;
const BLOCK = 8 * MIB;
const SIZE = 8 * BLOCK;
/** Far more than a read takes on a busy machine. */
const HANG_MS = 3500;
const GAVE_UP = { kind: 'failed', failure: { code: 'disk-unresponsive' } };

const hang = (place: Extent): DiskFault => ({ kind: 'hang', ...place, maxSeconds: 60 });

const unavailable = faultDiskUnavailable();

/** One attempt, and what was safe at its end; then the disk is out and in again. */
async function attempt(bench: RescueBench, faults: readonly DiskFault[]) {
  let stagedBytes = 0;
  const onMessage: Parameters<RescueBench['copy']>[0] = (message) => {
    if (message.kind === 'progress') stagedBytes = message.progress.stagedBytes;
  };
  const result: CopyResult = await bench.copy(onMessage, { over: { readHangMs: HANG_MS } });
  await bench.disk.clear();
  await bench.replug(faults);
  return { result, stagedBytes };
}

/** The next attempt ends, and that place is all that is missing. */
async function expectWithout(place: Extent, bench: RescueBench): Promise<void> {
  const { result } = await attempt(bench, []);
  if (result.kind !== 'settled') throw new TypeError(JSON.stringify(result));
  expect(result.verdict).toMatchObject({
    outcome: 'CompletedMoreInfo',
    blobs: [{ unreadable: { first: [place], count: 1, untriedBytes: 0 } }],
  });
  expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros([place])));
}

describe.skipIf(unavailable !== undefined)('a disk that hangs at one place', () => {
  it('gives all others at the second attempt, and its end at the third', async () => {
    const place = { offsetBytes: 2 * BLOCK + 3 * MIB + 8192, lengthBytes: 4096 };
    await using bench = await RescueBench.create(SIZE, [hang(place)]);
    expect((await attempt(bench, [hang(place)])).result).toMatchObject(GAVE_UP);
    const second = await attempt(bench, [hang(place)]);
    expect(second.result).toMatchObject(GAVE_UP);
    expect(second.stagedBytes).toBeGreaterThanOrEqual(SIZE - 2 * BLOCK);
    await expectWithout(place, bench);
  });

  it('arrives whole when that has passed', async () => {
    const place = { offsetBytes: 2 * BLOCK + 3 * MIB + 8192, lengthBytes: 4096 };
    await using bench = await RescueBench.create(SIZE, [hang(place)]);
    expect((await attempt(bench, [])).result).toMatchObject(GAVE_UP);
    const { result } = await attempt(bench, []);
    expect(result).toMatchObject({ verdict: { outcome: 'Completed' } });
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros([])));
  });

  it('of many sectors, among bad ones, costs a few attempts, and no other sector', async () => {
    const place = { offsetBytes: 3 * BLOCK + 5 * MIB, lengthBytes: 512 * 1024 };
    const beside = { offsetBytes: 6 * BLOCK, lengthBytes: 512 };
    const faults = [hang(place), bad(beside.offsetBytes, beside.lengthBytes)];
    await using bench = await RescueBench.create(SIZE, faults);
    let last: CopyResult | undefined;
    let attempts = 0;
    for (; last?.kind !== 'settled' && attempts < 5; attempts++) {
      last = (await attempt(bench, faults)).result;
      if (last.kind === 'failed') expect(last).toMatchObject(GAVE_UP);
    }
    expect(last).toMatchObject({
      verdict: {
        outcome: 'CompletedMoreInfo',
        blobs: [{ unreadable: { first: [place, beside], count: 2, untriedBytes: 0 } }],
      },
    });
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros([place, beside])));
  });
});

describe.skipIf(unavailable !== undefined)('a disk that hangs while it is proved', () => {
  /** A copy that was killed when the store had some of its blocks. */
  async function begun(bench: RescueBench, blocks: number): Promise<void> {
    await bench.copyUntil({
      message: (m) => m.kind === 'progress' && m.progress.stagedBytes >= blocks * BLOCK,
    });
  }

  it('is known by what else it holds from then on', async () => {
    const place = { offsetBytes: 0, lengthBytes: 4096 };
    await using bench = await RescueBench.create(SIZE, [
      { kind: 'delay', offsetBytes: 5 * BLOCK, lengthBytes: 4096, delayMs: 3000 },
    ]);
    await begun(bench, 3);
    await bench.replug([hang(place)]);
    expect((await attempt(bench, [hang(place)])).result).toMatchObject(GAVE_UP);
    // No check of the disk had passed after it gave that block: it is read anew, and last.
    const second = await attempt(bench, []);
    expect(second.result).toMatchObject(GAVE_UP);
    expect(second.stagedBytes).toBeGreaterThanOrEqual(SIZE - 2 * BLOCK);
    await expectWithout(place, bench);
  });

  it('wherever it is known is never gone on with', async () => {
    const place = { offsetBytes: 0, lengthBytes: BLOCK };
    await using bench = await RescueBench.create(SIZE, [
      { kind: 'delay', offsetBytes: BLOCK, lengthBytes: 4096, delayMs: 3000 },
    ]);
    await begun(bench, 1);
    await bench.replug([hang(place)]);
    let last: CopyResult | undefined;
    for (let attempts = 0; attempts < 4; attempts++) {
      last = (await attempt(bench, [hang(place)])).result;
      if (last.kind === 'failed' && last.failure.code !== 'disk-unresponsive') break;
    }
    expect(last).toMatchObject({ kind: 'failed', failure: { code: 'disk-read-failed' } });
  });
});
