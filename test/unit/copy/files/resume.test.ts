import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobContainer } from '../../../../src/blobs/contract.ts';
import { retireJournal } from '../../../../src/copy/files/retired-journal.ts';
import { StationError } from '../../../../src/errors.ts';
import { bytesOf, FileDrive, type FileSpec } from '../../../support/file-drive.ts';

/** A copy that ends between the store's doing and its own knowing, and the one that goes on. */

const KIB = 1024;
const MIB = 1024 * KIB;

let drive: FileDrive;
beforeEach(async () => {
  drive = await FileDrive.create();
});
afterEach(() => drive[Symbol.asyncDispose]());

const small: FileSpec = { blob: 'pictures/small.jpg', bytes: bytesOf('small', 5000) };
const large: FileSpec = {
  ...{ blob: 'pictures/large.raw', bytes: bytesOf('large', 5 * MIB), blockBytes: MIB },
};
const pages: FileSpec = {
  blob: 'pictures/disk.vhd',
  bytes: bytesOf('pages', MIB),
  pages: Array.from({ length: 8 }, (_, index) => [index * 128 * KIB, 64 * KIB] as const),
};

type Method = 'put' | 'commit' | 'createPages' | 'stageBlock' | 'writePages';

/** The process dies at the n-th call of a method: the store has done it, nobody hears of it. */
function dyingAt(method: Method, nth: number) {
  let calls = 0;
  return (inner: BlobContainer): BlobContainer =>
    new Proxy(inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        if (key !== method) return value.bind(target);
        return async (...given: unknown[]) => {
          const answer: unknown = await value.apply(target, given);
          if (++calls !== nth) return answer;
          throw new StationError('internal-error', 'it dies here', { detail: method });
        };
      },
    });
}

/** Counts calls of a method. */
function counting(method: Method, counted: { calls: number }) {
  return (inner: BlobContainer): BlobContainer =>
    new Proxy(inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (key === method) counted.calls++;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
}

describe.each([
  ['put', small],
  ['commit', large],
  ['createPages', pages],
] as const)('a blob whose %s was not heard of', (method, spec) => {
  test('is known again, and is neither written again nor renamed', async () => {
    await drive.prepare([spec]);
    drive.wrap = dyingAt(method, 1);
    await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
    const before = await drive.propertiesOf(spec.blob);
    const counted = { calls: 0 };
    drive.wrap = counting(method, counted);
    const { verdict } = await drive.copy();
    expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 1, renamed: 0 } });
    expect(counted.calls).toBe(0);
    expect(await drive.namesIn('pictures')).toHaveLength(1);
    if (spec !== pages)
      expect(await drive.propertiesOf(spec.blob)).toEqual({
        ...before,
        answeredAt: expect.any(Date),
      });
  });

  test('is somebody else’s when it is older than the intent', async () => {
    await drive.prepare([spec]);
    drive.wrap = dyingAt(method, 1);
    await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
    // Our clock says that the intent came later than the blob.
    drive.clockSkewMs = -3_600_000;
    drive.wrap = (container) => container;
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 1, renamed: 1 });
    expect(await drive.namesIn('pictures')).toHaveLength(2);
  });
});

test('blocks that the journal and the store have are not sent again', async () => {
  await drive.prepare([large]);
  drive.wrap = dyingAt('stageBlock', 4);
  await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
  const counted = { calls: 0 };
  drive.wrap = counting('stageBlock', counted);
  const { verdict } = await drive.copy();
  expect(verdict.outcome).toBe('Completed');
  expect(counted.calls).toBeGreaterThan(0);
  expect(counted.calls).toBeLessThan(5);
  expect((await drive.stored(large.blob)).equals(large.bytes)).toBe(true);
});

test('pages that the journal and the store have are not written again', async () => {
  await drive.prepare([pages]);
  drive.wrap = dyingAt('writePages', 6);
  await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
  const counted = { calls: 0 };
  drive.wrap = counting('writePages', counted);
  const { verdict } = await drive.copy();
  expect(verdict.outcome).toBe('Completed');
  expect(counted.calls).toBeLessThan(8);
});

test('a file that changed on the disk since its blocks were staged is not mixed with them', async () => {
  await drive.prepare([large]);
  drive.wrap = dyingAt('stageBlock', 5);
  await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
  await drive.write('\\pictures\\large.raw', bytesOf('another', 5 * MIB));
  drive.wrap = (container) => container;
  const { verdict } = await drive.copy();
  expect(verdict.files).toMatchObject({ completed: 0, withErrors: 1 });
});

test('a drive that lists other files is copied once a person says so, and sends nothing twice', async () => {
  const second: FileSpec = { blob: 'pictures/second.jpg', bytes: bytesOf('second', 6000) };
  const added: FileSpec = { blob: 'pictures/added.jpg', bytes: bytesOf('added', 7000) };
  await drive.prepare([small, large, second, pages]);
  drive.wrap = dyingAt('writePages', 6);
  await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
  drive.wrap = (container) => container;
  // Of what was copied the first file reads as before, and the others come later in the list.
  await drive.prepare([small, added, large, second, pages]);
  await expect(drive.copy()).rejects.toMatchObject({ code: 'drive-reads-differ' });
  await expect(drive.copy()).rejects.toMatchObject({ code: 'drive-reads-differ' });
  await retireJournal(drive.assignment().journalFile);
  const puts = { calls: 0 };
  const staged = { calls: 0 };
  drive.wrap = (inner) => counting('put', puts)(counting('stageBlock', staged)(inner));
  const { verdict } = await drive.copy();
  expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 5, renamed: 0 } });
  expect({ puts: puts.calls, staged: staged.calls }).toEqual({ puts: 1, staged: 0 });
  const names = ['added.jpg', 'disk.vhd', 'large.raw', 'second.jpg', 'small.jpg'];
  expect(await drive.namesIn('pictures')).toEqual(names);
  expect((await drive.stored(pages.blob)).length).toBe(pages.bytes.length);
});

test('a manifest that reads otherwise the second time copies nothing from what differs', async () => {
  await drive.prepare([small]);
  let reads = 0;
  drive.faults = {
    onRead: async (path) => {
      if (!path.endsWith('DriveManifest.xml') || ++reads !== 2) return;
      await drive.prepare([{ ...small, blob: 'pictures/other.jpg' }]);
    },
  };
  await expect(drive.copy()).rejects.toMatchObject({ code: 'drive-reads-differ' });
  expect(await drive.namesIn('pictures')).toEqual([]);
});
