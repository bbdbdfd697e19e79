import type { StationView } from '../../serve/wire.ts';
import type { Rehearsal } from '../contract.ts';
import { MIB } from '../disks.ts';

/** A store that is away, slow or confused. No drive is to blame for any of it. */

const SERIAL = 'ZC18QV4T';
const SIZE = 64 * MIB;
const SLOW_MS = 150;

const waits = ({ drives }: StationView) =>
  drives.some(({ activity }) => activity.kind === 'waiting-for-storage');

export const STORAGE: readonly Rehearsal[] = [
  {
    name: 'store-busy',
    group: 'storage',
    made: 'a proxy before the store answers 503 to every request in mid-copy',
    happens: 'the drive waits, no attempt is counted, and the copy goes on by itself',
    reads: 'the drive is “waiting for storage”',
    async play(stage) {
      await stage.station();
      stage.store.slow(SLOW_MS);
      const image = await stage.image({ serial: SERIAL, sizeBytes: SIZE });
      await stage.plug(image);
      await stage.job(SERIAL);
      await stage.underWay(SERIAL, 8 * MIB);
      stage.store.mode('busy');
      await stage.untilView(waits, 'The drive waits for the store.');
      stage.advise('Nothing to do at the disk: leave it in. See to the network or the store.');
      stage.store.mode('pass');
      await stage.arrived(SERIAL, image);
    },
  },
];
