import type { DriveView, StationView } from '../../serve/wire.ts';
import type { Rehearsal } from '../contract.ts';
import { MIB } from '../disks.ts';
import type { Stage } from '../stage.ts';

/** What a disk hangs on does not hold, though the disk does. */

const SERIAL = 'WD-WCC4N7XKPZ01';
const SIZE = 64 * MIB;
const BAY = 'left';
const INCIDENTS = 2;
/** A machine that is slow to plug makes a drop look like a pull; then it drops once more. */
const DROPS_MAX = 10;

const isUnplugged = ({ activity }: DriveView) => activity.kind === 'detached';
const isCopying = ({ activity }: DriveView) => activity.kind === 'copying';
const isKnown = ({ alerts }: StationView) => alerts.some(({ kind }) => kind === 'dock-unreliable');

export const DOCK: readonly Rehearsal[] = [
  {
    name: 'unreliable-dock',
    group: 'attachment',
    made: 'the disk drops out in mid-copy and is back in its bay at once, again and again, as behind a bridge that breaks down',
    happens:
      'what happens is counted for the bay, shown on its card and told to an operator once; the copy goes on each time, and in another bay to its end',
    reads:
      '“This dock is unreliable: … incidents since …, with 1 disk: … disconnects. Try another cable, another port, another dock.”, and an alert, “Dock unreliable”: “The disks are not to blame.”',
    async play(stage) {
      await stage.station({ docks: { incidents: INCIDENTS } });
      const image = await stage.image({ serial: SERIAL, sizeBytes: SIZE });
      let disk = await stage.plug(image, { bay: BAY });
      await stage.job(SERIAL);
      await stage.midCopy(SERIAL);
      for (let drops = 0; drops < DROPS_MAX && !isTold(stage); drops++) {
        await stage.pull(disk, 'io-error');
        await stage.daemon.untilDrive(SERIAL, isUnplugged, 'unplugged');
        stage.store.hold();
        disk = await stage.plug(image, { bay: BAY });
        await stage.daemon.untilDrive(SERIAL, isCopying, 'copying again');
      }
      const { alerts } = await stage.untilView(isKnown, 'The dock is unreliable.');
      stage.check(alerts.length === 1, 'It is one alert.');
      stage.check(stage.disk(BAY)?.unreliableDock != null, 'The card of the bay says it.');
      stage.advise('The disk is sound: take it out and use another cable, port or dock.');
      await stage.pull(disk, 'clean-eof');
      await stage.technician.replug(image, 'right', [disk.disk.name]);
      await stage.arrived(SERIAL, image);
      stage.check(stage.disk('right')?.unreliableDock === null, 'The other bay is not blamed.');
      await stage.technician.resolve('dock-unreliable', 'replaced');
      const count = await stage.events();
      stage.check(count('faulted') === 0, 'The drive was never faulted.');
    },
  },
];

function isTold(stage: Stage): boolean {
  return stage.daemon.view !== undefined && isKnown(stage.daemon.view);
}
