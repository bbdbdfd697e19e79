import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contentAt } from '../../../native-fixtures/image.ts';
import type { BlobContainer } from '../../../src/blobs/contract.ts';
import { openContainer } from '../../../src/blobs/open.ts';
import { copyDrive } from '../../../src/copy/copy-drive.ts';
import type { DiskToRead } from '../../../src/copy/device.ts';
import { badPlace } from '../../../src/copy/disk-errors.ts';
import type { ImageAssignment } from '../../../src/copy/messages.ts';
import type { BlobName } from '../../../src/domain/blob-name.ts';
import type { Verdict } from '../../../src/domain/verdict.ts';
import { isStationError, StationError } from '../../../src/errors.ts';
import { RESCUE_CLUSTER_BYTES } from '../../../src/limits.ts';
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
const PATH = '/dev/x';
const never = new AbortController().signal;
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

class Disk implements DiskToRead {
  readonly devicePath = PATH;
  readonly sizeBytes = SIZE;
  readonly mayBeAsleep = false;
  readonly sectorBytes = { logical: SECTOR, physical: SECTOR };
  readonly #bad: readonly number[];
  readonly #readMs: number;
  readonly #liesFrom: number;
  readonly #goneAt: number;
  #reads = 0;

  constructor(bad: readonly number[], { readMs, liesFrom, goneAt }: Attempt) {
    this.#readMs = readMs;
    this.#bad = bad;
    this.#liesFrom = liesFrom ?? Number.POSITIVE_INFINITY;
    this.#goneAt = goneAt ?? Number.POSITIVE_INFINITY;
  }

  get isLying(): boolean {
    return this.#reads >= this.#liesFrom;
  }

  async readInto(bytes: Buffer, offsetBytes: number): Promise<void> {
    this.#reads++;
    if (bytes.length > RESCUE_CLUSTER_BYTES) await sleep(this.#readMs);
    await this.proveAlive();
    const end = offsetBytes + bytes.length;
    if (this.#bad.some((at) => at * SECTOR >= offsetBytes && at * SECTOR < end)) {
      const why = { errno: 'EIO', lengthBytes: bytes.length, cause: undefined };
      throw badPlace(PATH, offsetBytes, why);
    }
    content.copy(bytes, 0, offsetBytes, end);
    if (!this.isLying) return;
    for (let at = 0; at < bytes.length; at += SECTOR) bytes[at] = ~(bytes[at] ?? 0);
  }

  async proveAlive(): Promise<void> {
    if (this.#reads < this.#goneAt) return;
    throw new StationError('disk-gone', `${PATH} is gone`, { devicePath: PATH, offsetBytes: 0 });
  }

  async stillSame(): Promise<void> {
    await this.proveAlive();
  }

  async writesCompleted(): Promise<number> {
    return 0;
  }
}

/** A store, and copies of disks into it. */
class Bench implements AsyncDisposable {
  /** What the journal has of the image. */
  safeBytes = 0;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(): Promise<Bench> {
    const directory = await mkdtemp(join(tmpdir(), 'drive-station-lies-'));
    await mkdir(join(directory, 'store'));
    return new Bench(directory);
  }

  /** Gives no verdict of an attempt that did not end well. */
  async copy(disk: Disk, { end }: Attempt): Promise<Verdict | undefined> {
    const store = believing(await this.#container('disks'));
    const isDeath = end !== null && 'method' in end;
    const container = isDeath ? dyingAt(end.method, end.nth)(store) : store;
    const stopAtBytes = end !== null && 'stopAtBytes' in end ? end.stopAtBytes : SIZE + 1;
    const stop = new AbortController();
    const parts = {
      ...{ device: disk, container, now: () => new Date(), random: Math.random },
      openLogContainer: (name: string) => this.#container(name),
    };
    const assignment = this.#assignment();
    try {
      const { verdict } = await copyDrive(
        assignment,
        {
          ...parts,
          report: (message) => {
            const bytes = message.kind === 'progress' ? message.progress.stagedBytes : -1;
            this.safeBytes = Math.max(this.safeBytes, bytes);
            if (bytes >= stopAtBytes) stop.abort();
          },
        },
        stop.signal,
      );
      return verdict;
    } catch (error) {
      if (!isStationError(error) || !ENDS.includes(error.code)) throw error;
      return undefined;
    }
  }

  async stored(): Promise<Buffer> {
    const container = await this.#container('disks');
    return Buffer.concat(await Array.fromAsync(container.read('SICK.img' as BlobName, never)));
  }

  #container(name: string): Promise<BlobContainer> {
    return openContainer(this.#assignment().storage, name);
  }

  #assignment(): ImageAssignment {
    return {
      kind: 'assignment',
      ...{ copyId: 'copy-1', nonce: '00112233aabbccdd', driveId: 'SICK', readHangMs: 60_000 },
      disk: { devicePath: PATH, diskseq: 1, sizeBytes: SIZE, wwns: [], writesAtFirstSight: 0 },
      plan: { kind: 'image', container: 'disks', blobPrefix: '' },
      storage: { kind: 'directory', directory: join(this.#directory, 'store') },
      logs: { jobName: 'job', level: 'Error', path: '' },
      journalFile: join(this.#directory, 'journals', 'copy-1.journal'),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }
}

async function expectRight(bench: Bench, verdict: Verdict, bad: readonly number[]): Promise<void> {
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
      await using bench = await Bench.create();
      let isKnown = false;
      let verdict: Verdict | undefined;
      for (const each of [...all, CURED, CURED]) {
        const disk = new Disk(bad, each);
        verdict = await bench.copy(disk, each);
        if (verdict !== undefined) {
          expect(disk.isLying).toBe(false);
          await expectRight(bench, verdict, bad);
          break;
        }
        if (each === all[0]) isKnown = bench.safeBytes > 0 && !disk.isLying;
      }
      if (isKnown) expect(verdict).toBeDefined();
    }),
    { numRuns: 8, timeout: 30_000, endOnFailure: true, examples: [[leavesUnasked, []]] },
  );
});
