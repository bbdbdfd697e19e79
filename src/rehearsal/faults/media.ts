import type { Rehearsal } from '../contract.ts';
import { MIB } from '../disks.ts';

/** What goes wrong with a medium: places that cannot be read, that hang, that lie. */

const SERIAL = 'WD-WCC4N7XKPZ01';
const BAD_AT = 22 * MIB + 8192;

export const MEDIA: readonly Rehearsal[] = [
  {
    name: 'weak-sector',
    group: 'media',
    made: 'the block layer fails two reads of one sector with EIO, then gives it',
    happens: 'the sector is read in the same attempt; the drive is verified',
    reads: 'the drive is “verified”',
    async play(stage) {
      await stage.station();
      const place = { offsetBytes: BAD_AT, lengthBytes: 512 };
      const weak = { kind: 'read-error', ...place, errno: 5, times: 2 } as const;
      const image = await stage.image({ serial: SERIAL, sizeBytes: 32 * MIB, faults: [weak] });
      await stage.plug(image);
      await stage.job(SERIAL);
      await stage.arrived(SERIAL, image);
    },
  },
];
