import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaultDisk } from '../../../native-fixtures/fault-disk.ts';
import type { DiskFault } from '../../detect/identity-file.ts';
import type { Extent } from '../../domain/plan.ts';
import type { DriveView } from '../../serve/wire.ts';
import type { Rehearsal } from '../contract.ts';
import { MIB } from '../disks.ts';
import { familyOf } from '../processes.ts';
import type { Stage } from '../stage.ts';

/** What goes wrong with a medium: places that cannot be read, that are slow, that lie. */

const SERIAL = 'WD-WCC4N7XKPZ01';
const SIZE = 32 * MIB;
const BAD_AT = 22 * MIB + 8192;
const ONE_SECTOR: Extent = { offsetBytes: BAD_AT, lengthBytes: 512 };
const EIO = 5;
const ENODATA = 61;
const ETIMEDOUT = 110;
/** A bad read on a real disk takes as long and longer. */
const BAD_READ_MS = 100;

function bad(place: Extent, errno: number, times?: number): DiskFault {
  const fault = { kind: 'read-error', ...place, errno } as const;
  return times === undefined ? fault : { ...fault, times };
}

const slowly = (place: Extent): DiskFault => ({ kind: 'delay', ...place, delayMs: BAD_READ_MS });

async function begun(stage: Stage, faults: readonly DiskFault[]) {
  await stage.station();
  const image = await stage.image({ serial: SERIAL, sizeBytes: SIZE, faults });
  const plugged = await stage.plug(image);
  await stage.job(SERIAL);
  return { image, plugged };
}

/** The drive ends with notes, and its blob is the disk with zeros in just these places. */
async function endsWithout(stage: Stage, image: string, lost: readonly Extent[]): Promise<void> {
  await stage.until(SERIAL, ({ state }) => state === 'CompletedMoreInfo', 'done, with notes');
  const bytes = await readFile(image);
  for (const { offsetBytes, lengthBytes } of lost) {
    bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
  }
  await stage.checkBlob(SERIAL, createHash('sha256').update(bytes).digest('hex'));
  const drive = stage.drive(SERIAL);
  stage.check(drive?.verdict?.safeToRemove === false, 'Nobody is told that it is safe to remove.');
  stage.check(drive?.logs?.rescueMapUri !== undefined, 'A map for GNU ddrescue is with the logs.');
}

/** Bad places that are lost in the end, and nothing else with them. */
function lossOf(faults: readonly DiskFault[], lost: readonly Extent[]): Rehearsal['play'] {
  return async (stage) => {
    const { image } = await begun(stage, faults);
    await endsWithout(stage, image, lost);
  };
}

const isRescuing = ({ activity }: DriveView) => activity.kind === 'rescuing';
const manyPlaces = Array.from({ length: 100 }, (_, index) => ({
  offsetBytes: index * Math.floor(SIZE / 100 / 512) * 512 + 512,
  lengthBytes: 512,
}));

