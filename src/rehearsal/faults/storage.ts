import { ContainerClient } from '@azure/storage-blob';
import { clearName } from '../../blobs/clear-name.ts';
import { openContainer } from '../../blobs/open.ts';
import type { BlobName } from '../../domain/blob-name.ts';
import type { DriveView, StationView } from '../../serve/wire.ts';
import type { Rehearsal } from '../contract.ts';
import { ACCOUNT, blobNameOf, CONTAINER, jobOf, MIB } from '../disks.ts';
import type { Stage, StationOptions } from '../stage.ts';
import type { ProxyMode } from '../store-troubles.ts';

/** A store that is away, slow, confused, or does not let us in. No drive is to blame for any of it. */

const SERIAL = 'ZC18QV4T';
const OTHER = 'WD-WCC4N7XKPZ01';
const SIZE = 64 * MIB;
const SMALL = 24 * MIB;
/** 64 bytes in Base64, as an account key is. */
const WRONG_KEY = `${'A'.repeat(86)}==`;

const isActivity =
  (kind: DriveView['activity']['kind']) =>
  ({ drives }: StationView) =>
    drives.some(({ activity }) => activity.kind === kind);
const waits = isActivity('waiting-for-storage');
const isHalted = isActivity('halted');
const isAlerted = ({ alerts }: StationView) => alerts.some(({ kind }) => kind === 'storage-halted');

/** A copy with some blocks safe and many on their way; answers the image. */
async function underWay(stage: Stage, options: StationOptions = {}): Promise<string> {
  await stage.station(options);
  const image = await stage.image({ serial: SERIAL, sizeBytes: SIZE });
  await stage.plug(image);
  await stage.job(SERIAL);
  await stage.midCopy(SERIAL);
  return image;
}

async function goesOn(stage: Stage, image: string): Promise<void> {
  stage.store.mode('pass');
  // What hangs in the old trouble is not waited for.
  stage.store.proxy.change('pass', { cut: true });
  await stage.arrived(SERIAL, image);
  await stage.untilView((view) => !isAlerted(view), 'No alert is left.');
}

interface Outage {
  readonly name: string;
  readonly mode: ProxyMode;
  readonly made: string;
  readonly says: string;
  readonly slow?: true;
}

/** An outage of any kind in mid-copy: the drive waits with what it has, and goes on. */
function outage({ mode, says, ...told }: Outage): Rehearsal {
  return {
    ...{ ...told, group: 'storage' },
    happens: 'the drive waits, no attempt is counted, and the copy goes on by itself',
    reads: `the drive is “waiting for storage”: “${says}”`,
    async play(stage) {
      const image = await underWay(stage);
      stage.store.mode(mode);
      await stage.untilView(waits, 'The drive waits for the store.');
      stage.advise('Nothing to do at the disk: leave it in. See to the network or the store.');
      await goesOn(stage, image);
    },
  };
}

interface Halt {
  readonly name: string;
  readonly mode: ProxyMode;
  readonly made: string;
  readonly says: string;
  readonly advice: string;
}

/** The store is there and does not let the copy go on, until a person has put something right. */
function halt({ name, mode, made, says, advice }: Halt): Rehearsal {
  return {
    ...{ name, group: 'storage', made },
    happens: 'the copy halts, operators are told, no attempt is counted; it goes on after the fix',
    reads: `the drive is “halted”: “${says}”`,
    async play(stage) {
      const image = await underWay(stage);
      stage.store.mode(mode);
      await stage.untilView(isHalted, 'The copy is halted.');
      await stage.untilView(isAlerted, 'An alert tells the operators.');
      stage.check(stage.drive(SERIAL)?.fault === null, 'The drive is not faulted.');
      stage.advise(advice);
      await goesOn(stage, image);
    },
  };
}

