import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LoopDisk, plug } from '../../native-fixtures/loop-disk.ts';
import {
  buildPreparedDrive,
  type PreparedDrive,
  preparedDriveUnavailable,
} from '../../native-fixtures/prepared-drive/build.ts';
import type { DriveSpec } from '../../native-fixtures/prepared-drive/spec.ts';
import {
  BLOBS,
  type BlobKey,
  CONTAINER,
  standardDrive,
} from '../../native-fixtures/prepared-drive/standard.ts';
import { VARIANTS, type Variant } from '../../native-fixtures/prepared-drive/variants.ts';
import { openContainer } from '../../src/blobs/open.ts';
import type { FilesAssignment } from '../../src/copy/messages.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import { assignmentOf, logIn, runDriveCopy } from '../support/drive-copy.ts';
import type { WholeBlob } from '../support/drive-logs.ts';

/**
 * Prepared drives on real loop devices, through the real copy process: what the table of broken drives
 * says of each must stand in its copy log, and the kernel must not have counted a write.
 */

const why = preparedDriveUnavailable();
const never = new AbortController().signal;
const TIMEOUT_MS = 240_000;
/**
 * All of the table takes many minutes. By default each kind of trouble is there once or twice; how every
 * manifest is read or refused is seen without a disk (`test/unit/native-fixtures`).
 */
const RUNS_ALL = process.env.DRIVE_STATION_ALL_BROKEN_DRIVES === '1';
const BY_DEFAULT = [
  ...['missing-file', 'junction', 'path-way-up', 'changed-large-block'],
  ...['changed-pages', 'shorter-file', 'bad-list-metadata', 'taken-rename', 'taken-pages'],
  ...['manifest-changed', 'manifest-cut', 'symlink-loop', 'link-to-host', 'grown-file', 'wiped'],
  ...['metadata-is-folder', 'missing-properties', 'taken-overwrite', 'mbr'],
  ...['whole', 'sha256', 'utf16', 'newest-name', 'serial-in-small-letters', 'manifest-other-case'],
  ...['empty-manifest', 'truncated-manifest', 'doctype', 'no-file-path', 'gap', 'overlap'],
  ...['sectors-of-4096', 'to-go', 'wrong-key', 'no-bitlocker', 'not-ntfs', 'metadata-damaged'],
];

const SEEN_WITHOUT_DISK: readonly string[] = ['Completed', 'ManifestFormatInvalid'];

/** Broken manifests and files that are under BitLocker by default, too. */
const UNDER_BITLOCKER = ['whole', 'wrong-hash', 'missing-file', 'changed-pages', 'taken-rename'];

let directory: string;
let disk: LoopDisk | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drive-station-prepared-copy-'));
});
afterEach(async () => {
  await disk?.unplug();
  disk = undefined;
  await rm(directory, { recursive: true, force: true });
});

/** A manifest or a file is as wrong under BitLocker as without it, and each unlocking takes seconds. */
function specOf({ name, level }: Variant): DriveSpec {
  const spec = standardDrive(name);
  if (RUNS_ALL || level === 'volume' || UNDER_BITLOCKER.includes(name)) return spec;
  return { ...spec, volume: { bitlocker: 'none', filesystem: 'ntfs' } };
}

async function plugged(drive: PreparedDrive): Promise<FilesAssignment> {
  const { sectorBytes, imageFile, job } = drive;
  disk = await plug(imageFile, { sectorBytes });
  const { driveId, ...prepared } = job;
  return await assignmentOf({ disk, directory, driveId, prepared });
}

async function occupy({ storage }: FilesAssignment, keys: readonly BlobKey[]): Promise<void> {
  const container = await openContainer(storage, CONTAINER);
  await container.ensure(never);
  for (const key of keys) {
    const body = Buffer.from('somebody else’s');
    const md5 = createHash('md5').update(body).digest('hex');
    await container.put({ name: BLOBS[key] as BlobName, body, md5, metadata: {} }, never);
  }
}

