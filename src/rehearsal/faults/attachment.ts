import type { FaultDisk } from '../../../native-fixtures/fault-disk.ts';
import type { DriveView, JobView } from '../../serve/wire.ts';
import type { Rehearsal } from '../contract.ts';
import { BLOCK_BYTES, jobOf, MIB } from '../disks.ts';
import type { Stage } from '../stage.ts';

/** Disks that are pulled, come back, come too early, or come all at once. */

const SERIAL = 'WD-WCC4N7XKPZ01';
const OTHER = 'ZC18QV4T';
const SIZE = 64 * MIB;
/** Blocks in flight when a copy ends: each may be sent twice. */
const IN_FLIGHT = 4;
const PUT_BACK =
  'Put the disk back in any bay: the station knows it by its serial and its content.';

const ARM =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/drive-station/providers/Microsoft.ImportExport/jobs';
const SHIPPED = {
  state: 'Shipping',
  deliveryPackage: { carrierName: 'FedEx', trackingNumber: '9 4055', driveCount: 1 },
  returnAddress: {
    ...{ recipientName: 'Contoso', streetAddress1: '1 Main St', city: 'Redmond' },
    ...{ postalCode: '98052', countryOrRegion: 'USA', phone: '4250000000', email: 'a@contoso.com' },
  },
};

const isUnplugged = ({ activity }: DriveView) => activity.kind === 'detached';

interface UnderWay {
  readonly image: string;
  readonly disk: FaultDisk;
}

/** A disk in bay `left` whose copy has some blocks safe and most to come. */
async function underWay(stage: Stage): Promise<UnderWay> {
  await stage.station();
  const image = await stage.image({ serial: SERIAL, sizeBytes: SIZE });
  const disk = await stage.plug(image, { bay: 'left' });
  await stage.job(SERIAL);
  await stage.midCopy(SERIAL);
  return { image, disk };
}

/** Nothing that the store had was sent again, but for what was in flight at each interruption. */
function checkSentOnce(stage: Stage, interruptions: number): void {
  const most = SIZE / BLOCK_BYTES + interruptions * IN_FLIGHT;
  stage.check(stage.rig.stagedOf(SERIAL) <= most, 'No block was sent twice but those in flight.');
}