export const STORAGE: readonly Rehearsal[] = [
  outage({
    name: 'store-busy',
    mode: 'busy',
    made: 'a proxy before the store answers 503 with Retry-After to every request in mid-copy',
    says: 'asks to be left alone…503',
  }),
  outage({
    name: 'store-broken',
    mode: 'broken',
    slow: true,
    made: 'a proxy before the store answers 500 to every request in mid-copy',
    says: 'has trouble of its own…500',
  }),
  outage({
    name: 'store-refuses',
    mode: 'refuse',
    slow: true,
    made: 'a proxy before the store closes every connection at once',
    says: 'broke off',
  }),
  outage({
    name: 'store-cuts-blocks',
    mode: 'cut',
    made: 'a proxy before the store cuts each connection after a part of a block',
    says: 'broke off',
  }),
  outage({
    name: 'store-cuts-answers',
    mode: 'cut-answers',
    slow: true,
    made: 'a proxy before the store breaks each answer off in the middle',
    says: 'waiting for storage',
  }),
  outage({
    name: 'store-silent',
    mode: 'silent',
    slow: true,
    made: 'a proxy before the store takes every request and never answers',
    says: 'no answer for 15 s',
  }),
  outage({
    name: 'store-login-page',
    mode: 'nonsense',
    made: 'a proxy before the store answers every request with a page of HTML',
    says: 'is not a blob store',
  }),
  {
    name: 'store-slow',
    group: 'storage',
    made: 'a proxy before the store lets 200 kB a second of each block through',
    happens: 'the copy goes on at that pace, and is told to be slow rather than halted or away',
    reads: 'the drive is “copying, slowly”: “bytes do move”',
    slow: true,
    async play(stage) {
      const image = await underWay(stage);
      stage.store.proxy.bytesPerSecond = 200_000;
      stage.store.mode('trickle');
      await stage.untilView(isActivity('slow-storage'), 'The drive is copied slowly.');
      stage.check(stage.daemon.view?.station.storage.kind === 'ok', 'The store is not away.');
      stage.advise('Nothing to do at the disk. Look who else uses the line.');
      await goesOn(stage, image);
    },
  },
  {
    name: 'store-name-gone',
    group: 'storage',
    made: 'the account of a job has a name that no DNS server knows',
    happens: 'its drive waits; the drive of another job gets the only place and is copied',
    reads: 'the drive is “waiting for storage”: “the name … cannot be resolved”',
    async play(stage) {
      await stage.station({ copy: { maxDrives: 2 } });
      const lost = await stage.image({ serial: OTHER, sizeBytes: SMALL });
      const image = await stage.image({ serial: SERIAL, sizeBytes: SMALL });
      await ownStorage(stage, 'lost', 'https://nowhere.blob.storage.invalid');
      await stage.plug(lost);
      await stage.untilView(waits, 'The drive waits for a store that has no address.');
      await stage.plug(image);
      await stage.job(SERIAL);
      await stage.arrived(SERIAL, image);
      stage.check(stage.drive(OTHER)?.fault === null, 'The drive that waits is not faulted.');
    },
  },
  halt({
    name: 'credential-refused',
    mode: 'forbidden',
    made: 'a proxy before the store answers 403 AuthenticationFailed in mid-copy',
    says: 'refused the credential…Signed expiry time',
    advice: 'Renew the credential of the storage account. The disks stay where they are.',
  }),
  halt({
    name: 'clock-wrong',
    mode: 'skewed',
    made: 'a proxy before the store answers 403 with a date that is 20 minutes ahead',
    says: 'clock is 20 minutes behind the store',
    advice: 'Set the clock of the station. The credential is good.',
  }),
  halt({
    name: 'account-disabled',
    mode: 'disabled',
    made: 'a proxy before the store answers 403 AccountIsDisabled in mid-copy',
    says: 'the storage account, its container or the right to write there is disabled',
    advice: 'The owner of the storage account has to enable it. Another credential does not help.',
  }),
  halt({
    name: 'store-elsewhere',
    mode: 'elsewhere',
    made: 'a proxy before the store answers 404 ResourceNotFound to every request in mid-copy',
    says: 'the blob store refuses whatever it is asked',
    advice: 'Compare the address of the storage account with the portal. No drive is to blame.',
  }),
  halt({
    name: 'container-gone',
    mode: 'gone',
    made: 'a proxy before the store answers 404 ContainerNotFound, and 403 to who makes one',
    says: 'the container does not exist',
    advice: 'Make the container again or restore it in the storage account.',
  }),
  {
    name: 'credential-renewed',
    group: 'storage',
    made: 'a job brings storage with a wrong key; the right one is given later',
    happens: 'the copy halts and holds no place: another job is copied; then it goes on by itself',
    reads: 'the drive is “halted”: “Renew it”',
    async play(stage, signal) {
      await stage.station({ copy: { maxDrives: 1 } });
      const halted = await stage.image({ serial: OTHER, sizeBytes: SMALL });
      const image = await stage.image({ serial: SERIAL, sizeBytes: SMALL });
      const { blobEndpoint, accountKey } = stage.store.server.azurite;
      await ownStorage(stage, 'denied', blobEndpoint);
      await stage.plug(halted);
      await stage.untilView(isHalted, 'The copy is halted.');
      await stage.plug(image);
      await stage.job(SERIAL);
      await stage.arrived(SERIAL, image);
      stage.check(stage.drive(OTHER)?.fault === null, 'The drive that waits is not faulted.');
      await renewCredential(stage, { blobEndpoint, accountKey }, signal);
      await stage.until(OTHER, ({ state }) => state === 'Completed', 'is copied');
    },
  },
  {
    name: 'container-deleted',
    group: 'storage',
    made: 'the container is deleted in the store in mid-copy',
    happens: 'it is made again and everything is sent again; nothing is called complete before',
    reads: 'the drive is “verified” in the end: “read back with equal size”',
    async play(stage) {
      const image = await underWay(stage, { ownStore: true });
      await deleteContainer(stage);
      stage.store.release();
      await stage.arrived(SERIAL, image);
      const first = stage.store.proxy.staged.filter(({ block }) => block.index === 0);
      stage.check(first.length >= 2, 'Its first block was sent again.');
    },
  },
  {
    name: 'blocks-forgotten',
    group: 'storage',
    made: 'the disk is away; meanwhile the store forgets what is staged, as after a week',
    happens: 'what the store no longer has is read and sent again; its word beats the journal',
    reads: 'in the log “the store was asked what it holds”, with the number of lost blocks',
    async play(stage, signal) {
      await stage.station();
      const image = await stage.image({ serial: SERIAL, sizeBytes: SIZE });
      const plugged = await stage.plug(image);
      await stage.job(SERIAL);
      await stage.midCopy(SERIAL);
      await stage.pull(plugged);
      await stage.until(SERIAL, ({ activity }) => activity.kind === 'detached', 'is unplugged');
      await forgetBlocks(stage, signal);
      stage.store.release();
      await stage.technician.replug(image, plugged.disk.bay);
      await stage.arrived(SERIAL, image);
      const lost = stage.daemon.logs.some(({ lostBlocks }) => Number(lostBlocks) > 0);
      stage.check(lost, 'The log says how many blocks were lost.');
    },
  },
  {
    name: 'blocks-vanish',
    group: 'storage',
    made: 'the store forgets what is staged while the copy goes on and believes that it is there',
    happens: 'the commit fails, the store is asked, and what it lacks is read and sent again',
    reads: 'the drive is “verified” in the end: “read back with equal size”',
    async play(stage, signal) {
      const image = await underWay(stage);
      await forgetBlocks(stage, signal);
      stage.store.release();
      await stage.arrived(SERIAL, image);
      const first = stage.store.proxy.staged.filter(({ block }) => block.index === 0);
      stage.check(first.length >= 2, 'Its first block was sent again.');
    },
  },
  {
    name: 'store-digest-differs',
    group: 'storage',
    made: 'a proxy before the store changes the MD5 that is read back after the commit',
    happens: 'the copy does not count as complete, and the drive is not released',
    reads: 'the drive is “done, with notes”: “the store says 5a5a…, the disk”',
    play: (stage) => readBackWrong(stage, 'wrong-digest'),
  },
  {
    name: 'store-length-differs',
    group: 'storage',
    made: 'a proxy before the store changes the length that is read back after the commit',
    happens: 'the copy does not count as complete, and the drive is not released',
    reads: 'the drive is “done, with notes”: “the store holds … bytes, the plan has”',
    play: (stage) => readBackWrong(stage, 'wrong-length'),
  },
];

