import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { contentAt } from '../../../native-fixtures/image.ts';
import type { BlobContainer } from '../../../src/blobs/contract.ts';
import type { FromCopy } from '../../../src/copy/messages.ts';
import type { NotedReads } from '../../../src/copy/noted-reads.ts';
import { noteAsked } from '../../../src/copy/stranger.ts';
import { StationError } from '../../../src/errors.ts';
import { ImageBench, MemoryDisk, unreadable } from '../../support/image-bench.ts';
import { dyingAt } from '../../support/wrapped-container.ts';

/** An image whose disk does not hold what its copy began with: only a person can tell whether it is the right one. */

const MIB = 1024 * 1024;
const BLOCK = 8 * MIB;
/** Two whole blocks and one of the smallest size. */
const SIZE = 2 * BLOCK + MIB;
const PAGE = 4096;
const changed = { code: 'disk-content-changed' };
const died = { code: 'internal-error' };
const confirmed = { outcome: 'CompletedMoreInfo', reasons: [{ code: 'disk-confirmed' }] };
const gone = (offsetBytes: number) =>
  new StationError('disk-gone', 'it left', { devicePath: '/dev/x', offsetBytes });
const contentOf = (seed: string) => Buffer.from(contentAt(seed, 0, SIZE));
const [first, second, third] = [contentOf('first'), contentOf('second'), contentOf('third')];

let bench: ImageBench;
beforeEach(async () => {
  bench = await ImageBench.create();
});
afterEach(() => bench[Symbol.asyncDispose]());

const copied = (content: Buffer, diskseq: number, wrap?: (inner: BlobContainer) => BlobContainer) =>
  bench.copy(new MemoryDisk(content), { diskseq, ...(wrap === undefined ? {} : { wrap }) });
const asked = () => noteAsked(bench.journalFile);

/** A disk with something that happens at each read of it. */
class Watched extends MemoryDisk {
  readonly #onRead: (bytes: Buffer, offsetBytes: number) => Promise<void>;

  constructor(content: Buffer, onRead: (bytes: Buffer, offsetBytes: number) => Promise<void>) {
    super(content);
    this.#onRead = onRead;
  }

  override async readInto(bytes: Buffer, offsetBytes: number): Promise<void> {
    await this.#onRead(bytes, offsetBytes);
    await super.readInto(bytes, offsetBytes);
  }
}

/** The journal has the two whole blocks of a disk; they were checked, unless the disk left. */
async function begun(content: Buffer, end: 'cancelled' | 'disk-gone'): Promise<void> {
  const stop = new AbortController();
  const areSafe = Promise.withResolvers<void>();
  const disk = new Watched(content, async (_, offsetBytes) => {
    if (offsetBytes < 2 * BLOCK) return;
    await areSafe.promise;
    if (end === 'disk-gone') throw gone(offsetBytes);
  });
  const onMessage = (message: FromCopy) => {
    if (message.kind !== 'progress' || message.progress.stagedBytes < 2 * BLOCK) return;
    if (end === 'cancelled') stop.abort();
    areSafe.resolve();
  };
  const copy = bench.copy(disk, { onMessage, signal: stop.signal });
  await expect(copy).rejects.toMatchObject({ code: end });
}

const beginsWithFirst = () => begun(first, 'cancelled');

/** A person is asked about the second disk. */
async function asksAboutSecond(): Promise<void> {
  await beginsWithFirst();
  await expect(copied(second, 2)).rejects.toMatchObject(changed);
  await asked();
}

test('it is asked about until it was plugged in anew, and then all of it is read anew', async () => {
  await asksAboutSecond();
  await expect(copied(second, 2)).rejects.toMatchObject(changed);
  await asked();
  expect(await copied(second, 3)).toMatchObject(confirmed);
  expect((await bench.stored()).equals(second)).toBe(true);
});

test('it is asked about as long as nobody was told, however often it is plugged in', async () => {
  await beginsWithFirst();
  for (const diskseq of [2, 3, 4]) {
    await expect(copied(second, diskseq)).rejects.toMatchObject(changed);
  }
});

test('the first disk goes on with what it had, and the other one is asked about again', async () => {
  await asksAboutSecond();
  const messages: FromCopy[] = [];
  const again = bench.copy(new MemoryDisk(first), {
    ...{ diskseq: 3, wrap: dyingAt('stageBlock', 1) },
    onMessage: (message) => messages.push(message),
  });
  await expect(again).rejects.toMatchObject(died);
  const held = messages.find((message) => message.kind === 'reconciled');
  expect(held?.heldBlocks).toBeGreaterThan(0);
  await expect(copied(second, 4)).rejects.toMatchObject(changed);
  expect(await copied(first, 5)).toMatchObject({ outcome: 'Completed' });
  expect((await bench.stored()).equals(first)).toBe(true);
});

test('a third disk is not taken for the one that a person was asked about', async () => {
  await asksAboutSecond();
  await expect(copied(third, 3)).rejects.toMatchObject(changed);
});