export const MEDIA: readonly Rehearsal[] = [
  {
    name: 'weak-sector',
    group: 'media',
    made: 'the block layer fails two reads of one sector with EIO, then gives it',
    happens: 'the sector is read in the same attempt; the drive is verified',
    reads: 'the drive is “verified”',
    async play(stage) {
      const { image } = await begun(stage, [bad(ONE_SECTOR, EIO, 2)]);
      await stage.arrived(SERIAL, image);
    },
  },
  {
    name: 'bad-sector',
    group: 'media',
    made: 'the block layer fails every read of one sector with EIO',
    happens: 'all other bytes are stored, zeros stand for the sector, the drive is not Completed',
    reads: 'the drive is “done, with notes”, and the note names “bytes 23076864-23077375”',
    play: lossOf([bad(ONE_SECTOR, EIO)], [ONE_SECTOR]),
  },
  {
    name: 'medium-error',
    group: 'media',
    made: 'the block layer answers one sector with ENODATA, as SCSI disks do for a medium error',
    happens: 'the same as for any bad sector: it is not taken for a disk that left',
    reads: 'the drive is “done, with notes”',
    play: lossOf([bad(ONE_SECTOR, ENODATA)], [ONE_SECTOR]),
  },
  {
    name: 'read-timeout',
    group: 'media',
    made: 'the block layer answers one sector with ETIMEDOUT, and reads all others',
    happens: 'since another place reads, it is a bad sector and no disk that hangs',
    reads: 'the drive is “done, with notes”',
    play: lossOf([bad(ONE_SECTOR, ETIMEDOUT)], [ONE_SECTOR]),
  },
  {
    name: 'bad-first-sector',
    group: 'media',
    made: 'the block layer fails every read of the first sector with EIO',
    happens: 'the rest of the disk is stored',
    reads: 'the note names “bytes 0-511”',
    play: lossOf(
      [bad({ offsetBytes: 0, lengthBytes: 512 }, EIO)],
      [{ offsetBytes: 0, lengthBytes: 512 }],
    ),
  },
  {
    name: 'bad-last-sector',
    group: 'media',
    made: 'the block layer fails every read of the last sector with EIO',
    happens: 'the rest of the disk is stored; the blob is as long as the disk',
    reads: 'the note names “bytes 33553920-33554431”',
    play: lossOf(
      [bad({ offsetBytes: SIZE - 512, lengthBytes: 512 }, EIO)],
      [{ offsetBytes: SIZE - 512, lengthBytes: 512 }],
    ),
  },
  {
    name: 'thousand-bad-sectors',
    group: 'media',
    made: 'a hundred single sectors and a run of 900 fail every read with EIO',
    happens: 'each is tried a bounded number of times; everything between them is stored',
    reads: 'the note names the first of them “and … more”',
    play: lossOf(
      [...manyPlaces, { offsetBytes: BAD_AT, lengthBytes: 900 * 512 }].map((at) => bad(at, EIO)),
      [...manyPlaces, { offsetBytes: BAD_AT, lengthBytes: 900 * 512 }],
    ),
    slow: true,
  },
  {
    name: 'slow-area',
    group: 'media',
    made: 'each request to 8 MiB of the disk takes 300 ms',
    happens: 'the area is left for the end and read then; the drive is verified',
    reads: 'the drive is “verified”',
    async play(stage) {
      const place = { offsetBytes: 8 * MIB, lengthBytes: 8 * MIB };
      const { image } = await begun(stage, [{ kind: 'delay', ...place, delayMs: 300 }]);
      await stage.arrived(SERIAL, image);
    },
    slow: true,
  },
  {
    name: 'rubbish-after-error',
    group: 'media',
    made: 'a run of sectors is bad, and after the first errors every read gives inverted bytes',
    happens: 'a good place is read again, differs, and nothing more is taken from the disk',
    reads: 'a person reads that the disk “reads differently”',
    async play(stage) {
      const place = { offsetBytes: BAD_AT, lengthBytes: 64 * 512 };
      const { plugged } = await begun(stage, [bad(place, EIO), slowly(place)]);
      await stage.until(SERIAL, isRescuing, 'reading bad places');
      const all = { offsetBytes: 0, lengthBytes: SIZE };
      await plugged.inject([{ kind: 'corrupt', ...all }]);
      stage.tell('made', 'From now on every byte of the disk reads inverted.');
      await stage.until(SERIAL, ({ state }) => state === 'Faulted', 'needs you');
      stage.check(stage.drive(SERIAL)?.verdict === null, 'There is no verdict on such a disk.');
    },
  },
  {
    name: 'pulled-among-bad-places',
    group: 'media',
    made: 'a disk with a bad area is pulled while that is read, and plugged in again',
    happens: 'it is gone, not worse: after the return only the bad area is missing',
    reads: 'the drive is “unplugged” and later “done, with notes”',
    slow: true,
    async play(stage) {
      const place = { offsetBytes: BAD_AT, lengthBytes: 16 * 512 };
      const { image, plugged } = await begun(stage, [bad(place, EIO), slowly(place)]);
      await stage.until(SERIAL, isRescuing, 'reading bad places');
      await stage.pull(plugged, 'io-error');
      await stage.until(SERIAL, ({ activity }) => activity.kind === 'detached', 'unplugged');
      await plugged.close();
      await stage.plug(image);
      await endsWithout(stage, image, [place]);
    },
  },
  {
    name: 'killed-among-bad-places',
    group: 'media',
    made: 'the copy process is killed (SIGKILL) while bad places are read',
    happens: 'the next attempt goes on where the map ends, and ends as if nothing had been',
    reads: 'the drive is “trying again”, then “done, with notes”',
    slow: true,
    async play(stage) {
      const { image } = await killedInRescue(stage);
      await endsWithout(stage, image, [RUN]);
    },
  },
  {
    name: 'rescue-map-lost',
    group: 'media',
    made: 'the copy process is killed among bad places; its map and what it kept are removed',
    happens: 'what is not known is read again; the drive is not Completed for it',
    reads: 'the drive is “done, with notes”',
    async play(stage) {
      const { image } = await killedInRescue(stage, async () => {
        const journals = join(stage.daemon.stateDirectory, 'journals');
        for (const name of await readdir(journals)) {
          if (/\.(?:map|scratch)$/u.test(name)) await rm(join(journals, name), { recursive: true });
        }
        stage.tell('made', 'The map and the bytes beside it are gone.');
      });
      await endsWithout(stage, image, [RUN]);
    },
  },
];

const RUN: Extent = { offsetBytes: BAD_AT, lengthBytes: 16 * 512 };

async function killedInRescue(
  stage: Stage,
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<{ readonly image: string; readonly plugged: FaultDisk }> {
  const set = await begun(stage, [bad(RUN, EIO), slowly(RUN)]);
  await stage.until(SERIAL, isRescuing, 'reading bad places');
  const family = await familyOf(stage.daemon.mark);
  for (const { pid, command } of family) {
    if (command.includes('copy/worker.ts')) process.kill(pid, 'SIGKILL');
  }
  stage.tell('made', 'The copy process is killed (SIGKILL).');
  await meanwhile();
  return set;
}
