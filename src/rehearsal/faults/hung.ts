import { spawn } from 'node:child_process';
import type { FaultDisk } from '../../../native-fixtures/fault-disk.ts';
import type { DriveView } from '../../serve/wire.ts';
import type { Rehearsal } from '../contract.ts';
import { MIB } from '../disks.ts';
import type { Stage } from '../stage.ts';

/** Disks that keep the kernel waiting, and sick ones that others must not wait for. */

const SICK = 'WD-WCC4N7XKPZ01';
const ALSO_SICK = 'S3YJNB0K90877';
const WELL = 'ZC18QV4T';
const SIZE = 32 * MIB;
const AT = 10 * MIB + 8192;
/** Released long before by the entry; if that goes wrong, the machine is free again after this. */
const MAX_S = 60;

/** A station that a hung read held up would answer when that is let go. */
const ANSWERS_WITHIN_MS = 10_000;

const hang = { kind: 'hang', offsetBytes: AT, lengthBytes: 4096, maxSeconds: MAX_S } as const;

/** Two faults each, of 256 that a disk can have: work for longer than a healthy disk takes. */
const SO_MANY_BAD = 120;

/** Bad sectors far from each other, each slow to fail: work for some seconds. */
const manyBad = (count: number) =>
  Array.from({ length: count }, (_, at) => {
    const place = { offsetBytes: MIB + at * 64 * 1024, lengthBytes: 512 };
    return [
      { kind: 'read-error', errno: 5, ...place } as const,
      { kind: 'delay', delayMs: 60, ...place } as const,
    ];
  }).flat();

const doesNotAnswer = ({ hang: wait }: DriveView) => wait !== null;
const spinsUp = ({ activity }: DriveView) => activity.kind === 'spinning-up';
const isRescued = ({ activity }: DriveView) => activity.kind === 'rescuing';
const isDone = ({ state }: DriveView) => state === 'CompletedMoreInfo';

async function hungDisk(stage: Stage, readHangMs: number, bay = 'left'): Promise<FaultDisk> {
  await stage.station({ copy: { readHangMs } });
  return await plugHung(stage, SICK, bay);
}

async function plugHung(stage: Stage, serial: string, bay: string): Promise<FaultDisk> {
  const image = await stage.image({ serial, sizeBytes: SIZE, faults: [hang] });
  return await stage.plug(image, { bay });
}

