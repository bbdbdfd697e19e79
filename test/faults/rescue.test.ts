import { describe, expect, it } from 'vitest';
import { faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import type { CopyResult } from '../../src/copy/copy-process.ts';
import type { FromCopy } from '../../src/copy/messages.ts';
import type { DiskFault } from '../../src/detect/identity-file.ts';
import type { Extent } from '../../src/domain/plan.ts';
import { bad, RescueBench, sha256 } from '../support/rescue.ts';

/** Disks with bad places: every good byte arrives, every other one is named. */

const MIB = 1024 * 1024;
const BLOCK = 8 * MIB;
const SIZE = 5 * BLOCK + 512;
/** In a larger read, alone, and two retries. */
const TRIES = 4;

const unavailable = faultDiskUnavailable();
if (unavailable !== undefined) {
  process.stdout.write(`SKIPPED: bad sectors are not tested: ${unavailable}\n`);
}

function settled(result: CopyResult) {
  if (result.kind !== 'settled') throw new TypeError(JSON.stringify(result));
  return result;
}

const cases: readonly { readonly name: string; readonly places: readonly Extent[] }[] = [
  {
    name: 'scattered bad sectors',
    places: [
      { offsetBytes: 3 * MIB, lengthBytes: 512 },
      { offsetBytes: 3 * MIB + 70_656, lengthBytes: 1024 },
      { offsetBytes: 17 * MIB, lengthBytes: 4096 },
      { offsetBytes: 25 * MIB + 512, lengthBytes: 512 },
    ],
  },
  { name: 'a bad region of 2 MiB', places: [{ offsetBytes: 15 * MIB, lengthBytes: 2 * MIB }] },
  {
    name: 'a bad first and a bad last sector',
    places: [
      { offsetBytes: 0, lengthBytes: 512 },
      { offsetBytes: SIZE - 512, lengthBytes: 512 },
    ],
  },
];

describe.skipIf(unavailable !== undefined)('a disk with', () => {
  it.each(cases)('$name', async ({ places }) => {
    const faults: DiskFault[] = places.map((at) => bad(at.offsetBytes, at.lengthBytes));
    await using bench = await RescueBench.create(SIZE, faults);
    const { verdict, logs } = settled(await bench.copy());
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros(places)));

    const missing = places.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    expect(verdict).toMatchObject({
      outcome: 'CompletedMoreInfo',
      copyStatus: 'CompletedWithErrors',
      safeToRemove: false,
      reasons: [{ code: 'bytes-unreadable' }],
      verifiedBytes: SIZE - missing,
      blobs: [{ unreadable: { first: places, count: places.length, untriedBytes: 0 } }],
    });

    const { map, standing } = await bench.map(logs.rescueMapUri);
    const lost = [...map.areas()].filter((area) => area.status !== 'finished');
    expect(lost).toEqual(places.map((place) => ({ ...place, status: 'bad' })));
    expect(standing.status).toBe('finished');

    const { blobs, status } = await bench.log(logs.errorLogUri);
    expect(status).toBe('CompletedWithErrors');
    const failing = places.flatMap(({ offsetBytes, lengthBytes }) => {
      const last = Math.floor((offsetBytes + lengthBytes - 1) / BLOCK);
      const first = Math.floor(offsetBytes / BLOCK);
      return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * BLOCK);
    });
    expect(blobs[0]?.ranges?.list).toMatchObject(
      [...new Set(failing)].map((offset) => ({ offset, status: 'IOFailed' })),
    );
    const { faults: counted } = await bench.disk.counters();
    for (const { reads, lengthBytes } of counted) {
      expect(reads).toBeLessThanOrEqual((TRIES * lengthBytes) / 512);
    }
  });

  it('nothing that reads ends as zeros, all of them named', async () => {
    await using bench = await RescueBench.create(64 * 1024, [bad(0, 64 * 1024)]);
    const { verdict } = settled(await bench.copy());
    const all = { offsetBytes: 0, lengthBytes: 64 * 1024 };
    expect(verdict).toMatchObject({
      outcome: 'CompletedMoreInfo',
      verifiedBytes: 0,
      blobs: [{ readBytes: 0, unreadable: { first: [all], count: 1 } }],
    });
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros([all])));
  });

  it('weak sectors that read at the third try arrives whole', async () => {
    const weak = [4 * MIB, 20 * MIB, 20 * MIB + 8192].map((at) => bad(at, 512, 2));
    await using bench = await RescueBench.create(SIZE, weak);
    const { verdict, logs } = settled(await bench.copy());
    expect(verdict).toMatchObject({ outcome: 'Completed', verifiedBytes: SIZE });
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros([])));
    expect((await bench.map(logs.rescueMapUri)).map.missingBytes).toBe(0);
  });

  it('no bad place has no map, and its blob an MD5 as ever', async () => {
    await using bench = await RescueBench.create(SIZE);
    const { verdict, logs } = settled(await bench.copy());
    expect(verdict).toMatchObject({ outcome: 'Completed', blobs: [{ committed: {} }] });
    expect(verdict.blobs[0]?.computedMd5).toBe(verdict.blobs[0]?.committed.md5);
    expect(logs).not.toHaveProperty('rescueMapUri');
  });

  it('a slow area is read to its end, after the good ones', async () => {
    const slow = {
      kind: 'delay',
      offsetBytes: BLOCK,
      lengthBytes: 3 * BLOCK,
      delayMs: 300,
    } as const;
    await using bench = await RescueBench.create(7 * BLOCK, [slow]);
    const { verdict } = settled(await bench.copy());
    expect(verdict.outcome).toBe('Completed');
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros([])));
  });

  it('time for bad places that is used up is never Completed, and says what was not tried', async () => {
    const wide = bad(15 * MIB, 2 * MIB);
    await using bench = await RescueBench.create(SIZE, [wide]);
    const { verdict, logs } = settled(await bench.copy(undefined, { over: { rescueMs: 1 } }));
    expect(verdict.outcome).toBe('CompletedMoreInfo');
    expect(verdict.reasons[0]?.words).toContain('time for bad places was used up');
    const { map } = await bench.map(logs.rescueMapUri);
    expect(map.missingBytes).toBe(SIZE - verdict.verifiedBytes);
    const lost = [...map.areas()].filter((area) => area.status !== 'finished');
    expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros(lost)));
  });

  it('other bytes after an error than before is not believed any more', async () => {
    const rubbish = { kind: 'corrupt', offsetBytes: 0, lengthBytes: SIZE } as const;
    // Each read of its first place takes so long that there is time to change all others.
    const slow = {
      kind: 'delay',
      offsetBytes: 3 * BLOCK,
      lengthBytes: 4096,
      delayMs: 300,
    } as const;
    await using bench = await RescueBench.create(SIZE, [bad(3 * BLOCK, MIB), slow]);
    let injected: Promise<void> | undefined;
    const onMessage = (message: FromCopy) => {
      if (message.kind === 'rescuing') injected ??= bench.disk.inject([rubbish]);
    };
    const result = await bench.copy(onMessage);
    await injected;
    expect(result).toMatchObject({
      kind: 'failed',
      failure: { code: 'disk-content-changed' },
    });
  });

  it.each(['io-error', 'clean-eof'] as const)(
    'bad places that is pulled in the middle of them (%s) is gone, not worse',
    async (kind) => {
      await using bench = await RescueBench.create(SIZE, [bad(15 * MIB, 2 * MIB)]);
      let pulled: Promise<unknown> | undefined;
      const result = await bench.copy((message) => {
        if (message.kind === 'rescuing' && message.unreadableBytes > 0) {
          pulled ??= bench.disk.disk.pull(kind);
        }
      });
      expect(result).toMatchObject({ kind: 'failed', failure: { code: 'disk-gone' } });
      await pulled;
      await bench.replug([bad(15 * MIB, 2 * MIB)]);
      const { verdict } = settled(await bench.copy());
      const place = { offsetBytes: 15 * MIB, lengthBytes: 2 * MIB };
      expect(verdict.blobs[0]?.unreadable?.first).toEqual([place]);
      expect(sha256(await bench.stored())).toBe(sha256(bench.withZeros([place])));
    },
  );
});
