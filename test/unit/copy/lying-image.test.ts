import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contentAt } from '../../../native-fixtures/image.ts';
import type { Verdict } from '../../../src/domain/verdict.ts';
import { isStationError, StationError } from '../../../src/errors.ts';
import { RESCUE_CLUSTER_BYTES } from '../../../src/limits.ts';
import { ImageBench, MemoryDisk, unreadable } from '../../support/image-bench.ts';
import { believing, dyingAt } from '../../support/wrapped-container.ts';

/**
 * A disk with bad sectors that tells rubbish of everything from some read on, without an error, until its
 * attempt ends: by a pull, a death, a stop or a check. Whatever the instants: an attempt that ends well has
 * made the right image but for sectors that do not read, and tells of each of them; and a disk that told
 * the truth at first arrives once it is cured.
 */

const MIB = 1024 * 1024;
const SECTOR = 512;
/** Four whole blocks and one of the smallest size. */
const SIZE = 4 * 8 * MIB + MIB;
const content = Buffer.from(contentAt('lies', 0, SIZE));

const attempts = fc.array(
  fc.record({
    /** In between the store takes what was read before, or not. */
    readMs: fc.constantFrom(0, 12),
    liesFrom: fc.option(fc.integer({ min: 2, max: 60 })),
    goneAt: fc.option(fc.integer({ min: 1, max: 80 })),
    end: fc.option(
      fc.oneof(
        fc.record({
          method: fc.constantFrom('stageBlock', 'commit', 'properties'),
          nth: fc.integer({ min: 1, max: 6 }),
        }),
        fc.record({ stopAtBytes: fc.integer({ min: 0, max: SIZE }) }),
      ),
    ),
  }),
  { minLength: 1, maxLength: 3 },
);
type Attempt = typeof attempts extends fc.Arbitrary<(infer One)[]> ? One : never;
const sectors = fc.array(fc.integer({ min: 0, max: SIZE / SECTOR - 1 }), { maxLength: 2 });

/** Rubbish is staged behind what is known, and the disk leaves before anybody asks it. */
const leavesUnasked: Attempt[] = [
  { readMs: 12, liesFrom: null, goneAt: null, end: { stopAtBytes: 8 * MIB } },
  { readMs: 12, liesFrom: 14, goneAt: 22, end: null },
];
const CURED: Attempt = { readMs: 0, liesFrom: null, goneAt: null, end: null };
/** How an attempt may end that does not end well. */
const ENDS = ['disk-content-changed', 'disk-gone', 'cancelled', 'internal-error'];

class Disk extends MemoryDisk {
  readonly #bad: readonly number[];
  readonly #readMs: number;
  readonly #liesFrom: number;
  readonly #goneAt: number;
  #reads = 0;

  constructor(bad: readonly number[], { readMs, liesFrom, goneAt }: Attempt) {
    super(content);
    this.#readMs = readMs;
    this.#bad = bad;
    this.#liesFrom = liesFrom ?? Number.POSITIVE_INFINITY;
    this.#goneAt = goneAt ?? Number.POSITIVE_INFINITY;
  }

  get isLying(): boolean {
    return this.#reads >= this.#liesFrom;
  }

  override async readInto(bytes: Buffer, offsetBytes: number): Promise<void> {
    this.#reads++;
    if (bytes.length > RESCUE_CLUSTER_BYTES) await sleep(this.#readMs);
    await this.proveAlive();
    const end = offsetBytes + bytes.length;
    if (this.#bad.some((at) => at * SECTOR >= offsetBytes && at * SECTOR < end)) {
      throw unreadable(bytes, offsetBytes);
    }
    await super.readInto(bytes, offsetBytes);
    if (!this.isLying) return;
    for (let at = 0; at < bytes.length; at += SECTOR) bytes[at] = ~(bytes[at] ?? 0);
  }

  override async proveAlive(): Promise<void> {
    if (this.#reads < this.#goneAt) return;
    const { devicePath } = this;
    throw new StationError('disk-gone', `${devicePath} is gone`, { devicePath, offsetBytes: 0 });
  }
}

/** Gives no verdict of an attempt that did not end well; `onSafe` is told what the journal has. */
async function attempted(
  bench: ImageBench,
  disk: Disk,
  { end, onSafe }: Attempt & { onSafe(bytes: number): void },
): Promise<Verdict | undefined> {
  const isDeath = end !== null && 'method' in end;
  const stopAtBytes = end !== null && 'stopAtBytes' in end ? end.stopAtBytes : SIZE + 1;
  const stop = new AbortController();
  try {
    return await bench.copy(disk, {
      wrap: (inner) =>
        isDeath ? dyingAt(end.method, end.nth)(believing(inner)) : believing(inner),
      onMessage: (message) => {
        if (message.kind !== 'progress') return;
        const { stagedBytes } = message.progress;
        onSafe(stagedBytes);
        if (stagedBytes >= stopAtBytes) stop.abort();
      },
      signal: stop.signal,
    });
  } catch (error) {
    if (!isStationError(error) || !ENDS.includes(error.code)) throw error;
    return undefined;
  }
}

async function expectRight(
  bench: ImageBench,
  verdict: Verdict,
  bad: readonly number[],
): Promise<void> {
  const told = verdict.blobs[0]?.unreadable?.first ?? [];
  const expected = Buffer.from(content);
  for (const { offsetBytes, lengthBytes } of told) {
    for (let at = 0; at < lengthBytes; at += SECTOR)
      expect(bad).toContain((offsetBytes + at) / SECTOR);
    expected.fill(0, offsetBytes, offsetBytes + lengthBytes);
  }
  expect(verdict.outcome).toBe(bad.length === 0 ? 'Completed' : 'CompletedMoreInfo');
  expect((await bench.stored()).equals(expected)).toBe(true);
}

test('no instant at which a disk begins to lie makes a wrong image that is not told', async () => {
  await fc.assert(
    fc.asyncProperty(attempts, sectors, async (all, bad) => {
      await using bench = await ImageBench.create();
      let [isKnown, safeBytes] = [false, 0];
      const onSafe = (bytes: number) => {
        safeBytes = Math.max(safeBytes, bytes);
      };
      let verdict: Verdict | undefined;
      for (const each of [...all, CURED, CURED]) {
        const disk = new Disk(bad, each);
        verdict = await attempted(bench, disk, { ...each, onSafe });
        if (verdict !== undefined) {
          expect(disk.isLying).toBe(false);
          await expectRight(bench, verdict, bad);
          break;
        }
        if (each === all[0]) isKnown = safeBytes > 0 && !disk.isLying;
      }
      if (isKnown) expect(verdict).toBeDefined();
    }),
    { numRuns: 8, timeout: 30_000, endOnFailure: true, examples: [[leavesUnasked, []]] },
  );
});
