import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { faultDisk, faultDiskUnavailable } from '../../native-fixtures/fault-disk.ts';
import {
  buildPreparedDrive,
  type PreparedDrive,
  preparedDriveUnavailable,
} from '../../native-fixtures/prepared-drive/build.ts';
import { standardDrive } from '../../native-fixtures/prepared-drive/standard.ts';
import { assignmentOf, runDriveCopy } from '../support/drive-copy.ts';
import { bad } from '../support/rescue.ts';

/** Bad sectors in what tells where the files are: a disk has most of it more than once. */

const PARTITION_AT = 1024 * 1024;
const SECTOR = 512;
const TIMEOUT_MS = 240_000;

const unavailable = faultDiskUnavailable() ?? preparedDriveUnavailable();
if (unavailable !== undefined) {
  process.stdout.write(`SKIPPED: bad sectors in tables are not tested: ${unavailable}\n`);
}

describe.skipIf(unavailable !== undefined)(
  'a prepared drive with a bad sector',
  () => {
    let built: string;
    let directory: string;
    let drive: PreparedDrive;
    let metadataAt: readonly number[];

    beforeAll(async () => {
      built = await mkdtemp(join(tmpdir(), 'drive-station-bad-table-'));
      drive = await buildPreparedDrive(standardDrive('whole'), {
        imageFile: join(built, 'drive.img'),
      });
      metadataAt = metadataIn(await readFile(drive.imageFile));
      expect(metadataAt).toHaveLength(3);
    }, TIMEOUT_MS);
    afterAll(() => rm(built, { recursive: true, force: true }));
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'drive-station-bad-table-'));
    });
    afterEach(() => rm(directory, { recursive: true, force: true }));

    async function copied(...places: readonly number[]) {
      const faults = places.map((at) => bad(at, SECTOR));
      await using plugged = await faultDisk(drive.imageFile, {
        faults,
        sectorBytes: drive.sectorBytes,
      });
      const { driveId, ...prepared } = drive.job;
      const { disk } = plugged;
      return await runDriveCopy(await assignmentOf({ disk, directory, driveId, prepared }));
    }

    const metadata = (copy: number) => metadataAt[copy - 1] ?? Number.NaN;

    it.each([
      ['in front of the tables', () => 0],
      ['in the head of its table', () => SECTOR],
      ['in the list of its partitions', () => 2 * SECTOR],
      ['at the beginning of the BitLocker metadata', () => metadata(1)],
      ['further on in the BitLocker metadata', () => metadata(1) + SECTOR],
    ])('%s is Completed from what the disk has once more, and says where', async (_, at) => {
      const result = await copied(at());
      expect(result).toMatchObject({ kind: 'settled', verdict: { outcome: 'Completed' } });
      if (result.kind !== 'settled') return;
      const words = result.verdict.reasons[0]?.words;
      expect(words).toContain(`Bytes ${at()}-${at() + SECTOR - 1} of the disk cannot be read`);
    });

    it('in each copy of the BitLocker metadata is no drive with a wrong key, but one to try again', async () => {
      const result = await copied(...metadataAt);
      expect(result).toMatchObject({ kind: 'failed', failure: { code: 'disk-read-failed' } });
    });
  },
  TIMEOUT_MS,
);

/** Where the blocks of BitLocker metadata begin; the signature stands in the boot sector as well. */
function metadataIn(image: Buffer): number[] {
  const found: number[] = [];
  const signature = Buffer.from('-FVE-FS-', 'latin1');
  for (let at = image.indexOf(signature); at >= 0; at = image.indexOf(signature, at + 1)) {
    if (at !== PARTITION_AT + 3) found.push(at);
  }
  return found;
}
