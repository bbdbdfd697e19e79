import type { DiskView, DriveView } from '../../serve/wire.ts';
import type { Rehearsal } from '../contract.ts';
import { MIB } from '../disks.ts';
import type { Stage } from '../stage.ts';

/** Disks that do not say who they are, say what another one says, or say it badly. */

const SERIAL = 'WD-WCC4N7XKPZ01';
const SIZE = 64 * MIB;
const SMALL = 16 * MIB;
const READ_LABELS = 'Take both disks out and read their labels before you say which is which.';

const isQuestion = ({ match }: DiskView) => match.kind === 'ambiguous' || match.kind === 'near';
const asksForPerson = ({ activity }: DriveView) => activity.kind === 'waiting-for-person';

interface Twins {
  readonly image: string;
  readonly twin: string;
}

/** Two disks of one size with one serial, and each with a content of its own. */
async function twins(stage: Stage, sizeBytes: number): Promise<Twins> {
  const image = await stage.image({ serial: SERIAL, sizeBytes });
  const twin = await stage.image({ serial: SERIAL, sizeBytes, seed: 'twin', file: 'twin' });
  return { image, twin };
}

/** The one disk is being copied when its twin comes; then both wait. */
async function contestedInMidCopy(stage: Stage): Promise<Twins> {
  await stage.station();
  const both = await twins(stage, SIZE);
  await stage.plug(both.image, { bay: 'left' });
  await stage.job(SERIAL);
  await stage.midCopy(SERIAL);
  await stage.plug(both.twin, { bay: 'right' });
  await stage.until(SERIAL, asksForPerson, 'a person is asked');
  stage.store.release();
  return both;
}

/** The right disk is pulled in mid-copy, and another one with its serial takes its place. */
async function replacedInMidCopy(stage: Stage, sizeBytes: number) {
  await stage.station();
  const image = await stage.image({ serial: SERIAL, sizeBytes: SIZE });
  const right = await stage.plug(image, { bay: 'left' });
  await stage.job(SERIAL);
  await stage.midCopy(SERIAL);
  await stage.pull(right, 'clean-eof');
  await stage.until(SERIAL, ({ activity }) => activity.kind === 'detached', 'unplugged');
  const sent = stage.rig.proxy.staged.length;
  const other = await stage.image({ serial: SERIAL, sizeBytes, seed: 'other', file: 'other' });
  const impostor = await stage.plug(other, { bay: 'left' });
  const checkNothingSent = () =>
    stage.check(stage.rig.proxy.staged.length === sent, 'No byte of the other disk was sent.');
  return { image, impostor, checkNothingSent };
}

/** The content of a disk is not what its copy was begun on. */
async function foundOut(stage: Stage): Promise<void> {
  const isFaulted = ({ state }: DriveView) => state === 'Faulted';
  const { fault, verdict } = await stage.until(SERIAL, isFaulted, 'faulted');
  stage.check(fault?.code === 'disk-content-changed', 'The fault names the content.');
  stage.check(verdict === null, 'There is no verdict over a mixture.');
}

/** Nothing is read and nothing sent while a person is asked. */
async function staysUntouched(stage: Stage): Promise<void> {
  const sent = stage.rig.proxy.staged.length;
  await stage.stays(() => stage.rig.proxy.staged.length === sent, 'Nothing was sent unasked.');
  const copies = await stage.daemon.copyProcesses();
  stage.check(copies.length === 0, 'No process reads a disk.');
}

/** A disk that waits for a person, who reads its label and says what it is. */
async function confirmed(stage: Stage, image: string): Promise<void> {
  await stage.plug(image, { bay: 'left' });
  await stage.job(SERIAL);
  await stage.untilDisk('left', isQuestion, 'a question');
  await staysUntouched(stage);
  stage.advise(`Read the label of the disk; it says ${SERIAL}.`);
  await stage.technician.confirm('left', SERIAL);
  await stage.arrived(SERIAL, image);
}