export const ATTACHMENT: readonly Rehearsal[] = [
  {
    name: 'pull-and-replug',
    group: 'attachment',
    made: 'the disk is pulled in mid-copy, reads fail with EIO, and comes back in another bay',
    happens: 'the copy waits without a fault and goes on from what the store holds',
    reads: 'the drive is “unplugged”: “It left left. Put it back in any bay.”',
    async play(stage) {
      const { image, disk } = await underWay(stage);
      await stage.pull(disk, 'io-error');
      await stage.until(SERIAL, isUnplugged, 'unplugged');
      stage.advise(PUT_BACK);
      await stage.technician.replug(image, 'right', [disk.disk.name]);
      await stage.arrived(SERIAL, image);
      stage.check(stage.drive(SERIAL)?.bay === 'right', 'The drive is shown in its new bay.');
      checkSentOnce(stage, 1);
    },
  },
  {
    name: 'pull-as-clean-end',
    group: 'attachment',
    made: 'the disk is pulled in mid-copy and reads end without an error, as if it were shorter',
    happens: 'the early end is taken for a removal, never for the end of the disk',
    reads: 'the drive is “unplugged”: “It left left. Put it back in any bay.”',
    async play(stage) {
      const { image, disk } = await underWay(stage);
      await stage.pull(disk, 'clean-eof');
      const drive = await stage.until(SERIAL, isUnplugged, 'unplugged');
      stage.check(drive.verdict === null, 'There is no verdict over half a disk.');
      stage.advise(PUT_BACK);
      await stage.technician.replug(image, 'left');
      await stage.arrived(SERIAL, image);
      checkSentOnce(stage, 1);
    },
  },
  {
    name: 'pull-twice',
    group: 'attachment',
    made: 'the disk is pulled in mid-copy, comes back, and is pulled again as soon as it goes on',
    happens: 'each time the copy goes on; pulls are no attempts, however many there are',
    reads: 'the drive is “unplugged”, then “verified”',
    async play(stage) {
      const { image, disk } = await underWay(stage);
      await stage.pull(disk, 'io-error');
      await stage.until(SERIAL, isUnplugged, 'unplugged');
      stage.store.hold();
      const again = await stage.plug(image, { bay: 'left' });
      await stage.daemon.untilDrive(SERIAL, (d) => d.activity.kind === 'copying', 'copying again');
      await stage.pull(again, 'clean-eof');
      await stage.until(SERIAL, isUnplugged, 'unplugged again');
      stage.advise('Look at the cable and the bay: a disk that drops out twice does so again.');
      await stage.technician.replug(image, 'right');
      await stage.arrived(SERIAL, image);
      checkSentOnce(stage, 2);
    },
  },
  {
    name: 'pulled-for-good',
    group: 'attachment',
    made: 'the disk is pulled in mid-copy and never comes back; an operator ends the drive',
    happens:
      'while the disk is plugged in the drive is not ended; then it ends with nothing promised, nothing is kept for it, and the job goes on',
    reads:
      'the drive is “done, with notes”: “Its disk left left in mid-copy and did not come back.”, “are in no blob and are lost”',
    async play(stage) {
      const { disk } = await underWay(stage);
      const early = await stage.technician.end(SERIAL, 'It clicks.');
      stage.check(early === 409, 'A drive whose disk is plugged in is not ended.');
      await stage.pull(disk, 'io-error');
      await stage.until(SERIAL, isUnplugged, 'unplugged');
      const late = await stage.technician.end(SERIAL, 'It clicks.');
      stage.check(late < 300, 'A drive whose disk is gone is ended.');
      const { verdict } = await stage.until(SERIAL, ({ logs }) => logs !== null, 'has its log');
      stage.check(verdict?.copyStatus === 'DiskNotFound', 'Its log says that the disk is gone.');
      stage.check(verdict?.safeToRemove === false, 'Nothing of it is promised.');
      const isPacked = ({ state }: JobView) => state === 'Packaging';
      await stage.untilView(({ jobs }) => jobs.some(isPacked), 'The job goes on.');
    },
  },
  {
    name: 'pull-at-start',
    group: 'attachment',
    made: 'the disk is pulled while its copy process starts, before the first byte',
    happens: 'the copy begins anew when the disk is back; nothing is faulted',
    reads: 'the drive is “starting”, then “verified”',
    async play(stage) {
      await stage.station();
      const image = await stage.image({ serial: SERIAL, sizeBytes: 32 * MIB });
      const disk = await stage.plug(image, { bay: 'left' });
      await stage.job(SERIAL);
      await stage.daemon.untilDrive(SERIAL, (d) => d.activity.kind === 'starting', 'starting');
      await stage.pull(disk, 'clean-eof');
      await stage.until(SERIAL, ({ bay }) => bay === null, 'the bay is empty');
      stage.check(stage.drive(SERIAL)?.fault === null, 'The drive has no fault.');
      stage.advise('Put the disk back; it was not read yet.');
      await stage.technician.replug(image, 'left');
      await stage.arrived(SERIAL, image);
    },
  },
  {
    name: 'pull-while-settling-in',
    group: 'attachment',
    made: 'the disk is plugged in and pulled before the station has looked at it for long enough',
    happens: 'nothing is begun for a disk that was hardly there; later it is copied as usual',
    reads: 'the drive is “not here yet”, and in the end “verified”',
    async play(stage) {
      await stage.station({ detect: { settleMs: 3000 } });
      const image = await stage.image({ serial: SERIAL, sizeBytes: 16 * MIB });
      await stage.job(SERIAL);
      const disk = await stage.plug(image);
      await stage.unplug(disk);
      const isAway = () => stage.drive(SERIAL)?.state === 'Specified';
      await stage.stays(isAway, 'The drive has not been received.');
      stage.advise('Plug it in again, and push it home.');
      await stage.technician.replug(image, 'left');
      await stage.arrived(SERIAL, image);
    },
  },
  {
    name: 'pull-from-the-queue',
    group: 'attachment',
    made: 'a disk that waits for its turn is taken out while another one is copied',
    happens: 'it leaves the queue, keeps no place blocked, and is copied when it is back',
    reads: 'the drive is “waiting its turn”, then “received”',
    slow: true,
    async play(stage) {
      await stage.station({ copy: { maxDrives: 1 } });
      // Blocks of the first disk stay on their way until the second one has come and gone.
      stage.store.hold();
      const first = await stage.image({ serial: SERIAL, sizeBytes: 48 * MIB });
      const second = await stage.image({ serial: OTHER, sizeBytes: 16 * MIB });
      await stage.plug(first);
      await stage.job(SERIAL, OTHER);
      await stage.daemon.untilDrive(SERIAL, (d) => d.activity.kind === 'copying', 'copying');
      const waiting = await stage.plug(second);
      await stage.until(OTHER, ({ activity }) => activity.kind === 'queued', 'queued');
      await stage.unplug(waiting);
      await stage.until(OTHER, ({ activity }) => activity.kind === 'idle', 'out of the queue');
      stage.store.release();
      await stage.arrived(SERIAL, first);
      stage.check(stage.drive(OTHER)?.state === 'Received', 'The absent disk is not begun.');
      await stage.technician.replug(second, 'elsewhere');
      await stage.arrived(OTHER, second);
      const count = await stage.events();
      stage.check(count('copy-attempt-begun') === 2, 'Each of the two was begun once.');
    },
  },
  {
    name: 'flapping-disk',
    group: 'attachment',
    made: 'a loose cable: the disk comes and goes ten times within seconds, then stays',
    happens: 'the station keeps up, counts no attempt against the drive and copies it once',
    reads: 'in the end the drive is “verified”',
    async play(stage) {
      await stage.station();
      const image = await stage.image({ serial: SERIAL, sizeBytes: 16 * MIB });
      await stage.job(SERIAL);
      for (let times = 0; times < 10; times++) {
        const disk = await stage.plug(image, { bay: 'left' });
        await stage.pull(disk, times % 2 === 0 ? 'clean-eof' : 'io-error');
      }
      stage.advise('Change the cable or the bay before you go on.');
      await stage.technician.replug(image, 'right');
      await stage.arrived(SERIAL, image);
      const count = await stage.events();
      stage.check(count('faulted') === 0, 'The drive was never faulted.');
    },
  },
  {
    name: 'node-used-again',
    group: 'attachment',
    made: 'the disk is pulled in mid-copy and a strange one takes its bay, and as a rule its device name',
    happens: 'the strange disk is flagged and not read; the first one goes on when it is back',
    reads: 'the strange disk is an “extra drive”: “On no list. It is not read.”',
    slow: true,
    async play(stage) {
      const { image, disk } = await underWay(stage);
      const strange = await stage.image({ serial: OTHER, sizeBytes: SIZE });
      await stage.pull(disk, 'clean-eof');
      const stranger = await stage.plug(strange, { bay: 'left' });
      await stage.untilDisk('left', ({ match }) => match.kind === 'extra', 'extra');
      const before = await stage.readsOf(stranger);
      await stage.until(SERIAL, isUnplugged, 'unplugged');
      const waits = () => stage.drive(SERIAL)?.activity.kind === 'detached';
      await stage.stays(waits, 'The copy waits for its own disk.');
      stage.check((await stage.readsOf(stranger)) === before, 'The strange disk was not read.');
      stage.advise('Take the strange disk out and find out whose it is; put the right one back.');
      await stage.technician.replug(image, 'right');
      await stage.arrived(SERIAL, image);
      checkSentOnce(stage, 1);
    },
  },
  {
    name: 'moved-while-stopped',
    group: 'attachment',
    made: 'the station is stopped in mid-copy and the disk moved to another bay meanwhile',
    happens: 'after the start the copy goes on in the new bay from what the store holds',
    reads: 'in the end the drive is “verified”',
    slow: true,
    async play(stage) {
      const { image, disk } = await underWay(stage);
      await stage.stop();
      stage.store.release();
      await stage.unplug(disk);
      await stage.plug(image, { bay: 'right', avoid: [disk.disk.name] });
      await stage.restart();
      await stage.arrived(SERIAL, image);
      checkSentOnce(stage, 1);
    },
  },
  {
    name: 'early-disk',
    group: 'attachment',
    made: 'a disk of a job that the customer has not marked as shipped is plugged in',
    happens: 'the disk is not read and an operator is told; once shipped, all goes by itself',
    reads: 'an alert, “Drives of a job that was not shipped”: “Contact the customer”',
    async play(stage) {
      await stage.station();
      const image = await stage.image({ serial: SERIAL, sizeBytes: 16 * MIB });
      await stage.daemon.createJob({
        ...jobOf(stage.rig.job, [SERIAL]),
        deliveryPackage: undefined,
      });
      const disk = await stage.plug(image);
      await stage.untilView(({ alerts }) => alerts.length > 0, 'An operator is asked for.');
      const before = await stage.readsOf(disk);
      await stage.stays(() => stage.drive(SERIAL)?.progress === null, 'No copy is begun.');
      stage.check((await stage.readsOf(disk)) === before, 'The disk was not read.');
      stage.advise('Leave the disk in, and ask the customer to mark the job as shipped.');
      stage.tell('made', 'The customer updates the job to Shipping.');
      const path = `${ARM}/${stage.rig.job}?api-version=2021-01-01`;
      const { status } = await stage.daemon.request('PATCH', path, { properties: SHIPPED });
      stage.check(status === 200, 'The update was taken.');
      await stage.arrived(SERIAL, image);
      await stage.untilView(({ alerts }) => alerts.length === 0, 'Nobody is asked for any more.');
    },
  },
  {
    name: 'sectors-of-4096-bytes',
    group: 'attachment',
    made: 'the disk reports logical sectors of 4096 bytes (4Kn)',
    happens: 'it is read in whole sectors and arrives like any other',
    reads: 'the drive is “verified”',
    async play(stage) {
      await stage.station();
      const image = await stage.image({ serial: SERIAL, sizeBytes: 16 * MIB + 4096 });
      await stage.plug(image, { sectorBytes: 4096 });
      await stage.job(SERIAL);
      await stage.arrived(SERIAL, image);
    },
  },
  {
    name: 'all-bays-at-once',
    group: 'attachment',
    made: 'five disks are plugged in at the same moment, with two copies allowed at once',
    happens: 'two are copied, the others wait for their turn, and all five arrive',
    reads: 'those that wait are “waiting its turn”',
    async play(stage) {
      await stage.station({ copy: { maxDrives: 2 } });
      stage.store.slow(50);
      const serials = ['A', 'B', 'C', 'D', 'E'].map((letter) => `${OTHER}${letter}`);
      const images = new Map<string, string>();
      for (const serial of serials) {
        images.set(serial, await stage.image({ serial, sizeBytes: 16 * MIB }));
      }
      await stage.job(...serials);
      await Promise.all([...images.values()].map((image) => stage.plug(image)));
      for (const [serial, image] of images) await stage.arrived(serial, image);
    },
  },
];
