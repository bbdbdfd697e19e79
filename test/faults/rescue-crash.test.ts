import { describe, expect, it } from 'vitest';
import { faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import { bad, copyPid, RescueBench, sha256 } from '../support/rescue.ts';

/** A copy process that is killed in any phase of a rescue: the next one ends as if nothing had been. */

const MIB = 1024 * 1024;
const BLOCK = 8 * MIB;
const SIZE = 6 * BLOCK;
const PLACES = [
  { offsetBytes: BLOCK + 4096, lengthBytes: 512 },
  { offsetBytes: 3 * BLOCK + MIB, lengthBytes: 32_768 },
  { offsetBytes: 5 * BLOCK, lengthBytes: 512 },
];
const FAULTS = PLACES.map((at) => bad(at.offsetBytes, at.lengthBytes));
/** A larger read, alone, and two retries; each attempt may repeat what it had not saved yet. */
const TRIES = 4;
const KILLS_MS = [0, 150, 400, 900, 1500];

const unavailable = faultDiskUnavailable();

describe.skipIf(unavailable !== undefined)('a rescue', { timeout: 180_000 }, () => {
  it('that is killed again and again ends as one that was not', async () => {
    await using calm = await RescueBench.create(SIZE, FAULTS);
    const undisturbed = await calm.copy();
    if (undisturbed.kind !== 'settled') throw new TypeError(JSON.stringify(undisturbed));

    await using bench = await RescueBench.create(SIZE, FAULTS);
    for (const delayMs of KILLS_MS) {
      let kill: NodeJS.Timeout | undefined;
      const result = await bench.copy((message) => {
        const isInTrouble = message.kind === 'rescuing' || message.kind === 'progress';
        if (kill !== undefined || !isInTrouble) return;
        kill = setTimeout(
          () => void copyPid().then((pid) => pid && process.kill(pid, 'SIGKILL')),
          delayMs,
        );
      });
      clearTimeout(kill);
      if (result.kind === 'settled') break;
      expect(result.failure).toMatchObject({ code: 'copy-process-ended' });
    }
    const result = await bench.copy();
    if (result.kind !== 'settled') throw new TypeError(JSON.stringify(result));
    expect(result.verdict.reasons).toEqual(undisturbed.verdict.reasons);
    expect(result.verdict.verifiedBytes).toBe(undisturbed.verdict.verifiedBytes);
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros(PLACES)));
    const [calmMap, map] = [
      await calm.map(undisturbed.logs.rescueMapUri),
      await bench.map(result.logs.rescueMapUri),
    ];
    expect([...map.map.areas()]).toEqual([...calmMap.map.areas()]);
    const { faults } = await bench.disk.counters();
    for (const { reads, lengthBytes } of faults) {
      const sectors = lengthBytes / 512;
      expect(reads).toBeLessThanOrEqual(TRIES * (KILLS_MS.length + 1) * sectors);
    }
  });
});
