import { describe, expect, test } from 'vitest';
import { manifestOf } from '../../../native-fixtures/prepared-drive/manifest.ts';
import { fileOf, standardDrive } from '../../../native-fixtures/prepared-drive/standard.ts';
import { VARIANTS, variant } from '../../../native-fixtures/prepared-drive/variants.ts';
import { DRIVE_STATUSES } from '../../../src/domain/copy-status.ts';
import { isStationError } from '../../../src/errors.ts';
import { readMetadataFile } from '../../../src/formats/metadata-file.ts';
import { readPropertiesFile } from '../../../src/formats/properties-file.ts';
import { itemsOf } from '../../support/manifests.ts';

/** What can be known of the variants without making a disk; `test/loopback` makes some of them. */

const whole = manifestOf(standardDrive());

async function made(name: string) {
  const { breakage } = variant(name);
  const spec = breakage.spec?.(standardDrive());
  const written = await (spec === undefined ? whole : manifestOf(spec));
  return { ...written, xml: breakage.manifest?.(written.xml) ?? written.xml };
}

describe('the table of variants', () => {
  test('has more than sixty, each by its own name and in words', () => {
    const names = VARIANTS.map(({ name }) => name);
    expect(names.length).toBeGreaterThanOrEqual(60);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, broken } of VARIANTS) {
      expect(name).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*$/u);
      expect(broken).not.toBe('');
    }
  });

  test('has every word of the log for a drive that an import can end with', () => {
    const told = new Set(VARIANTS.map(({ expected }) => expected.drive));
    const others = DRIVE_STATUSES.filter((status) => !told.has(status));
    expect(others).toEqual([
      // No disk, and disks that fail: those of `fault-disk.ts`.
      'DiskNotFound',
      'DiskOperationFailed',
      'BitLockerUnlockVolumeFailed',
      'ReadManifestFailed',
      // The station's and the account's own, and that of an export.
      'BlobListFormatInvalid',
      'BlobRequestForbidden',
      'InternalError',
    ]);
  });

  test('does not know what is not in it', () => {
    expect(() => variant('no-such-thing')).toThrow(RangeError);
  });
});

describe('the manifest of each variant', () => {
  const formatInvalid = VARIANTS.filter(
    ({ expected }) => expected.drive === 'ManifestFormatInvalid',
  );
  const readable = VARIANTS.filter((each) => !formatInvalid.includes(each));

  test.each(formatInvalid.map(({ name }) => name))('%s is refused', async (name) => {
    await expect(itemsOf([(await made(name)).xml])).rejects.toMatchObject({
      code: 'manifest-invalid',
    });
  });

  test.each(readable.map(({ name }) => name))('%s is read', async (name) => {
    const items = await itemsOf([(await made(name)).xml]);
    expect(items.filter(({ kind }) => kind === 'blob')).toHaveLength(5);
  });

  test('is the same for the same seed, and other blobs with another', async () => {
    const [one, again, other] = await Promise.all([
      manifestOf(standardDrive()),
      manifestOf(standardDrive()),
      manifestOf(standardDrive('other')),
    ]);
    expect(one).toEqual(again);
    expect(other.xml.equals(one.xml)).toBe(false);
  });
});

test.each(VARIANTS.filter(({ level }) => level === 'files').map(({ name }) => name))(
  'the side files of %s are read, but for those that it breaks',
  async (name) => {
    const { expected } = variant(name);
    const outcomes = Object.values(expected.blobs ?? {});
    const { sideFiles } = await made(name);
    for (const { path, text } of sideFiles) {
      const isMetadata = path.endsWith('.metadata');
      const read = isMetadata ? readMetadataFile([text]) : readPropertiesFile([text]);
      const isBroken = outcomes.some(
        (outcome) => outcome[isMetadata ? 'metadata' : 'properties'] === 'XmlReadFailed',
      );
      const isMeant = path.startsWith(name.includes('list') ? '\\list-0' : fileOf('described'));
      const refused = await read.then(
        () => false,
        (error) => isStationError(error, 'side-file-invalid'),
      );
      expect(refused).toBe(isBroken && isMeant);
    }
  },
);
