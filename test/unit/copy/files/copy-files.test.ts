import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobContainer } from '../../../../src/blobs/contract.ts';
import { copyFiles } from '../../../../src/copy/files/copy-files.ts';
import type { DriveFiles } from '../../../../src/copy/files/drive.ts';
import type { BlobName } from '../../../../src/domain/blob-name.ts';
import { StationError } from '../../../../src/errors.ts';
import { pathOnVolume } from '../../../../src/volumes/windows-path.ts';
import { wholeLog } from '../../../support/drive-logs.ts';
import { bytesOf, FileDrive, type FileSpec, never } from '../../../support/file-drive.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

let drive: FileDrive;
beforeEach(async () => {
  drive = await FileDrive.create();
});
afterEach(() => drive[Symbol.asyncDispose]());

const small: FileSpec = { blob: 'pictures/a/small.jpg', bytes: bytesOf('small', 5000) };
const empty: FileSpec = { blob: 'pictures/empty.txt', bytes: Buffer.alloc(0) };
const large: FileSpec = {
  blob: 'pictures/large.raw',
  bytes: bytesOf('large', 9 * MIB + 77),
  ids: true,
};
const pages: FileSpec = {
  blob: 'disks/station.vhd',
  bytes: bytesOf('pages', MIB),
  pages: [
    [0, 64 * KIB],
    [512 * KIB, 128 * KIB],
  ],
};
const described: FileSpec = {
  blob: 'notes/read me.txt',
  bytes: bytesOf('described', 10_000),
  blockBytes: 4096,
  metadata: '<Metadata><Origin>camera 7</Origin></Metadata>',
  properties:
    '<Properties><Content-Type>text/plain</Content-Type><Cache-Control>no-cache</Cache-Control></Properties>',
};

async function logOf(kind: 'error' | 'verbose') {
  const names = await drive.namesIn('waimportexport');
  const name = names.find((each) => each.endsWith(`_${kind}.xml`));
  return await wholeLog([await drive.stored(`waimportexport/${name}`)]);
}

test('a prepared drive becomes the blobs that its manifest promises', async () => {
  await drive.prepare([small, empty, large, pages, described]);
  const { verdict, logs } = await drive.copy();
  expect(verdict).toMatchObject({
    outcome: 'Completed',
    copyStatus: 'Completed',
    safeToRemove: true,
    files: { planned: 5, completed: 5, withErrors: 0, skipped: 0 },
  });
  expect(verdict.verifiedBytes).toBe(verdict.plannedBytes);
  for (const { blob, bytes } of [small, empty, large, described]) {
    expect((await drive.stored(blob)).equals(bytes)).toBe(true);
  }
  expect(await drive.propertiesOf(described.blob)).toMatchObject({
    contentType: 'text/plain',
    cacheControl: 'no-cache',
    metadata: { origin: 'camera 7' },
  });
  const disk = await drive.stored(pages.blob);
  expect(disk.subarray(0, 64 * KIB).equals(pages.bytes.subarray(0, 64 * KIB))).toBe(true);
  expect(disk.subarray(64 * KIB, 512 * KIB).every((byte) => byte === 0)).toBe(true);
  const store = await drive.container('pictures');
  const { committed } = await store.listBlocks('large.raw' as BlobName, never);
  expect(committed?.map(({ id }) => id)).toEqual(['AAAAAA==', 'AQAAAA==', 'AgAAAA==']);
  expect(Object.keys(logs).sort()).toEqual(['errorLogUri', 'manifestUri', 'verboseLogUri']);
  const verbose = await logOf('verbose');
  expect(verbose.blobs.map(({ blobPath }) => blobPath)).toHaveLength(5);
  expect(await logOf('error')).toMatchObject({ blobs: [], status: 'Completed' });
});

test('blobs go into as many containers as the manifest names, the root one too', async () => {
  const blobs = ['$root/logo.bmp', 'videos/story.mp4', 'pictures/a/b.jpg'];
  await drive.prepare(blobs.map((blob) => ({ ...small, blob })));
  const { verdict } = await drive.copy();
  expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 3 } });
  for (const blob of blobs) expect((await drive.stored(blob)).equals(small.bytes)).toBe(true);
  const verbose = await logOf('verbose');
  expect(verbose.blobs.map(({ blobPath }) => blobPath)).toEqual(blobs);
});

