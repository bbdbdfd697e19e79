import type { Rehearsal } from '../contract.ts';
import { MIB } from '../disks.ts';

/** Disks that are pulled, and come back. */

const SERIAL = 'WD-WCC4N7XKPZ01';
const SIZE = 64 * MIB;
/** A copy that takes long enough to be pulled in its middle. */
const SLOW_MS = 250;

export const ATTACHMENT: readonly Rehearsal[] = [
  {
    name: 'pull-and-replug',
    group: 'attachment',
    made: 'the disk is pulled in mid-copy, reads fail with EIO, and comes back in another bay',
    happens: 'the copy waits without a fault and goes on from what the store holds',
    reads: 'the drive is “unplugged”: “It left left. Put it back in any bay.”',
    async play(stage) {
      await stage.station();
      stage.store.slow(SLOW_MS);
      const image = await stage.image({ serial: SERIAL, sizeBytes: SIZE });
      const disk = await stage.plug(image, { bay: 'left' });
      await stage.job(SERIAL);
      await stage.underWay(SERIAL, 8 * MIB);
      await stage.pull(disk, 'io-error');
      await stage.until(SERIAL, ({ activity }) => activity.kind === 'detached', 'unplugged');
      stage.advise('Put the disk back in any bay: the copy knows it by its serial and content.');
      await stage.technician.replug(image, 'right', [disk.disk.name]);
      await stage.arrived(SERIAL, image);
      const sent = stage.rig.stagedOf(SERIAL);
      stage.check(sent <= SIZE / (8 * MIB) + 4, 'No block was sent twice but those in flight.');
    },
  },
];