export const IDENTITY: readonly Rehearsal[] = [
  {
    name: 'duplicate-serial',
    group: 'identity',
    made: 'two disks with the same listed serial are plugged in at once',
    happens: 'both wait for a person and neither is read; with one gone the other is copied',
    reads: 'both bays ask: “2 present disks show it; read the label and confirm”',
    async play(stage) {
      await stage.station();
      const { image, twin } = await twins(stage, SMALL);
      await stage.plug(image, { bay: 'left' });
      const second = await stage.plug(twin, { bay: 'right' });
      // Of one that is seen alone the copy would begin.
      await stage.daemon.until(({ disks }) => disks.length === 2, 'both disks are seen');
      await stage.job(SERIAL);
      await stage.untilDisk('left', isQuestion, 'a question');
      await stage.untilDisk('right', isQuestion, 'a question');
      await staysUntouched(stage);
      stage.advise(READ_LABELS);
      await stage.unplug(second);
      await stage.arrived(SERIAL, image);
    },
  },
  {
    name: 'duplicate-serial-in-mid-copy',
    group: 'identity',
    made: 'a second disk with the same serial is plugged in while the first one is copied',
    happens: 'the copy stops until a person says which disk it is; then it goes on',
    reads: 'the drive “needs you”: “2 present disks show it; read the label and confirm”',
    async play(stage) {
      const { image } = await contestedInMidCopy(stage);
      await staysUntouched(stage);
      stage.advise(READ_LABELS);
      await stage.technician.confirm('left', SERIAL);
      await stage.arrived(SERIAL, image);
    },
  },
  {
    name: 'wrong-twin-confirmed',
    group: 'identity',
    made: 'of two disks with one serial a person confirms the wrong one in mid-copy',
    happens: 'its content gives it away: the drive is faulted and the two are not mixed',
    reads:
      'the drive “needs you”: “… does not hold … was copied from”, “compare the label with the drive list”',
    async play(stage) {
      await contestedInMidCopy(stage);
      await stage.technician.confirm('right', SERIAL);
      await foundOut(stage);
      stage.advise('Take the wrong disk out, check the other label, then press Retry.');
    },
  },
  {
    name: 'other-disk-of-same-size',
    group: 'identity',
    made: 'in mid-copy the disk is replaced by one with its serial and size, but other content',
    happens: 'the content is compared before a byte is sent; the right disk goes on after Retry',
    reads:
      'the drive “needs you”: “… does not hold … was copied from”, “compare the label with the drive list”',
    async play(stage) {
      const { image, impostor, checkNothingSent } = await replacedInMidCopy(stage, SIZE);
      await foundOut(stage);
      checkNothingSent();
      stage.advise('This is not the disk that was begun. Find that one, then press Retry.');
      await stage.unplug(impostor);
      await stage.plug(image, { bay: 'left' });
      await stage.technician.retry(SERIAL);
      await stage.arrived(SERIAL, image);
    },
  },
  {
    name: 'other-disk-of-other-size',
    group: 'identity',
    made: 'in mid-copy the disk is replaced by one with its serial and another size',
    happens: 'a person is asked and nothing is read; the right disk goes on by itself',
    reads: 'the drive “needs you”: “It is another disk with the same serial.”',
    async play(stage) {
      const { image, impostor, checkNothingSent } = await replacedInMidCopy(stage, SIZE + 512);
      await stage.until(SERIAL, asksForPerson, 'a person is asked');
      await stage.stays(() => stage.drive(SERIAL)?.state === 'Transferring', 'It is not faulted.');
      checkNothingSent();
      stage.advise('Take it out and put the disk in that was begun.');
      await stage.unplug(impostor);
      await stage.technician.replug(image, 'left');
      await stage.arrived(SERIAL, image);
    },
  },
  {
    name: 'made-up-serial',
    group: 'identity',
    made: 'a bridge answers 000000000000 for the serial, and a job lists exactly that',
    happens: 'a serial that many disks have identifies none: a person says which drive it is',
    reads: 'the bay asks: “bridges are known to make it up; read the label and confirm”',
    async play(stage) {
      await stage.station();
      const fake = '000000000000';
      const image = await stage.image({ serial: fake, sizeBytes: SMALL });
      await stage.plug(image, { bay: 'left' });
      await stage.job(fake);
      await stage.untilDisk('left', isQuestion, 'a question');
      await staysUntouched(stage);
      stage.advise('Read the label of the disk and compare it with the customer’s list.');
      await stage.technician.confirm('left', fake);
      await stage.arrived(fake, image);
    },
  },
  {
    name: 'no-serial',
    group: 'identity',
    made: 'the disk shows no serial at all, as behind a cheap bridge',
    happens: 'it is a question and not read; once a person said which drive it is, it is copied',
    reads:
      'the bay asks: “The disk shows no serial; read its label and confirm which drive it is.”',
    async play(stage) {
      await stage.station();
      const disk = { serial: SERIAL, shownSerial: null, sizeBytes: SMALL };
      await confirmed(stage, await stage.image(disk));
    },
  },
  {
    name: 'nearly-the-serial',
    group: 'identity',
    made: 'a bridge cuts the serial off, so that it is almost the one on the list',
    happens: 'the drive is suggested and nothing is read before a person has confirmed it',
    reads:
      'the bay asks: “Looks like WD-WCC4N7XKPZ01 of job … (truncated); confirm with the label.”',
    async play(stage) {
      await stage.station();
      const disk = { serial: SERIAL, shownSerial: SERIAL.slice(0, 12), sizeBytes: SMALL };
      await confirmed(stage, await stage.image(disk));
    },
  },
  {
    name: 'extra-drive',
    group: 'identity',
    made: 'a disk that no job lists is plugged in beside one that is listed',
    happens: 'it is flagged for the operators and never read',
    reads: 'the bay says “extra drive”: “No active job lists serial KV6H86XP.”',
    async play(stage) {
      await stage.station();
      const image = await stage.image({ serial: SERIAL, sizeBytes: SMALL });
      const strange = await stage.image({ serial: 'KV6H86XP', sizeBytes: SMALL });
      await stage.plug(image, { bay: 'left' });
      await stage.job(SERIAL);
      const stranger = await stage.plug(strange, { bay: 'right' });
      await stage.untilDisk('right', ({ match }) => match.kind === 'extra', 'extra');
      const before = await stage.readsOf(stranger);
      await stage.arrived(SERIAL, image);
      stage.check((await stage.readsOf(stranger)) === before, 'The extra drive was not read.');
      stage.advise('Find out whose it is. It goes back unread, or a job comes to list it.');
    },
  },
  {
    name: 'odd-serial',
    group: 'identity',
    made: 'the serial is AB-12/../"$(x) and the disk pads it with blanks, as firmware does',
    happens: 'it matches without its blanks; neither path, blob name nor shell gets it as it is',
    reads: 'the drive is “verified”',
    async play(stage) {
      await stage.station();
      const serial = 'AB-12/../"$(x)';
      const disk = { serial, shownSerial: `  ${serial} `, sizeBytes: SMALL, file: 'odd' };
      const image = await stage.image(disk);
      await stage.plug(image);
      await stage.job(serial);
      await stage.arrived(serial, image);
    },
  },
  {
    name: 'serial-on-two-jobs',
    group: 'identity',
    made: 'two jobs list the same serial, and one disk with it is plugged in',
    happens: 'a person says for which job it came; the other job gets nothing',
    reads: 'the bay asks: “This one disk answers to …; a person must say which.”',
    async play(stage) {
      await stage.station();
      const image = await stage.image({ serial: SERIAL, sizeBytes: SMALL });
      await stage.job(SERIAL);
      await stage.jobNamed('second-job', SERIAL);
      await stage.plug(image, { bay: 'left' });
      await stage.untilDisk('left', isQuestion, 'a question');
      stage.advise('See with which parcel the disk came, and say so.');
      await stage.technician.confirm('left', SERIAL);
      await stage.untilView(
        ({ drives }) => drives.some(({ state }) => state === 'Completed'),
        'One of the two drives is verified.',
      );
      const second = stage.daemon.view?.drives.find(({ jobName }) => jobName === 'second-job');
      stage.check(second?.state === 'Specified', 'The other job has got nothing.');
    },
  },
];
