import { statfsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import type { CopyResult } from '../../src/copy/copy-process.ts';
import { RESCUE_SCRATCH_SHARE } from '../../src/limits.ts';
import { bad, RescueBench, sha256 } from '../support/rescue.ts';

/** What a sick drive keeps leaves room for the healthy ones; with less room it takes longer, and is no worse. */

const MIB = 1024 * 1024;
const BLOCK = 8 * MIB;
const BLOCKS = 12;
const KEEP_FREE = 8 * MIB;
/** The journal and the map. */
const JOURNAL = MIB;
/** Late in every other block: what is read in front of them is seven eighths of all these blocks. */
const PLACES = Array.from({ length: BLOCKS / 2 }, (_, at) => ({
  offsetBytes: 2 * at * BLOCK + 7 * MIB,
  lengthBytes: 512,
}));
const FAULTS = PLACES.map((at) => bad(at.offsetBytes, at.lengthBytes));
const TRIES = 4;
/** Reads of bad sectors that a kill may make the station repeat. */
const HANDFUL = 4;

const unavailable = faultDiskUnavailable();

function freeBytes({ journals }: RescueBench): number {
  const { bavail, bsize } = statfsSync(journals);
  return bavail * bsize;
}

/** A copy, and the most room that was taken at any of its messages. */
async function copied(bench: RescueBench): Promise<{ result: CopyResult; takenBytes: number }> {
  const atFirst = freeBytes(bench);
  let leastBytes = atFirst;
  const result = await bench.copy(
    () => {
      leastBytes = Math.min(leastBytes, freeBytes(bench));
    },
    { over: { keepFreeBytes: KEEP_FREE } },
  );
  return { result, takenBytes: atFirst - leastBytes };
}

async function badReads({ disk }: RescueBench): Promise<number> {
  const { faults } = await disk.counters();
  return faults.reduce((sum, { kind, reads }) => sum + (kind === 'read-error' ? reads : 0), 0);
}

async function endedWell(bench: RescueBench, result: CopyResult): Promise<void> {
  if (result.kind !== 'settled') throw new TypeError(JSON.stringify(result));
  expect(result.verdict).toMatchObject({
    outcome: 'CompletedMoreInfo',
    blobs: [{ unreadable: { first: PLACES, count: PLACES.length, untriedBytes: 0 } }],
  });
  expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros(PLACES)));
}

describe.skipIf(unavailable !== undefined)('a sick drive on a state disk', () => {
  it.each([24, 400])('of %i MiB keeps little, and each good byte arrives', async (mebibytes) => {
    await using bench = await RescueBench.create(BLOCKS * BLOCK, FAULTS);
    await bench.journalsInMemory(mebibytes * MIB);
    const { result, takenBytes } = await copied(bench);
    await endedWell(bench, result);
    const part = (mebibytes * MIB - KEEP_FREE) / RESCUE_SCRATCH_SHARE;
    expect(takenBytes).toBeLessThanOrEqual(Math.max(part, BLOCK) + JOURNAL);
    expect(await badReads(bench)).toBeLessThanOrEqual(TRIES * PLACES.length);
  });

  it('that has less room after a kill among the retries tries no sector more often for that', async () => {
    const slow = PLACES.map((at) => ({ kind: 'delay', ...at, delayMs: 100 }) as const);
    await using bench = await RescueBench.create(BLOCKS * BLOCK, [...FAULTS, ...slow]);
    const killed = await bench.copyUntil({
      map: ({ standing: { status, pass } }) => status === 'bad' && pass === 2,
    });
    expect(killed).toMatchObject({ failure: { code: 'copy-process-killed' } });
    await endedWell(bench, await bench.copy(undefined, { over: { keepFreeBytes: 2 ** 40 } }));
    expect(await badReads(bench)).toBeLessThanOrEqual(TRIES * PLACES.length + HANDFUL);
  });

  it('that is full gives up what it kept, and goes on when there is room', async () => {
    await using bench = await RescueBench.create(BLOCKS * BLOCK, FAULTS);
    const disk = await bench.journalsInMemory(64 * MIB);
    await writeFile(join(bench.journals, 'ballast'), Buffer.alloc(60 * MIB));
    expect((await copied(bench)).result).toMatchObject({
      failure: { code: 'state-disk-failed', payload: { problem: 'full' } },
    });
    expect(await readdir(`${bench.journalFile}.scratch`)).toEqual([]);
    await disk.makeRoom();
    await endedWell(bench, (await copied(bench)).result);
  });
});
