import { expect, test } from 'vitest';
import { plug } from '../../native-fixtures/loop-disk.ts';
import { openContainer } from '../../src/blobs/open.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import { splitLogName } from '../../src/formats/log-name.ts';
import { startAzurite } from '../support/azurite.ts';
import { Daemon } from '../support/daemon.ts';
import { ACCOUNT, jobOf, MIB, makeImage } from '../support/disks.ts';
import { wholeLog } from '../support/drive-logs.ts';

const SERIAL = 'WD-WCC4N7XKPZ01';
const JOB_PATH =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/drive-station/providers/Microsoft.ImportExport/jobs';

test('a drive’s logs are where Get Job says, and agree with its state', async () => {
  await using azurite = await startAzurite();
  const { connectionString } = azurite;
  const account = { kind: 'connection-string', connectionString } as const;
  await using daemon = await Daemon.start({ storageAccounts: { [ACCOUNT]: account } });
  const image = await makeImage(daemon.disksDirectory, { serial: SERIAL, sizeBytes: 10 * MIB });
  await daemon.createJob({ ...jobOf('logs_1', [SERIAL]), logLevel: 'Verbose' });
  const armDrive = async () => {
    const answer = await fetch(`${daemon.url}${JOB_PATH}/logs_1?api-version=2021-01-01`);
    const { properties } = await answer.json();
    return properties.driveList[0];
  };
  expect(await armDrive()).not.toHaveProperty('errorLogUri');
  await using _disk = await plug(image, { directory: daemon.disksDirectory });
  await daemon.untilDrive(SERIAL, (drive) => drive.verdict !== null, 'has a verdict');

  const { state, copyStatus, errorLogUri, verboseLogUri } = await armDrive();
  expect([state, copyStatus]).toEqual(['Completed', 'Completed']);
  const shown = daemon.drive(SERIAL);
  expect(shown?.logs).toMatchObject({ errorLogUri, verboseLogUri, problem: null });
  const store = await openContainer(account, 'waimportexport');
  const logAt = (url: string) => {
    const name = decodeURIComponent(new URL(url).pathname.split('/').slice(3).join('/'));
    expect(splitLogName(name)).toMatchObject({ jobName: 'logs_1', driveId: SERIAL });
    return wholeLog(store.read(name as BlobName, AbortSignal.timeout(120_000)));
  };
  expect(await logAt(errorLogUri)).toMatchObject({ status: copyStatus, blobs: [] });
  const { status, blobs } = await logAt(verboseLogUri);
  expect(status).toBe(copyStatus);
  expect(blobs.map((blob) => blob.blobPath)).toEqual(
    shown?.blobs.map((blob) => `drives/${blob.name}`),
  );
  expect(blobs[0]?.ranges?.list).toHaveLength(2);
});
