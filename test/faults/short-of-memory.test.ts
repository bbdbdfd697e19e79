import { describe, expect, it } from 'vitest';
import { faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import type { DiskFault } from '../../src/detect/identity-file.ts';
import { RescueBench } from '../support/rescue.ts';

const MIB = 1024 * 1024;
const ENOMEM = 12;
const unavailable = faultDiskUnavailable();
if (unavailable !== undefined) {
  process.stdout.write(`SKIPPED: a read without memory is not tested: ${unavailable}\n`);
}

/** The block layer gives it where it got no memory for a request ("blk_errors", `block/blk-core.c`). */
const once = (offsetBytes: number): DiskFault => ({
  ...{ kind: 'read-error', offsetBytes, lengthBytes: 4096 },
  ...{ errno: ENOMEM, times: 1 },
});

describe.skipIf(unavailable !== undefined)('a read for which the kernel has no memory', () => {
  it('makes no place of the disk bad: the copy is tried again, and all of it is read', async () => {
    await using bench = await RescueBench.create(32 * MIB, [once(20 * MIB)]);
    const starved = await bench.copy();
    expect(starved).toMatchObject({ kind: 'failed', failure: { code: 'copy-process-starved' } });
    const second = await bench.copy();
    expect(second).toMatchObject({ kind: 'settled', verdict: { outcome: 'Completed' } });
    expect(await bench.stored()).toEqual(bench.withZeros([]));
  });
});