export const HUNG: readonly Rehearsal[] = [
  {
    name: 'hang-for-a-moment',
    group: 'media',
    made: 'the block layer keeps a read waiting for some seconds, then answers it',
    happens: 'the wait is shown with its place and its clock; the copy goes on in the same attempt',
    reads:
      'the drive is “disk does not answer”: “Waiting on LBA 20,480 for … s; given up after 30 s.”',
    async play(stage) {
      const disk = await hungDisk(stage, 30_000);
      await stage.job(SICK);
      const drive = await stage.until(SICK, doesNotAnswer, 'the wait is shown');
      stage.check(drive.bay === 'left', 'The bay is named.');
      stage.advise('Wait: the clock says until when. Many a disk goes on by itself.');
      await disk.clear();
      await stage.until(SICK, ({ state }) => state === 'Completed', 'verified');
      stage.check(attemptsOf(stage) === 1, 'It was one attempt.');
    },
  },
  {
    name: 'sleeping-disk',
    group: 'media',
    made: 'one disk keeps its first read waiting, another one answers everything with an error, until both have spun up',
    happens:
      'both are waited for as disks that slept; no error counts, no bad sector is noted, no attempt is lost',
    reads:
      'both drives are “spinning up”: “The disk slept: … s of up to 30 s until it reads. Leave it in.”',
    async play(stage) {
      await stage.station({ copy: { spinUpMs: 30_000 } });
      const late = { kind: 'hang', offsetBytes: 0, lengthBytes: 4096, maxSeconds: MAX_S } as const;
      const errors = { kind: 'read-error', errno: 5, offsetBytes: 0, lengthBytes: SIZE } as const;
      const images = [
        await stage.image({ serial: SICK, sizeBytes: SIZE, faults: [late] }),
        await stage.image({ serial: ALSO_SICK, sizeBytes: SIZE, faults: [errors] }),
      ] as const;
      const left = await stage.plug(images[0], { bay: 'left' });
      const right = await stage.plug(images[1], { bay: 'right' });
      await stage.job(SICK, ALSO_SICK);
      await stage.until(SICK, spinsUp, 'it is waited for');
      const drive = await stage.until(ALSO_SICK, spinsUp, 'it is waited for');
      stage.check(drive.hang === null && drive.sick === null, 'It does not count as sick.');
      stage.advise('Leave them in: a disk needs 10 to 30 s until its platters turn.');
      await left.clear();
      await right.clear();
      await stage.arrived(SICK, images[0]);
      await stage.arrived(ALSO_SICK, images[1]);
      stage.check(attemptsOf(stage) === 2, 'Each had one attempt.');
    },
  },
  {
    name: 'hang-for-good',
    group: 'media',
    made: 'the block layer keeps a read waiting past the limit; SIGKILL does not end its reader',
    happens:
      'the disk is given up, its process is counted and shown, another drive is not held up; the disk is not opened again before it was replugged',
    reads:
      '“has not answered a read at byte 10485760 for …”, “Tried: the kernel shows the disk, … request… unanswered; no reset: a loop device has none.”, “Pull the disk that is named: the kernel then lets go.”, “hangs in a read of this disk since”',
    async play(stage) {
      const disk = await hungDisk(stage, 4000);
      const image = await stage.image({ serial: WELL, sizeBytes: SIZE });
      await stage.job(SICK, WELL);
      await stage.until(SICK, doesNotAnswer, 'the wait is shown');
      await stage.plug(image, { bay: 'right' });
      const askedAt = performance.now();
      const { ok } = await fetch(`${stage.daemon.url}/api/v1/drives`);
      const isPrompt = ok && performance.now() - askedAt < ANSWERS_WITHIN_MS;
      stage.check(isPrompt, 'The station answers all the same.');
      await stage.until(SICK, ({ state }) => state === 'Faulted', 'given up');
      const shown = stage.daemon.view?.station.stuck ?? [];
      stage.check(shown[0]?.bay === 'left', 'The process that hangs is shown with its bay.');
      await stage.technician.retry(SICK);
      await stage.until(SICK, ({ state }) => state === 'Faulted', 'the disk still hangs');
      await stage.arrived(WELL, image);
      await disk.clear();
      await stage.untilView(({ station }) => station.stuck.length === 0, 'The kernel let go.');
      await stage.technician.retry(SICK);
      await stage.until(SICK, ({ state }) => state === 'Completed', 'verified');
    },
  },
  {
    name: 'hang-at-one-place',
    group: 'media',
    made: 'the block layer keeps each read of one place waiting past the limit, in every attempt',
    happens:
      'each attempt gets further: all other areas at the second, and its end at the third, with that place alone left out',
    reads: '“has not answered a read at byte”, “done, with notes”, “4096 bytes could not be read”',
    slow: true,
    async play(stage) {
      await stage.station({ copy: { readHangMs: 4000 } });
      const image = await stage.image({ serial: SICK, sizeBytes: SIZE, faults: [hang] });
      let disk = await stage.plug(image, { bay: 'left' });
      await stage.job(SICK);
      for (let attempt = 1; attempt <= 2; attempt++) {
        const drive = await stage.until(SICK, ({ state }) => state === 'Faulted', 'given up');
        const all = drive.progress?.stagedBytes ?? 0;
        if (attempt === 2) stage.check(all >= SIZE - 16 * MIB, 'All other areas are stored.');
        stage.advise('Pull it, plug it into another bay and press Retry, as it says.');
        await disk.clear();
        await stage.untilView(({ station }) => station.stuck.length === 0, 'The kernel let go.');
        await stage.unplug(disk);
        disk = await stage.plug(image, { bay: 'right' });
        await stage.technician.retry(SICK);
      }
      await stage.until(SICK, isDone, 'done, with notes');
    },
  },
  {
    name: 'hang-at-open',
    group: 'media',
    made: 'a reader of the disk hangs in its close after SIGKILL: each open of the disk waits for it',
    happens: 'the copy shows that it waits for the disk to open, and goes on when it does',
    reads: '“Waiting on the disk to open for … s; given up after 30 s.”',
    async play(stage) {
      await stage.station({ copy: { readHangMs: 30_000 } });
      const disk = await plugHung(stage, SICK, 'left');
      await hungClose(disk);
      await stage.job(SICK);
      await stage.until(SICK, doesNotAnswer, 'the wait is shown');
      await disk.clear();
      await stage.until(SICK, ({ state }) => state === 'Completed', 'verified');
    },
  },
  {
    name: 'hang-in-rescue',
    group: 'media',
    made: 'bad sectors, and while they are tried one by one the block layer keeps a read waiting',
    happens: 'the wait is shown, then the rescue goes on and gives all that can be read',
    reads: '“reading bad places”, “disk does not answer”, “done, with notes”',
    async play(stage) {
      await stage.station({ copy: { readHangMs: 30_000 } });
      const faults = manyBad(20);
      const image = await stage.image({ serial: SICK, sizeBytes: SIZE, faults });
      const disk = await stage.plug(image);
      await stage.job(SICK);
      await stage.until(SICK, isRescued, 'bad places are read');
      await disk.inject([{ ...hang, offsetBytes: MIB, lengthBytes: 2 * MIB }]);
      await stage.until(SICK, doesNotAnswer, 'the wait is shown');
      await disk.clear();
      await disk.inject(faults.filter(({ kind }) => kind === 'read-error'));
      const drive = await stage.until(SICK, (d) => isDone(d) || d.state === 'Completed', 'settled');
      stage.check(drive.fault === null, 'It is no fault.');
    },
  },
  {
    name: 'hang-outlives-the-station',
    group: 'station',
    made: 'the station is killed while a copy hangs in the kernel, and started again',
    happens:
      'the new station finds who holds the disk, opens it only when it is let go, and counts no failure',
    reads:
      '“a process of an earlier daemon still has its disk open”, “Waiting on the disk to open for … s”',
    slow: true,
    async play(stage) {
      const disk = await hungDisk(stage, 30_000);
      await stage.job(SICK);
      await stage.until(SICK, doesNotAnswer, 'the wait is shown');
      await stage.kill();
      await stage.restart();
      const waits = ({ hang: wait }: DriveView) => wait?.waitsFor === 'open';
      await stage.until(SICK, waits, 'it waits for the disk');
      const { length } = await stage.daemon.copyProcesses();
      stage.check(length <= 1, 'No second process opens the disk.');
      await stage.untilView(({ station }) => station.stuck.length === 1, 'It is shown.');
      await disk.clear();
      await stage.until(SICK, ({ state }) => state === 'Completed', 'verified');
      const failed = stage.daemon.logs.filter(({ msg }) => msg.startsWith('copy failed'));
      stage.check(failed.length === 0, 'No attempt was counted as failed.');
    },
  },
  {
    name: 'two-disks-hang',
    group: 'media',
    made: 'two disks keep a read waiting past the limit',
    happens: 'both are given up, and an operator is told what they may share',
    reads:
      'the alert “Disks hang”: “2 processes hang in the kernel: copy … in …, copy … in ….”, “look what they share”',
    slow: true,
    async play(stage) {
      const disks = [await hungDisk(stage, 2000), await plugHung(stage, ALSO_SICK, 'right')];
      await stage.job(SICK, ALSO_SICK);
      const isTold = (kind: string) => kind === 'processes-stuck';
      await stage.untilView(({ alerts }) => alerts.some((a) => isTold(a.kind)), 'An alert.');
      for (const disk of disks) await disk.clear();
      await stage.untilView(({ alerts }) => !alerts.some((a) => isTold(a.kind)), 'It is over.');
    },
  },
  {
    name: 'sick-drive-makes-room',
    group: 'media',
    made: 'the only place for a copy is taken by a drive with bad sectors, each slow to fail',
    happens: 'it leaves its place for the lane of the sick; the healthy one finishes meanwhile',
    reads: 'the drive is “reading bad places”',
    async play(stage) {
      await stage.station({ copy: { maxDrives: 1 } });
      const sick = { serial: SICK, sizeBytes: SIZE, faults: manyBad(SO_MANY_BAD) };
      await stage.plug(await stage.image(sick), { bay: 'left' });
      await stage.job(SICK, WELL);
      await stage.underWay(SICK);
      const image = await stage.image({ serial: WELL, sizeBytes: SIZE });
      await stage.plug(image, { bay: 'right' });
      await stage.until(SICK, isRescued, 'bad places are read');
      await stage.arrived(WELL, image);
      const still = stage.drive(SICK);
      stage.check(still?.state === 'Transferring', 'The sick one was still at work.');
      stage.check(still?.sick === 'bad-places', 'It says why it gives way.');
    },
  },
  {
    name: 'sick-drives-take-turns',
    group: 'media',
    made: 'two drives with slow bad sectors share one place among the sick',
    happens: 'each is put back after its turn and goes on from its map; both come to their end',
    reads: '“Sick drives take turns, so that they hold up nobody; it goes on where it was.”',
    slow: true,
    async play(stage) {
      await stage.station({ copy: { sickConcurrent: 1, sickTurnMs: 3000 } });
      for (const [serial, bay] of [
        [SICK, 'left'],
        [ALSO_SICK, 'right'],
      ] as const) {
        const sick = { serial, sizeBytes: SIZE, faults: manyBad(12) };
        await stage.plug(await stage.image(sick), { bay });
      }
      await stage.job(SICK, ALSO_SICK);
      await stage.until(SICK, isDone, 'done, with notes');
      await stage.until(ALSO_SICK, isDone, 'done, with notes');
    },
  },
];

function attemptsOf(stage: Stage): number {
  return stage.daemon.logs.filter(({ msg }) => msg === 'the store was asked what it holds').length;
}

/** The last user of the disk is killed in a read through the page cache, and hangs in its close. */
async function hungClose({ disk, counters }: FaultDisk): Promise<void> {
  const at = [`if=${disk.device}`, 'bs=4096', 'count=1', `skip=${AT / 4096}`, 'of=/dev/null'];
  const reader = spawn('dd', at, { stdio: 'ignore' });
  while ((await counters()).hanging === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  reader.kill('SIGKILL');
}
