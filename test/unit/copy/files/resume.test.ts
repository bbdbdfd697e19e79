import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { retireJournal } from '../../../../src/copy/files/retired-journal.ts';
import type { Disposition } from '../../../../src/domain/import-disposition.ts';
import { StationError } from '../../../../src/errors.ts';
import { blobName } from '../../../contract/blobs.ts';
import { bytesOf, FileDrive, type FileSpec, never } from '../../../support/file-drive.ts';
import { counting, dyingAt, dyingBefore } from '../../../support/wrapped-container.ts';

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

describe.each([
  ['put', small],
  ['commit', large],
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

describe('a file that ended with errors before the journal was put aside', () => {
  const added: FileSpec = { blob: 'pictures/added.jpg', bytes: bytesOf('added', 7000) };
  const damaged = Buffer.concat([bytesOf('damaged', MIB), large.bytes.subarray(MIB)]);
  const names = ['added.jpg', 'large.raw', 'small.jpg'];

  /** Both files are damaged at first; then the drive lists one file more, and a person says so. */
  async function putAside(disposition: Disposition): Promise<void> {
    const tiny = { ...small, disposition, metadata: '<Metadata><a>b</a></Metadata>' };
    const files = [{ ...large, disposition }, tiny];
    await drive.prepare(files);
    await drive.write('\\pictures\\large.raw', damaged);
    await drive.write('\\pictures\\small.jpg.metadata', 'no metadata');
    let proofs = 0;
    drive.proveStillThere = async () => {
      if (++proofs === 2) throw new StationError('internal-error', 'it dies', { detail: 'here' });
    };
    await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
    expect((await drive.stored(large.blob)).equals(large.bytes.subarray(MIB))).toBe(true);
    await drive.prepare([added, ...files]);
    await expect(drive.copy()).rejects.toMatchObject({ code: 'drive-reads-differ' });
    await retireJournal(drive.assignment().journalFile);
  }

  test.each(['rename', 'no-overwrite', 'overwrite'] as const)(
    'is copied whole under its own name once it reads, also with %s',
    async (disposition) => {
      await putAside(disposition);
      const { verdict } = await drive.copy();
      const files = { completed: 3, withErrors: 0, skipped: 0, renamed: 0, overwritten: 0 };
      expect(verdict).toMatchObject({ outcome: 'Completed', files });
      expect(await drive.namesIn('pictures')).toEqual(names);
      expect((await drive.stored(large.blob)).equals(large.bytes)).toBe(true);
      expect(await drive.propertiesOf(small.blob)).toMatchObject({ metadata: { a: 'b' } });
    },
  );

  test('is known again when the copy dies before it has replaced it', async () => {
    await putAside('rename');
    drive.wrap = dyingAt('stageBlock', 4);
    await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
    drive.wrap = dyingBefore('commit');
    await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
    drive.wrap = (container) => container;
    expect((await drive.copy()).verdict).toMatchObject({ outcome: 'Completed' });
    expect(await drive.namesIn('pictures')).toEqual(names);
  });

  test('keeps what the store has of it when it reads worse', async () => {
    await putAside('rename');
    const worse = Buffer.concat([bytesOf('worse', 2 * MIB), large.bytes.subarray(2 * MIB)]);
    await drive.write('\\pictures\\large.raw', worse);
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 2, withErrors: 1, skipped: 0, renamed: 0 });
    expect(await drive.namesIn('pictures')).toEqual(names);
    expect((await drive.stored(large.blob)).equals(large.bytes.subarray(MIB))).toBe(true);
  });

  test('is still known again after it read worse, and was asked about once more', async () => {
    await putAside('no-overwrite');
    const worse = Buffer.concat([bytesOf('worse', 2 * MIB), large.bytes.subarray(2 * MIB)]);
    await drive.write('\\pictures\\large.raw', worse);
    await drive.copy();
    await drive.copy();
    const first: FileSpec = { blob: 'pictures/first.jpg', bytes: bytesOf('first', 700) };
    await drive.prepare([first, { ...large, disposition: 'no-overwrite' }]);
    await expect(drive.copy()).rejects.toMatchObject({ code: 'drive-reads-differ' });
    await retireJournal(drive.assignment().journalFile);
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 2, skipped: 0 });
    expect((await drive.stored(large.blob)).equals(large.bytes)).toBe(true);
  });

  test.each([
    { disposition: 'rename', end: 'renamed' },
    { disposition: 'no-overwrite', end: 'skipped' },
  ] as const)(
    'is $end with $disposition when somebody else has written there since',
    async ({ disposition, end }) => {
      await putAside(disposition);
      const theirs = Buffer.from('somebody else’s');
      await drive.occupy(large.blob, theirs, 'replace');
      const { verdict } = await drive.copy();
      expect(verdict.files).toMatchObject({ withErrors: 0, [end]: 1 });
      expect((await drive.stored(large.blob)).equals(theirs)).toBe(true);
    },
  );

  test.each([
    ['put', small],
    ['commit', large],
  ] as const)(
    'is not replaced by a %s that somebody else came before',
    async (method, { blob }) => {
      await putAside('no-overwrite');
      const theirs = Buffer.from('somebody else’s');
      let intrusion: Promise<void> | undefined;
      drive.wrap = (inner) =>
        new Proxy(inner, {
          get: (target, key) => {
            const value: unknown = Reflect.get(target, key);
            if (typeof value !== 'function') return value;
            return async (...given: [{ readonly name: string }, AbortSignal]) => {
              if (key === method && blob.endsWith(given[0].name)) {
                intrusion ??= drive.occupy(blob, theirs, 'replace');
                await intrusion;
              }
              return await value.apply(target, given);
            };
          },
        });
      const { verdict } = await drive.copy();
      expect(verdict.files).toMatchObject({ withErrors: 0, skipped: 1 });
      expect((await drive.stored(blob)).equals(theirs)).toBe(true);
    },
  );
});