test('nothing of the first disk is believed again, whatever comes later', async () => {
  await asksAboutSecond();
  await expect(copied(second, 3, dyingAt('stageBlock', 2))).rejects.toMatchObject(died);
  await expect(copied(first, 4)).rejects.toMatchObject(changed);
  // The store has blocks of both, and nobody knows any more which are of which.
  await rm(bench.journalFile);
  await expect(copied(second, 5)).rejects.toMatchObject(changed);
  await asked();
  expect(await copied(second, 6)).toMatchObject(confirmed);
  expect((await bench.stored()).equals(second)).toBe(true);
});

test('a copy of the second disk goes on where it was', async () => {
  await asksAboutSecond();
  await expect(copied(second, 3, dyingAt('commit', 1))).rejects.toMatchObject(died);
  expect(await copied(second, 4)).toMatchObject(confirmed);
  expect((await bench.stored()).equals(second)).toBe(true);
});

test('a blob that was made of the first disk is not replaced, and is finished when that is back', async () => {
  await expect(copied(first, 1, dyingAt('commit', 1))).rejects.toMatchObject(died);
  await expect(copied(second, 2)).rejects.toMatchObject(changed);
  await asked();
  for (const diskseq of [3, 3]) {
    await expect(copied(second, diskseq)).rejects.toMatchObject({
      ...{ code: 'destination-exists', message: expect.stringContaining('is not replaced') },
    });
  }
  expect(await copied(first, 4)).toMatchObject({ outcome: 'Completed' });
  expect((await bench.stored()).equals(first)).toBe(true);
});

test('when that blob was moved away the second disk takes its name', async () => {
  await expect(copied(first, 1, dyingAt('commit', 1))).rejects.toMatchObject(died);
  await expect(copied(second, 2)).rejects.toMatchObject(changed);
  await asked();
  await bench.removeImage();
  expect(await copied(second, 3)).toMatchObject(confirmed);
  expect((await bench.stored()).equals(second)).toBe(true);
});

/** All that the first two blocks are known by. */
const KNOWN = [0, BLOCK - PAGE, BLOCK];
const isAt = (places: readonly number[], { length }: Buffer, offsetBytes: number) =>
  places.some((at) => at + PAGE > offsetBytes && at < offsetBytes + length);

test('a disk of which other places read than those that it is known by is no other one', async () => {
  await beginsWithFirst();
  const worn = new Watched(first, async (bytes, offsetBytes) => {
    if (isAt(KNOWN, bytes, offsetBytes)) throw unreadable(bytes, offsetBytes);
  });
  expect(await bench.copy(worn, { diskseq: 2 })).toMatchObject({ outcome: 'Completed' });
  expect((await bench.stored()).equals(first)).toBe(true);
});

test('a disk of which nothing reads is no other one either, however often it is plugged in', async () => {
  await beginsWithFirst();
  const dead = new Watched(first, async (bytes, offsetBytes) => {
    throw unreadable(bytes, offsetBytes);
  });
  for (const diskseq of [2, 3]) {
    const copy = bench.copy(dead, { diskseq });
    await expect(copy).rejects.toMatchObject({ code: 'disk-read-failed' });
    await asked();
  }
  expect(await copied(first, 4)).toMatchObject({ outcome: 'Completed' });
});

test('a disk that hung wherever it is known by is asked about, and read anew then', async () => {
  await beginsWithFirst();
  for (const _ of KNOWN) {
    let reads: Pick<NotedReads, 'noteHang'> | undefined;
    const hanging = new Watched(first, async (bytes, offsetBytes) => {
      if (!isAt(KNOWN, bytes, offsetBytes)) return;
      await reads?.noteHang(offsetBytes);
      throw new StationError('internal-error', 'given up', { detail: 'given up' });
    });
    const onReads = (noted: Pick<NotedReads, 'noteHang'>) => {
      reads = noted;
    };
    await expect(bench.copy(hanging, { onReads })).rejects.toMatchObject(died);
  }
  await expect(copied(first, 2)).rejects.toMatchObject({ code: 'disk-read-failed' });
  await asked();
  expect(await copied(first, 3)).toMatchObject(confirmed);
  expect((await bench.stored()).equals(first)).toBe(true);
});

test('a block that did not read is no lie, and another disk is told from the first all the same', async () => {
  const [one, other] = [first, second].map((content) => Buffer.from(content).fill(0, 0, BLOCK));
  if (one === undefined || other === undefined) throw new TypeError('there are two');
  await begun(one, 'disk-gone');
  const worn = new Watched(one, async (bytes, offsetBytes) => {
    if (isAt([BLOCK + MIB], bytes, offsetBytes)) throw unreadable(bytes, offsetBytes);
  });
  // The store has the last block then, and the journal does not.
  const copy = bench.copy(worn, { diskseq: 2, wrap: dyingAt('stageBlock', 1) });
  await expect(copy).rejects.toMatchObject(died);
  await expect(copied(other, 3)).rejects.toMatchObject(changed);
});
