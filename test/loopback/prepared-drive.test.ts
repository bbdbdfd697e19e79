import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  buildPreparedDrive,
  preparedDriveUnavailable,
} from '../../native-fixtures/prepared-drive/build.ts';
import { standardDrive } from '../../native-fixtures/prepared-drive/standard.ts';
import { variant } from '../../native-fixtures/prepared-drive/variants.ts';
import type { ManifestBlob } from '../../src/domain/manifest.ts';
import { parseVolumeKey } from '../../src/volumes/bitlocker-key.ts';
import { openVolume } from '../../src/volumes/open-volume.ts';
import { itemsOf } from '../support/manifests.ts';
import {
  changedRanges,
  digestIn,
  isLink,
  openDrive,
  readOnDrive,
} from '../support/prepared-drives.ts';
import { fileDisk } from '../support/volume-source.ts';
import { never } from '../support/volumes.ts';

const why = preparedDriveUnavailable();
let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-prepared-test-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

let builds = 0;
const build = (name: string) => {
  const imageFile = join(directory, `${name}-${builds++}.img`);
  return buildPreparedDrive(standardDrive(), { imageFile, breakage: variant(name).breakage });
};

const blobsIn = async (xml: Buffer): Promise<ManifestBlob[]> =>
  (await itemsOf([xml])).flatMap((item) => (item.kind === 'blob' ? [item] : []));

const MIB = 1024 * 1024;
const TIMEOUT_MS = 240_000;

describe.skipIf(why !== undefined)(
  `a prepared drive${why === undefined ? '' : ` (${why})`}`,
  () => {
    test(
      'is what its manifest says, read with other tools',
      async () => {
        const drive = await build('whole');
        expect(await readFile(drive.imageFile.replace(/img$/u, 'disk.yaml'), 'utf8')).toContain(
          'WD-WX71A8899999',
        );
        await using open = await openDrive(drive);
        const xml = await readOnDrive(open, drive.truth.manifestFile);
        expect(digestIn('md5', xml)).toBe(drive.truth.manifestHash);
        const blobs = await blobsIn(xml);
        expect(blobs).toHaveLength(5);
        for (const [index, blob] of blobs.entries()) {
          expect(await changedRanges(open, blob)).toEqual([]);
          const content = await readOnDrive(open, blob.filePath);
          expect(digestIn('md5', content)).toBe(drive.blobs[index]?.md5.toUpperCase());
          for (const side of [blob.metadata, blob.properties]) {
            if (side === undefined) continue;
            expect(digestIn('md5', await readOnDrive(open, side.path))).toBe(side.hash.hex);
          }
        }
        expect(blobs.map(({ content }) => content.list.length)).toEqual([3, 3, 0, 4, 2]);
      },
      TIMEOUT_MS,
    );

    test.each([
      ['no-table', 0],
      ['reserved-partition', 2 * MIB],
      ['aes-cbc-256', MIB],
    ])(
      'can be made as %s',
      async (name, partitionAt) => {
        const drive = await build(name);
        await using open = await openDrive(drive, partitionAt);
        const [first] = await blobsIn(await readOnDrive(open, drive.truth.manifestFile));
        if (first === undefined) throw new TypeError('a manifest without blobs');
        expect(await changedRanges(open, first)).toEqual([]);
      },
      TIMEOUT_MS,
    );

    test(
      'can count in sectors of 4096 bytes',
      async () => {
        const drive = await build('sectors-of-4096');
        const bytes = await readFile(drive.imageFile);
        expect(bytes.toString('latin1', 4096, 4104)).toBe('EFI PART');
      },
      TIMEOUT_MS,
    );

    test(
      'can be filled to the brim: nothing is put where BitLocker keeps its own',
      async () => {
        const large = join(directory, 'large.bin');
        await writeFile(large, '');
        await truncate(large, 80 * MIB);
        const spec = standardDrive();
        const file = { path: '\\large.bin', sizeBytes: 80 * MIB, from: large };
        const cut = { kind: 'blocks', blockBytes: 4 * MIB, ids: 'counter' } as const;
        const dense = { path: '\\dense.bin', sizeBytes: 70 * MIB };
        const blobs = [
          { blobPath: 'pictures/large.bin', file, cut },
          { blobPath: 'pictures/dense.bin', file: dense, cut },
        ];
        const imageFile = join(await mkdtemp(join(directory, 'full-')), 'drive.img');
        const drive = await buildPreparedDrive({ ...spec, lists: [{ blobs }] }, { imageFile });
        await using open = await openDrive(drive);
        for (const blob of await blobsIn(await readOnDrive(open, drive.truth.manifestFile))) {
          expect(await changedRanges(open, blob)).toEqual([]);
        }
        expect((await stat(imageFile)).blocks * 512).toBeGreaterThan(70 * MIB);
      },
      TIMEOUT_MS,
    );

    test.each([
      ['changed-pages', 3, [1]],
      ['changed-hole', 3, []],
      ['shorter-file', 0, [1, 2]],
    ])(
      '%s is broken there and nowhere else',
      async (name, blobIndex, expected) => {
        const drive = await build(name);
        await using open = await openDrive(drive);
        const blobs = await blobsIn(await readOnDrive(open, drive.truth.manifestFile));
        for (const [index, blob] of blobs.entries()) {
          expect(await changedRanges(open, blob)).toEqual(index === blobIndex ? expected : []);
        }
      },
      TIMEOUT_MS,
    );

    test.each([
      ['junction', '\\session1\\animals'],
      ['manifest-is-link', '\\DriveManifest.xml'],
    ])(
      '%s has a link where a file or folder was',
      async (name, path) => {
        await using open = await openDrive(await build(name));
        expect(await isLink(open, path)).toBe(true);
      },
      TIMEOUT_MS,
    );

    // Others of the volume are copied from, or refused, in `prepared-copy.test.ts`.
    const refused = ['suspended', 'no-protector', 'unformatted'].map(variant);

    test.each(refused.map(({ name, expected }) => [name, expected.drive]))(
      '%s is refused as %s where volumes are opened',
      async (name, status) => {
        const { imageFile, job } = await build(name);
        const workDirectory = await mkdtemp(join(directory, 'work-'));
        await using source = await fileDisk(imageFile);
        const keys = parseVolumeKey(job.bitLockerKey ?? '');
        const order = { source, keys, accept: 'prepared-drive', workDirectory } as const;
        await expect(openVolume(order, never)).rejects.toMatchObject({
          code: 'volume-refused',
          payload: { status },
        });
      },
      TIMEOUT_MS,
    );
  },
);
