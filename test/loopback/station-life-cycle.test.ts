import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { openContainer } from '../../src/blobs/open.ts';
import type { BlobName } from '../../src/domain/blob-name.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import type { Daemon } from '../support/daemon.ts';
import { blobNameOf, CONTAINER, kernelReads, MIB, type TestDisk } from '../support/disks.ts';
import { wholeLog } from '../support/drive-logs.ts';
import { Rig } from '../support/rig.ts';

/** A job's whole life on the real station: parcel in, copies, parcel back, and what goes wrong on it. */

const LISTED: TestDisk = { serial: 'WD-WCC4N7XKPZ01', sizeBytes: 10 * MIB };
const STRANGER: TestDisk = { serial: 'KV6H86XP', sizeBytes: 8 * MIB };
const FEDEX = { carrierName: 'FedEx', trackingNumber: '9 4055' };
const ADDRESS = {
  ...{ recipientName: 'Contoso', streetAddress1: '1 Main St', city: 'Redmond' },
  ...{ postalCode: '98052', countryOrRegion: 'USA', phone: '4250000000', email: 'a@contoso.com' },
};
const ARM =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/drive-station/providers/Microsoft.ImportExport/jobs';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.stop());

async function ask(daemon: Daemon, method: string, path: string, body?: object) {
  const response = await fetch(`${daemon.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-drive-station-actor': 'sam' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  return { status: response.status, body: z.looseObject({}).parse(answer) };
}

const jobState = (daemon: Daemon, state: string) =>
  daemon.until(({ jobs }) => jobs[0]?.state === state, `the job is ${state}`);
const alertKinds = ({ view }: Daemon) => view?.alerts.map(({ kind }) => kind) ?? [];

test('a parcel is unpacked, copied and sent back with the stranger that came in it', async () => {
  await using rig = await Rig.start(azurite, 'whole-life');
  const { daemon } = rig;
  await rig.createJob(LISTED.serial, 'NEVER-CAME');
  const opened = await ask(daemon, 'POST', '/api/v1/jobs/whole-life/check-in', { shipment: FEDEX });
  expect(opened).toMatchObject({ status: 200, body: { direction: 'in', shipment: FEDEX } });
  await using disk = await rig.plug(await rig.image(LISTED), { bay: 'bay-1' });
  await using stranger = await rig.plug(await rig.image(STRANGER), { bay: 'bay-2' });
  const before = await kernelReads(stranger.name);
  await daemon.until(
    ({ station: { parcel } }) => parcel?.seen.length === 1 && parcel.extras.length === 1,
    'the list of the parcel is ticked off',
  );
  expect(daemon.view?.station.parcel).toMatchObject({
    expected: [LISTED.serial, 'NEVER-CAME'],
    missing: ['NEVER-CAME'],
    extras: [{ bay: 'bay-2', serial: STRANGER.serial }],
  });
  await expect.poll(() => alertKinds(daemon)).toEqual(['extra-drive']);
  await rig.arrived(LISTED.serial, `${daemon.disksDirectory}/${LISTED.serial}.img`);
  await ask(daemon, 'POST', '/api/v1/check-in/complete', { missing: 'never-received' });
  await jobState(daemon, 'Packaging');
  await daemon.until(
    ({ alerts }) => alerts.some(({ kind }) => kind === 'return-address-missing'),
    'somebody has to ask for the address',
  );

  // It cannot go without an address, nor while its disk is in the bay.
  const back = () => ask(daemon, 'POST', '/api/v1/jobs/whole-life/return', FEDEX);
  expect(await back()).toMatchObject({
    status: 409,
    body: { error: { code: 'job-change-refused' } },
  });
  await disk.pull('clean-eof');
  await daemon.until(({ disks }) => !disks.some(({ bay }) => bay === 'bay-1'), 'bay-1 is empty');
  expect(await back()).toMatchObject({
    status: 400,
    body: { error: { code: 'job-change-incomplete' } },
  });
  await ask(daemon, 'PUT', '/api/v1/jobs/whole-life/return-address', ADDRESS);
  const packing = await ask(daemon, 'GET', '/api/v1/jobs/whole-life/packing');
  expect(packing.body).toMatchObject({ problems: [], extras: [{ serial: STRANGER.serial }] });
  expect(await back()).toMatchObject({ status: 200, body: { state: 'Closed' } });
  await daemon.until(({ alerts }) => alerts.length === 0, 'nothing waits for anybody');

  // What the customer sees.
  const { body } = await ask(daemon, 'GET', `${ARM}/whole-life?api-version=2021-01-01`);
  expect(body).toMatchObject({
    properties: {
      state: 'Closed',
      returnPackage: { ...FEDEX, driveCount: 1 },
      driveList: [{ state: 'ShippedBack', copyStatus: 'Completed' }, { state: 'NeverReceived' }],
    },
  });
  expect(await kernelReads(stranger.name)).toEqual(before);
  const { count } = await rig.ledger();
  expect(count('return-refused')).toBe(2);
  expect(count('extra-returned')).toBe(1);
});

test('a job that was put aside is not begun; cancelled, it goes back unread', async () => {
  await using rig = await Rig.start(azurite, 'put-aside');
  const { daemon } = rig;
  await rig.createJob(LISTED.serial);
  await ask(daemon, 'POST', '/api/v1/jobs/put-aside/put-aside', { reason: 'Wrong data centre.' });
  await using disk = await rig.plug(await rig.image(LISTED), { bay: 'bay-1' });
  const before = await kernelReads(disk.name);
  await daemon.untilDrive(LISTED.serial, ({ state }) => state === 'Received', 'received');
  await expect.poll(() => alertKinds(daemon)).toEqual(['job-put-aside']);
  const elsewhere = await ask(daemon, 'POST', '/api/v1/jobs/put-aside/resolve', { to: 'Creating' });
  expect(elsewhere).toMatchObject({ status: 409, body: { error: { code: 'transition-refused' } } });
  const cancelled = await ask(daemon, 'POST', '/api/v1/jobs/put-aside/cancel');
  expect(cancelled).toMatchObject({ status: 200, body: { cancelRequested: true } });
  const [alert] = daemon.view?.alerts ?? [];
  const answer = { resolution: 'go-on', note: 'It is ours after all.' };
  await ask(daemon, 'POST', `/api/v1/alerts/${alert?.id}/resolve`, answer);
  await jobState(daemon, 'Packaging');
  expect(await kernelReads(disk.name)).toEqual(before);
  await disk.pull('clean-eof');
  await ask(daemon, 'PUT', '/api/v1/jobs/put-aside/return-address', ADDRESS);
  await daemon.until(({ disks }) => !disks.some(({ bay }) => bay === 'bay-1'), 'bay-1 is empty');
  const back = await ask(daemon, 'POST', '/api/v1/jobs/put-aside/return', FEDEX);
  expect(back).toMatchObject({ status: 200, body: { state: 'Completed' } });
});

test('a drive that cannot be copied is ended by a person, with its log and the job Closed', async () => {
  await using rig = await Rig.start(azurite, 'given-up');
  const { daemon } = rig;
  const { serial } = LISTED;
  // Somebody else's blob has the name already: the station never replaces one.
  const store = await openContainer(rig.account, CONTAINER);
  const { signal } = new AbortController();
  await store.ensure(signal);
  const name = blobNameOf('given-up', serial) as BlobName;
  const body = Buffer.from('not ours');
  const md5 = createHash('md5').update(body).digest('hex');
  await store.put({ name, body, md5, metadata: {} }, signal);
  await rig.createJob(serial);
  await using _disk = await rig.plug(await rig.image(LISTED), { bay: 'bay-1' });
  await daemon.untilDrive(serial, ({ state }) => state === 'Faulted', 'faulted');
  await expect.poll(() => alertKinds(daemon)).toEqual(['drive-faulted']);
  const kept = () => readdir(join(daemon.stateDirectory, 'journals'));
  expect((await kept()).length).toBeGreaterThan(0);
  const [alert] = daemon.view?.alerts ?? [];
  const answer = { resolution: 'end-without-copy', note: 'The customer wants it back.' };
  await ask(daemon, 'POST', `/api/v1/alerts/${alert?.id}/resolve`, answer);
  await daemon.untilDrive(serial, ({ logs }) => logs !== null, 'its log is written');
  expect(daemon.drive(serial)).toMatchObject({
    state: 'CompletedMoreInfo',
    copyStatus: 'InternalError',
    verdict: { safeToRemove: false, reasons: [{ code: 'ended-without-copy' }] },
  });
  const url = new URL(daemon.drive(serial)?.logs?.errorLogUri ?? '');
  const logName = decodeURIComponent(url.pathname.split('/').slice(3).join('/')) as BlobName;
  const logs = await openContainer(rig.account, 'waimportexport');
  const log = await wholeLog(logs.read(logName, signal));
  expect(log).toMatchObject({ driveId: serial, status: 'InternalError' });
  expect(log.blobs.map((blob) => blob.status)).toEqual(['CompletedWithErrors']);
  await expect.poll(kept).toEqual([]);
  await jobState(daemon, 'Packaging');
  await rig.ledger();
});