describe('a name that is taken', () => {
  const named = (disposition: FileSpec['disposition'] & string): FileSpec[] => [
    { ...small, disposition },
    { ...large, disposition },
    { ...pages, disposition },
  ];

  async function occupied(specs: readonly FileSpec[]) {
    await drive.prepare(specs);
    for (const { blob } of specs) await drive.occupy(blob);
    return await drive.copy();
  }

  test('is left alone under no-overwrite', async () => {
    const { verdict } = await occupied(named('no-overwrite'));
    expect(verdict).toMatchObject({
      copyStatus: 'CompletedWithWarnings',
      safeToRemove: true,
      files: { completed: 0, skipped: 3 },
    });
    expect((await drive.stored(small.blob)).toString()).toBe('somebody else’s');
  });

  test('is replaced under overwrite, a blob of another type included', async () => {
    const { verdict } = await occupied(named('overwrite'));
    expect(verdict).toMatchObject({
      copyStatus: 'CompletedWithWarnings',
      files: { completed: 3, overwritten: 3 },
    });
    expect((await drive.stored(small.blob)).equals(small.bytes)).toBe(true);
    expect((await drive.stored(large.blob)).equals(large.bytes)).toBe(true);
    expect(await drive.propertiesOf(pages.blob)).toMatchObject({ type: 'page' });
  });

  test('makes a new one under rename, and a further one when that is taken too', async () => {
    await drive.occupy('pictures/a/small (2).jpg');
    const { verdict } = await occupied(named('rename'));
    expect(verdict).toMatchObject({
      copyStatus: 'CompletedWithWarnings',
      files: { completed: 3, renamed: 3 },
    });
    expect((await drive.stored('pictures/a/small (3).jpg')).equals(small.bytes)).toBe(true);
    expect((await drive.stored('pictures/large (2).raw')).equals(large.bytes)).toBe(true);
    expect(await drive.propertiesOf('disks/station (2).vhd')).toMatchObject({ type: 'page' });
    const { blobs } = await logOf('error');
    expect(blobs.map(({ blobPath }) => blobPath)).toContain('pictures/a/small (3).jpg');
  });

  test('that two files of the drive have goes to the first of them', async () => {
    const twice = [large, { ...large, bytes: bytesOf('other', 9 * MIB), path: '\\other.raw' }];
    await drive.prepare(twice);
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 2, renamed: 1 });
    expect((await drive.stored(large.blob)).equals(large.bytes)).toBe(true);
    expect((await drive.stored('pictures/large (2).raw')).equals(bytesOf('other', 9 * MIB))).toBe(
      true,
    );
  });
});