describe('a file whose blob took the place of the customer’s', () => {
  const added = (nth: number): FileSpec => ({
    ...{ blob: `pictures/added-${nth}.jpg`, bytes: bytesOf(`added ${nth}`, 700) },
  });
  const listsOther = async (...specs: readonly FileSpec[]) => {
    await drive.prepare(specs);
    await expect(drive.copy()).rejects.toMatchObject({ code: 'drive-reads-differ' });
    await retireJournal(drive.assignment().journalFile);
  };

  test('is told to have overwritten it also after it ended with errors, twice', async () => {
    const tiny: FileSpec = {
      ...{ ...small, disposition: 'overwrite', metadata: '<Metadata><a>b</a></Metadata>' },
    };
    await drive.occupy(small.blob);
    await drive.prepare([tiny]);
    await drive.write('\\pictures\\small.jpg.metadata', 'no metadata');
    expect((await drive.copy()).verdict.files).toMatchObject({ withErrors: 1 });
    await listsOther(added(1), tiny);
    await drive.write('\\pictures\\small.jpg', bytesOf('damaged', 5000));
    expect((await drive.copy()).verdict.files).toMatchObject({ withErrors: 1 });
    await listsOther(added(2), added(1), tiny);
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 3, withErrors: 0, overwritten: 1 });
    expect(await drive.propertiesOf(small.blob)).toMatchObject({ metadata: { a: 'b' } });
  });

  /** The customer’s is of another type, and goes before anything can be staged. */
  async function diesWithItGone(): Promise<void> {
    await drive.prepare([{ ...large, disposition: 'overwrite' }]);
    const container = await drive.container('pictures');
    await container.ensure(never);
    const name = blobName('large.raw');
    await container.createPages({ name, lengthBytes: 512, metadata: {} }, never);
    drive.wrap = dyingAt('remove', 1);
    await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
    expect(await drive.namesIn('pictures')).toEqual([]);
    drive.wrap = (inner) => inner;
  }

  test('is told to have overwritten it when the copy died right after it was gone', async () => {
    await diesWithItGone();
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 1, overwritten: 1 });
    expect((await drive.stored(large.blob)).equals(large.bytes)).toBe(true);
  });

  test('is stored as far as it reads when nothing is there any more', async () => {
    await diesWithItGone();
    const worse = Buffer.concat([bytesOf('worse', MIB), large.bytes.subarray(MIB)]);
    await drive.write('\\pictures\\large.raw', worse);
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ withErrors: 1 });
    expect((await drive.stored(large.blob)).equals(large.bytes.subarray(MIB))).toBe(true);
  });

  test('is told to be new when the customer’s was gone before', async () => {
    await drive.prepare([{ ...large, disposition: 'overwrite' }]);
    drive.wrap = dyingBefore('commit');
    await expect(drive.copy()).rejects.toMatchObject({ code: 'internal-error' });
    drive.wrap = (inner) => inner;
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 1, overwritten: 0 });
  });
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
