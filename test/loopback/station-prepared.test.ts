import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { plug } from '../../native-fixtures/loop-disk.ts';
import {
  buildPreparedDrive,
  preparedDriveUnavailable,
} from '../../native-fixtures/prepared-drive/build.ts';
import { standardDrive } from '../../native-fixtures/prepared-drive/standard.ts';
import { openContainer } from '../../src/blobs/open.ts';
import { startAzurite } from '../support/azurite.ts';
import { Daemon } from '../support/daemon.ts';
import { ACCOUNT } from '../support/disks.ts';

/** A prepared drive through the whole station: the public API, detection, the copy, Get Job. */

const why = preparedDriveUnavailable();
const JOB =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/contoso/providers/Microsoft.ImportExport/jobs/prepared-1?api-version=2021-01-01';

function jobBody(drive: object): object {
  const address = {
    recipientName: 'Test',
    streetAddress1: 'Street 1',
    city: 'Redmond',
    postalCode: '98052',
    countryOrRegion: 'USA',
    phone: '4250000000',
    email: 'test@contoso.com',
  };
  return {
    location: 'West US',
    properties: {
      jobType: 'Import',
      storageAccountId: `/subscriptions/a/resourceGroups/b/providers/Microsoft.Storage/storageAccounts/${ACCOUNT}`,
      backupDriveManifest: true,
      logLevel: 'Verbose',
      diagnosticsPath: 'waimportexport',
      returnAddress: address,
      returnShipping: { carrierName: 'FedEx', carrierAccountNumber: '989ffff' },
      driveList: [drive],
    },
  };
}

describe.skipIf(why !== undefined)(
  `a prepared drive${why === undefined ? '' : ` (${why})`}`,
  () => {
    test('given with its manifest arrives as files, and Get Job says where its logs are', async () => {
      await using azurite = await startAzurite();
      const { connectionString } = azurite;
      const account = { kind: 'connection-string', connectionString } as const;
      await using daemon = await Daemon.start({ storageAccounts: { [ACCOUNT]: account } });
      const imageFile = join(daemon.disksDirectory, 'prepared.img');
      const { job } = await buildPreparedDrive(standardDrive('station'), { imageFile });
      const headers = { 'content-type': 'application/json' };
      const send = async (method: string, body: object) => {
        const answer = await fetch(`${daemon.url}${JOB}`, {
          ...{ method, headers },
          body: JSON.stringify(body),
        });
        expect(answer.ok).toBe(true);
      };
      await send('PUT', jobBody(job));
      const deliveryPackage = { carrierName: 'FedEx', trackingNumber: '1', driveCount: 1 };
      await send('PATCH', { properties: { deliveryPackage, state: 'Shipping' } });
      await using _disk = await plug(imageFile, { directory: daemon.disksDirectory });
      await daemon.untilDrive(job.driveId, ({ verdict }) => verdict !== null, 'has a verdict');

      expect(daemon.drive(job.driveId)).toMatchObject({
        state: 'Completed',
        verdict: { outcome: 'Completed', files: { planned: 5, completed: 5 }, kernelWrites: 0 },
      });
      const { properties } = await (await fetch(`${daemon.url}${JOB}`)).json();
      expect(properties.driveList[0]).toMatchObject({
        copyStatus: 'Completed',
        manifestUri: expect.stringMatching(/_manifest\.xml$/u),
        verboseLogUri: expect.stringMatching(/_verbose\.xml$/u),
      });
      const store = await openContainer(account, 'pictures');
      const { items } = await store.listBlobs({ prefix: '' }, AbortSignal.timeout(120_000));
      expect(items).toHaveLength(5);
      // Which tool unlocked it stands in the log, and nothing of the key.
      const opened = daemon.logs.find(({ msg }) => msg === 'the volume of the drive was opened');
      expect(opened).toMatchObject({ filesystem: 'ntfs', unlockedBy: expect.any(String) });
      expect(opened?.unlockedBy).toMatch(/^(?:dislocker|cryptsetup), recovery-key, /u);
      expect(JSON.stringify(daemon.logs)).not.toContain(job.bitLockerKey ?? 'no key');
    });
  },
);