describe('a file that is not what was promised', () => {
  test('ends by itself, with its good blocks in a blob where nothing is in their way', async () => {
    await drive.prepare([small, large, described]);
    const changed = Buffer.from(large.bytes);
    changed.write('changed', 5 * MIB);
    await drive.write('\\pictures\\large.raw', changed);
    const { verdict } = await drive.copy();
    expect(verdict).toMatchObject({
      outcome: 'CompletedMoreInfo',
      copyStatus: 'CompletedWithErrors',
      safeToRemove: false,
      files: { completed: 2, withErrors: 1 },
    });
    const { blobs } = await logOf('verbose');
    const ranges = blobs.find(({ blobPath }) => blobPath === large.blob)?.ranges?.list;
    expect(ranges?.map((range) => ('status' in range ? range.status : ''))).toEqual([
      'Committed',
      'Corrupted',
      'Committed',
    ]);
    expect((await drive.propertiesOf(large.blob)).lengthBytes).toBe(5 * MIB + 77);
    const errors = await logOf('error');
    expect(errors.blobs[0]?.ranges?.list).toHaveLength(3);
  });

  test.each([['overwrite', 'Uncommitted']] as const)(
    'never replaces what is there (%s)',
    async (disposition, status) => {
      await drive.prepare([
        { ...large, disposition },
        { ...pages, disposition },
      ]);
      await drive.occupy(large.blob);
      await drive.occupy(pages.blob);
      await drive.write('\\pictures\\large.raw', large.bytes.subarray(0, 5 * MIB));
      await drive.write('\\disks\\station.vhd', Buffer.alloc(MIB));
      const { verdict } = await drive.copy();
      expect(verdict.files).toMatchObject({ completed: 0, withErrors: 2 });
      expect((await drive.stored(large.blob)).toString()).toBe('somebody else’s');
      expect((await drive.stored(pages.blob)).toString()).toBe('somebody else’s');
      const { blobs } = await logOf('verbose');
      expect(blobs[0]?.ranges?.list).toMatchObject([
        { status },
        { status: 'FileUnexpectedEnd' },
        { status: 'FileUnexpectedEnd' },
      ]);
    },
  );

  test('is told by its status when it is not there, and nothing else is touched', async () => {
    await drive.prepare([small, { ...described, path: '\\b.txt' }]);
    await rm(join(drive.root, 'b.txt'));
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 1, withErrors: 1 });
    const { blobs } = await logOf('error');
    expect(blobs).toMatchObject([
      {
        status: 'FileNotFound',
        disposition: { status: 'Cancelled' },
        metadata: { status: 'Cancelled' },
      },
    ]);
  });

  test('keeps its data when a side file of it is damaged', async () => {
    await drive.prepare([described]);
    await drive.write('\\notes\\read me.txt.metadata', '<Metadata/>');
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ withErrors: 1 });
    expect((await drive.stored(described.blob)).equals(described.bytes)).toBe(true);
    expect(await drive.propertiesOf(described.blob)).toMatchObject({
      contentType: 'text/plain',
      metadata: {},
    });
    const [blob] = (await logOf('error')).blobs;
    expect(blob).toMatchObject({ metadata: { status: 'Corrupted' } });
    expect(blob?.properties).toBeUndefined();
  });
});

describe('a drive that cannot be copied as it is', () => {
  test.each([
    ['ManifestCorrupted', () => drive.write('\\DriveManifest.xml', '<DriveManifest>')],
    ['ManifestNotFound', () => rm(join(drive.root, 'DriveManifest.xml'))],
    ['ManifestDriveIdMismatch', () => drive.prepare([small], 'WD-OTHER')],
    [
      'ManifestNameInvalid',
      async () => {
        drive.manifestFile = 'F:\\DriveManifest.xml';
      },
    ],
  ] as const)('ends as %s, with a log and without a blob', async (status, spoil) => {
    await drive.prepare([small]);
    await spoil();
    const { verdict } = await drive.copy();
    expect(verdict).toMatchObject({
      outcome: 'CompletedMoreInfo',
      copyStatus: status,
      safeToRemove: false,
      reasons: [{ code: 'drive-refused' }],
    });
    expect(await logOf('error')).toMatchObject({ status, blobs: [] });
    expect(await drive.namesIn('pictures')).toEqual([]);
  });
});

describe('a store that refuses', () => {
  const refusing =
    (error: StationError, call: keyof BlobContainer = 'put') =>
    (inner: BlobContainer): BlobContainer =>
      new Proxy(inner, {
        get: (target, key) => {
          if (key === call) return () => Promise.reject(error);
          const value: unknown = Reflect.get(target, key);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });

  test('one blob ends that blob', async () => {
    await drive.prepare([small, large]);
    drive.wrap = refusing(new StationError('blob-leased', 'leased', { blob: 'a' }));
    const { verdict } = await drive.copy();
    expect(verdict.files).toMatchObject({ completed: 1, withErrors: 1 });
    expect((await logOf('error')).blobs).toMatchObject([{ status: 'LeasePresent' }]);
  });

  test('the credential stops the copy, which goes on when that is settled', async () => {
    await drive.prepare([small, large]);
    const payload = { operation: 'put', status: 403, detail: 'no' };
    drive.wrap = refusing(new StationError('storage-denied', 'denied', payload));
    await expect(drive.copy()).rejects.toMatchObject({ code: 'storage-denied' });
    drive.wrap = (container) => container;
    const { verdict } = await drive.copy();
    expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 2, renamed: 0 } });
  });

  test.each(['put', 'stageBlock', 'writePages'] as const)(
    'what a line damages on its way (%s) is no fault of a file: the copy stops and goes on later',
    async (call) => {
      await drive.prepare([small, large, pages]);
      const damaged = { operation: call, blob: 'a' };
      drive.wrap = refusing(new StationError('checksum-mismatch', 'damaged', damaged), call);
      await expect(drive.copy()).rejects.toMatchObject({ code: 'checksum-mismatch' });
      drive.wrap = (container) => container;
      const { verdict } = await drive.copy();
      expect(verdict).toMatchObject({ outcome: 'Completed', files: { completed: 3, renamed: 0 } });
    },
  );
});

