import { describe, expect, it } from 'vitest';
import { faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import type { CopyResult } from '../../src/copy/copy-process.ts';
import type { DiskFault } from '../../src/detect/identity-file.ts';
import type { Standing } from '../../src/domain/rescue/rescue.ts';
import { bad, type Moment, RescueBench, sha256 } from '../support/rescue.ts';

/** A copy process that is killed in each pass of a rescue: the next one ends as if nothing had been. */

const BLOCK = 8 * 1024 * 1024;
const SIZE = 7 * BLOCK;
/** Every other block is left behind by the fast copy, so that each pass meets some of these. */
const PLACES = [
  { offsetBytes: BLOCK / 2, lengthBytes: 512 },
  { offsetBytes: BLOCK + 4096, lengthBytes: 512 },
  { offsetBytes: 3 * BLOCK - 65_536, lengthBytes: 2048 },
  { offsetBytes: 3 * BLOCK + 65_536, lengthBytes: 512 },
  { offsetBytes: 5 * BLOCK, lengthBytes: 512 },
  { offsetBytes: 6 * BLOCK + 512, lengthBytes: 512 },
];
/** A read of a bad sector takes its time, as on a real disk, and the map is written meanwhile. */
const BAD_READ_MS = 100;
const FAULTS = PLACES.flatMap((at): DiskFault[] => [
  bad(at.offsetBytes, at.lengthBytes),
  { kind: 'delay', ...at, delayMs: BAD_READ_MS },
]);
/** Reads of bad sectors that a kill may make the station repeat. */
const HANDFUL = 4;

const inPass = (status: Standing['status'], pass: number): Moment => ({
  map: ({ standing }) => standing.status === status && standing.pass === pass,
});
const MOMENTS: readonly (readonly [string, Moment])[] = [
  ['the fast copy', inPass('non-tried', 1)],
  ['the way back from the other end', inPass('non-tried', 2)],
  ['trimming', inPass('non-trimmed', 1)],
  ['scraping', inPass('non-trimmed', 2)],
  ['the first retry', inPass('bad', 1)],
  ['the second retry', inPass('bad', 2)],
  ['settling', { message: (said) => said.kind === 'phase' && said.phase === 'settling' }],
];

function settled(result: CopyResult) {
  if (result.kind !== 'settled') throw new TypeError(JSON.stringify(result));
  return result;
}

async function badReads({ disk }: RescueBench): Promise<number> {
  const { faults } = await disk.counters();
  return faults.reduce((sum, { kind, reads }) => sum + (kind === 'read-error' ? reads : 0), 0);
}

const unavailable = faultDiskUnavailable();

describe.skipIf(unavailable !== undefined)('a rescue', () => {
  it('that is killed in every pass ends as one that was not, and repeats a handful of reads', async () => {
    await using calm = await RescueBench.create(SIZE, FAULTS);
    const undisturbed = settled(await calm.copy());

    await using bench = await RescueBench.create(SIZE, FAULTS);
    for (const [moment, isTime] of MOMENTS) {
      const result = await bench.copyUntil(isTime);
      expect({ moment, result }).toMatchObject({
        moment,
        result: { kind: 'failed', failure: { code: 'copy-process-killed' } },
      });
    }
    const { verdict, logs } = settled(await bench.copy());
    expect(verdict.reasons).toEqual(undisturbed.verdict.reasons);
    expect(verdict.verifiedBytes).toBe(undisturbed.verdict.verifiedBytes);
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros(PLACES)));
    const calmMap = await calm.map(undisturbed.logs.rescueMapUri);
    const { map } = await bench.map(logs.rescueMapUri);
    expect([...map.areas()]).toEqual([...calmMap.map.areas()]);
    const most = (await badReads(calm)) + HANDFUL * MOMENTS.length;
    expect(await badReads(bench)).toBeLessThanOrEqual(most);
  });
});
