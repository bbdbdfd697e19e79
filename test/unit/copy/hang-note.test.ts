import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { BadPlaces } from '../../../src/copy/bad-places.ts';
import { NotedReads } from '../../../src/copy/noted-reads.ts';
import { plannedBlock } from '../../../src/copy/planned-block.ts';
import type { BlobName } from '../../../src/domain/blob-name.ts';
import type { ImagePlan } from '../../../src/domain/plan.ts';

/** What a copy writes down of a read that never comes back, and what the next one makes of it. */

const MIB = 1024 * 1024;
const BLOCK = 8 * MIB;
const PLAN: ImagePlan = {
  kind: 'image',
  totalBytes: 2 * BLOCK,
  blobs: [
    {
      name: 'disk.img' as BlobName,
      lengthBytes: 2 * BLOCK,
      blockBytes: BLOCK,
      extents: [{ offsetBytes: 0, lengthBytes: 2 * BLOCK }],
    },
  ],
};

async function aCopy() {
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-hang-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const whose = { journalFile: join(directory, 'copy.journal'), nonce: '00112233aabbccdd' };
  const next = async () => {
    const places = await BadPlaces.open(whose, PLAN);
    await places.takeOver();
    return places;
  };
  return { places: await next(), next };
}

const sectors = (at: number, count: number) => ({
  offsetBytes: 4 * MIB + at * 512,
  lengthBytes: count * 512,
});

test('a probe elsewhere that hangs tells nothing of any place, a read does while it goes on', async () => {
  const { places, next } = await aCopy();
  const hanging = Promise.withResolvers<void>();
  const reads = new NotedReads({ devicePath: '/dev/x', readInto: () => hanging.promise }, places);
  const { offsetBytes, lengthBytes } = sectors(0, 8);
  const read = reads.readInto(Buffer.alloc(lengthBytes), offsetBytes);
  await reads.noteHang(12 * MIB);
  expect(places.isKnown).toBe(false);
  await reads.noteHang(offsetBytes);
  expect((await next()).hung).toEqual([{ ...sectors(0, 8), isLeftOut: false }]);
  hanging.resolve();
  await read;
  await reads.noteHang(offsetBytes);
  expect(places.hung).toHaveLength(1);
});

test('a read of the fast copy counts as failed', async () => {
  const { places, next } = await aCopy();
  await places.noteHang({ ...sectors(0, 2048), isRescue: false });
  const { map, hung } = await next();
  expect(hung).toEqual([{ ...sectors(0, 2048), isLeftOut: false }]);
  expect(map.at(4 * MIB)).toEqual({ ...sectors(0, 2048), status: 'non-trimmed' });
});

test('errors that may be those of a disk that left are not written, and what is not kept is not read', async () => {
  const { places, next } = await aCopy();
  places.map.mark(sectors(0, 64), 'non-trimmed');
  places.doubtful = [...places.map.within(sectors(0, 8))];
  places.map.mark(sectors(0, 8), 'bad');
  await places.noteHang({ ...sectors(24, 8), isRescue: true, came: sectors(8, 16) });
  const { map } = await next();
  expect([...map.within(sectors(0, 64))]).toEqual([
    { ...sectors(0, 24), status: 'non-trimmed' },
    { ...sectors(24, 8), status: 'bad' },
    { ...sectors(32, 32), status: 'non-trimmed' },
  ]);
});

test('a block that is lost and does not read comes last; one that the store has stays read', async () => {
  const { places, next } = await aCopy();
  const [blob] = PLAN.blobs;
  if (blob === undefined) throw new TypeError('the plan has a blob');
  places.finished(blob, 0);
  await places.unread([0, 1].map((index) => plannedBlock(blob, index)));
  expect(places.map.isAll({ offsetBytes: 0, lengthBytes: BLOCK }, 'finished')).toBe(true);
  await places.close();
  const after = await next();
  expect(after.map.isAll({ offsetBytes: BLOCK, lengthBytes: BLOCK }, 'non-trimmed')).toBe(true);
  await after.close();
});