test('a list of files that was read while the disk left is none: the next attempt begins anew', async () => {
  await drive.write('\\docs\\a.txt', 'first');
  await drive.write('\\docs\\b.txt', 'second');
  const plan = { kind: 'tree', container: 'tree', blobPrefix: '' } as const;
  // Of a disk that was pulled each folder is one that cannot be read, however often it is asked.
  drive.faults = {
    onWalk: async function* () {
      yield { kind: 'skipped', path: pathOnVolume([]), reason: 'unreadable' };
    },
  };
  drive.proveStillThere = async () => {
    throw new StationError('disk-gone', 'pulled', { devicePath: '/dev/x', offsetBytes: 0 });
  };
  await expect(drive.copy({ plan })).rejects.toMatchObject({ code: 'disk-gone' });
  drive.faults = {};
  drive.proveStillThere = async () => undefined;
  const { verdict } = await drive.copy({ plan });
  expect(verdict).toMatchObject({ outcome: 'Completed', files: { planned: 2, completed: 2 } });
});

test('a folder that is not answered is seen to be waited for, as a file is', async () => {
  await drive.write('\\docs\\a.txt', 'first');
  const plan = { kind: 'tree', container: 'tree', blobPrefix: '' } as const;
  const answered = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  drive.faults = {
    onWalk: async function* (entries) {
      asked.resolve();
      await answered.promise;
      yield* entries;
    },
  };
  const opened = Promise.withResolvers<DriveFiles>();
  const parts = { ...drive.parts(), onOpen: opened.resolve };
  const copying = copyFiles(drive.assignment({ plan }), parts, never);
  const files = await opened.promise;
  await asked.promise;
  expect(files.pendingMs).toBeGreaterThan(0);
  answered.resolve();
  expect((await copying).verdict.outcome).toBe('Completed');
  expect(files.pendingMs).toBe(0);
});

test('a tree becomes blobs under its paths, with a table of what went where', async () => {
  await drive.write('\\docs\\a.txt', 'one');
  await drive.write('\\docs\\deep\\b.bin', bytesOf('b', 9 * MIB));
  await drive.write('\\=cmd, "x".csv', '');
  const { verdict, logs } = await drive.copy({
    plan: { kind: 'tree', container: 'tree', blobPrefix: 'drive-1/' },
    prepared: {},
  });
  expect(verdict).toMatchObject({ outcome: 'Completed', files: { planned: 3, completed: 3 } });
  expect(await drive.namesIn('tree')).toEqual([
    'drive-1/=cmd, "x".csv',
    'drive-1/docs/a.txt',
    'drive-1/docs/deep/b.bin',
  ]);
  expect(await drive.propertiesOf('tree/drive-1/docs/a.txt')).toMatchObject({
    contentType: 'text/plain',
    metadata: { last_modified: '2024-05-06T07:08:09.000Z' },
  });
  expect(logs.fileListUri).toBeDefined();
  const name = (await drive.namesIn('waimportexport')).find((each) => each.endsWith('.csv'));
  const table = (await drive.stored(`waimportexport/${name}`)).toString();
  expect(table.split('\r\n')).toHaveLength(5);
  expect(table).toContain('"\\=cmd, ""x"".csv"');
});