async function ownStorage(stage: Stage, name: string, blobEndpoint: string): Promise<void> {
  stage.tell('made', `Job ${name} lists ${OTHER} and brings its own storage.`);
  const { storageAccount: _, ...job } = { ...jobOf(name, [OTHER]), storageAccount: ACCOUNT };
  const accountName = stage.store.server.azurite.accountName;
  const storage = { blobEndpoint, accountName, accountKey: WRONG_KEY };
  await stage.daemon.createJob({ ...job, storage });
}

async function renewCredential(stage: Stage, storage: object, signal: AbortSignal): Promise<void> {
  stage.tell('made', 'The job gets its right key.');
  const answer = await fetch(`${stage.daemon.url}/api/v1/jobs/denied/credential`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(storage),
    signal,
  });
  stage.check(answer.ok, 'The station has the new key.');
}

/** As the store itself does it a week after the last block. */
async function forgetBlocks(stage: Stage, signal: AbortSignal): Promise<void> {
  stage.tell('made', 'The store forgets the blocks that were staged.');
  const { store, rig } = stage;
  const container = await openContainer(store.account, CONTAINER);
  const name = blobNameOf(rig.job, SERIAL) as BlobName;
  await clearName(container, { name, condition: 'must-not-exist' }, signal);
}

async function deleteContainer(stage: Stage): Promise<void> {
  stage.tell('made', 'The container is deleted in the store.');
  await new ContainerClient(stage.store.server.azurite.connectionString, CONTAINER).delete();
}

async function readBackWrong(stage: Stage, mode: ProxyMode): Promise<void> {
  await stage.station();
  const image = await stage.image({ serial: SERIAL, sizeBytes: SMALL });
  stage.store.mode(mode);
  await stage.plug(image);
  await stage.job(SERIAL);
  const isSettled = ({ state }: DriveView) => state.startsWith('Completed');
  const { state, verdict } = await stage.until(SERIAL, isSettled, 'has a verdict');
  stage.check(state === 'CompletedMoreInfo', 'It is not called complete.');
  stage.check(verdict?.safeToRemove === false, 'The disk is not released.');
}