/** What the table does not say of a blob went well. */
function expectedBlob({ expected }: Variant, key: BlobKey, found: WholeBlob) {
  const { status = 'Completed', disposition = 'Created', ranges } = expected.blobs?.[key] ?? {};
  const { metadata, properties } = expected.blobs?.[key] ?? {};
  const isPartial = typeof ranges === 'object';
  const good = isPartial && key !== 'pages' ? 'Committed' : 'Completed';
  const list = (found.ranges?.list ?? []).map((_range, index) =>
    isPartial ? (ranges[index] ?? good) : (ranges ?? good),
  );
  return {
    ...{ status, disposition, ranges: list },
    ...(metadata === undefined ? {} : { metadata }),
    ...(properties === undefined ? {} : { properties }),
  };
}

function foundBlob(found: WholeBlob, told: object) {
  const { status, disposition, ranges, metadata, properties } = found;
  const statuses = (ranges?.list ?? []).map((range) => ('status' in range ? range.status : ''));
  return {
    ...{ status, disposition: disposition?.status, ranges: statuses },
    ...('metadata' in told ? { metadata: metadata?.status } : {}),
    ...('properties' in told ? { properties: properties?.status } : {}),
  };
}

describe.skipIf(why !== undefined)(`prepared drives${why === undefined ? '' : ` (${why})`}`, () => {
  const variants = VARIANTS.filter(
    ({ name, level, expected }) =>
      RUNS_ALL ||
      BY_DEFAULT.includes(name) ||
      (level === 'manifest' && !SEEN_WITHOUT_DISK.includes(expected.drive)),
  );

  test('the table has what is run by default', () => {
    const names = VARIANTS.map(({ name }) => name);
    expect(BY_DEFAULT.filter((name) => !names.includes(name))).toEqual([]);
  });

  test.each(variants)(
    '$name',
    async (variant) => {
      const imageFile = join(directory, 'drive.img');
      const { breakage } = variant;
      const drive = await buildPreparedDrive(specOf(variant), { imageFile, breakage });
      const assignment = await plugged(drive);
      await occupy(assignment, variant.taken ?? []);
      const result = await runDriveCopy(assignment);
      expect(result).toMatchObject({
        kind: 'settled',
        verdict: { copyStatus: variant.expected.drive, kernelWrites: 0 },
      });
      const log = await logIn(assignment.storage, 'verbose');
      expect(log.status).toBe(variant.expected.drive);
      if (log.blobs.length === 0) {
        expect(variant.expected.drive).not.toMatch(/^Completed/u);
        return;
      }
      for (const key of Object.keys(BLOBS) as BlobKey[]) {
        const stem = `${CONTAINER}/${BLOBS[key]}`.replace(/\.\w+$/u, '');
        const found = log.blobs.find(({ blobPath }) => blobPath.startsWith(stem));
        if (found === undefined) throw new TypeError(`${key} is not in the log`);
        const told = expectedBlob(variant, key, found);
        expect({ key, ...foundBlob(found, told) }).toEqual({ key, ...told });
      }
      const kept = await readdir(join(directory, 'journals'));
      expect(kept.sort()).toEqual(['copy-1.journal', 'copy-1.journal.landmarks']);
    },
    TIMEOUT_MS,
  );

  test(
    'the blobs of a whole drive are what its manifest promises, to the byte',
    async () => {
      const imageFile = join(directory, 'drive.img');
      const drive = await buildPreparedDrive(standardDrive('to the byte'), { imageFile });
      const assignment = await plugged(drive);
      const result = await runDriveCopy(assignment);
      expect(result).toMatchObject({ kind: 'settled', verdict: { outcome: 'Completed' } });
      const store = await openContainer(assignment.storage, CONTAINER);
      for (const blob of drive.blobs) {
        const name = blob.blobPath.slice(CONTAINER.length + 1) as BlobName;
        const bytes = Buffer.concat(await Array.fromAsync(store.read(name, never)));
        expect(createHash('md5').update(bytes).digest('hex')).toBe(blob.md5.toLowerCase());
        const { contentType, metadata, type } = await store.properties(name, never);
        expect(type).toBe(blob.kind);
        expect(contentType).toBe(blob.properties.contentType ?? 'application/octet-stream');
        const lower = Object.entries(blob.metadata).map(([key, value]) => [
          key.toLowerCase(),
          value,
        ]);
        expect(metadata).toEqual(Object.fromEntries(lower));
      }
      const journal = await readFile(assignment.journalFile, 'latin1');
      expect(journal).not.toContain(drive.job.bitLockerKey);
    },
    TIMEOUT_MS,
  );
});
