import { beforeEach, describe, expect, it } from 'vitest';
import { decide } from '../../../src/domain/decide.ts';
import type { AttachedDisk, Facts } from '../../../src/domain/disk.ts';
import { driveKey } from '../../../src/domain/job.ts';
import { Floor } from '../../../src/work/floor.ts';
import { MissingDisks } from '../../../src/work/missing-disks.ts';
import { aDisk, aDrive, aJob } from '../../support/domain.ts';

/** Which disks count as missing: only those that are surely plugged in nowhere. */

const SERIAL = 'WD-WMATV123456';
const BOUND = { serial: SERIAL, sizeBytes: 1_000_000, wwns: [], bay: 'usb-1' };
const drive = aDrive('job', SERIAL, { name: 'Transferring', copyId: 'c' }, BOUND);
const own = aDisk({ serials: [SERIAL] });
const twin = aDisk({ serials: [SERIAL], port: 'usb-2' });

let floor: Floor;
let facts: Facts;
let minute: number;
let disks: MissingDisks;
beforeEach(() => {
  floor = new Floor(() => 0);
  facts = { known: true, disks: [] };
  minute = 0;
  const now = () => new Date(`2026-01-01T00:0${minute}:00.000Z`);
  disks = new MissingDisks({ floor, detector: { facts: () => facts }, now });
});

const attached = (...disks: readonly AttachedDisk[]) => {
  facts = { known: true, disks };
};
const round = () => {
  minute += 1;
  const nothing = { confirmations: new Map(), working: new Map(), flaggedExtras: new Set<never>() };
  const jobs = [{ job: aJob('job', 'Transferring'), drives: [drive] }];
  floor.matches = decide({ facts, jobs, ...nothing, checkIn: undefined }).matches;
  return disks.look([drive]).get(driveKey(drive.ref));
};
const where = () => floor.whereIs(drive.ref, facts);

it.each([
  ['is the drive', own],
  ['has another size', { ...own, sizeBytes: 5 }],
  ['is near to it by its serial', aDisk({ serials: ['WMATV123456'] })],
] as const)('a drive is not missing while a disk %s', (_, disk) => {
  attached(disk);
  expect(round()).toBeUndefined();
  expect(where()).toEqual({ kind: 'plugged-in', bay: 'usb-1' });
});

it('a drive is not missing because a second disk shows its serial', () => {
  attached(own, twin);
  expect(round()).toBeUndefined();
  expect(where()).toMatchObject({ kind: 'plugged-in' });
});

it('a disk that nobody saw leave is missing from the first look that missed it', () => {
  attached(own);
  round();
  attached();
  expect(round()).toBe('2026-01-01T00:02:00.000Z');
  expect(round()).toBe('2026-01-01T00:02:00.000Z');
  expect(floor.detachedSince(drive.ref)).toBe('2026-01-01T00:02:00.000Z');
  expect(where()).toEqual({ kind: 'nowhere' });
});

describe('while it is not known what is plugged in', () => {
  it('nothing begins to be missing', () => {
    facts = { known: false, reason: 'no scan has ended yet', disks: [] };
    expect(round()).toBeUndefined();
    expect(where()).toEqual({ kind: 'unknown' });
  });

  it('what was missing stays so', () => {
    const since = round();
    facts = { known: false, reason: 'lsblk did not answer', disks: [] };
    expect(round()).toBe(since);
    expect(since).toBe('2026-01-01T00:01:00.000Z');
  });

  it('a disk without a match can be any drive, as before the first round', () => {
    attached(own);
    expect(disks.look([drive]).size).toBe(0);
    expect(where()).toEqual({ kind: 'unknown' });
  });
});
