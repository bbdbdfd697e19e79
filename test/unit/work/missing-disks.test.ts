import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decide } from '../../../src/domain/decide.ts';
import type { AttachedDisk, Facts } from '../../../src/domain/disk.ts';
import { driveKey } from '../../../src/domain/job.ts';
import type { Ledger } from '../../../src/ledger/contract.ts';
import { driveEntity } from '../../../src/ledger/entities.ts';
import { Floor } from '../../../src/work/floor.ts';
import { MissingDisks } from '../../../src/work/missing-disks.ts';
import { aDisk, aDrive, aJob } from '../../support/domain.ts';
import { openLedger, type TemporaryDirectory, temporaryDirectory } from '../../support/ledger.ts';

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
let ledger: Ledger;
let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await temporaryDirectory();
  ledger = await openLedger(join(directory.path, 'ledger.db'));
  facts = { known: true, disks: [] };
  minute = 0;
  disks = started();
});
afterEach(async () => {
  await ledger.close();
  await directory[Symbol.asyncDispose]();
});

/** As a station knows it that has just started. */
const started = () => {
  floor = new Floor(() => 0);
  const now = () => new Date(`2026-01-01T00:0${minute}:00.000Z`);
  return new MissingDisks({ floor, ledger, detector: { facts: () => facts }, now });
};
const attached = (...disks: readonly AttachedDisk[]) => {
  facts = { known: true, disks };
};
const round = async () => {
  minute += 1;
  const nothing = { confirmations: new Map(), working: new Map(), flaggedExtras: new Set<never>() };
  const jobs = [{ job: aJob('job', 'Transferring'), drives: [drive] }];
  floor.matches = decide({ facts, jobs, ...nothing, checkIn: undefined }).matches;
  return (await disks.look([drive])).get(driveKey(drive.ref));
};
const where = () => floor.whereIs(drive.ref, facts);

it.each([
  ['is the drive', own],
  ['has another size', { ...own, sizeBytes: 5 }],
  ['is near to it by its serial', aDisk({ serials: ['WMATV123456'] })],
] as const)('a drive is not missing while a disk %s', async (_, disk) => {
  attached(disk);
  expect(await round()).toBeUndefined();
  expect(where()).toEqual({ kind: 'plugged-in', bay: 'usb-1' });
});

it('a drive is not missing because a second disk shows its serial', async () => {
  attached(own, twin);
  expect(await round()).toBeUndefined();
  expect(where()).toMatchObject({ kind: 'plugged-in' });
});

it('a disk that nobody saw leave is missing from the first look that missed it', async () => {
  attached(own);
  await round();
  attached();
  expect(await round()).toBe('2026-01-01T00:02:00.000Z');
  expect(await round()).toBe('2026-01-01T00:02:00.000Z');
  expect(floor.detachedSince(drive.ref)).toBe('2026-01-01T00:02:00.000Z');
  expect(where()).toEqual({ kind: 'nowhere' });
});

describe('while it is not known what is plugged in', () => {
  it('nothing begins to be missing', async () => {
    facts = { known: false, reason: 'no scan has ended yet', disks: [] };
    expect(await round()).toBeUndefined();
    expect(where()).toEqual({ kind: 'unknown' });
  });

  it('what was missing stays so', async () => {
    const since = await round();
    facts = { known: false, reason: 'lsblk did not answer', disks: [] };
    expect(await round()).toBe(since);
    expect(since).toBe('2026-01-01T00:01:00.000Z');
  });

  it('a disk without a match can be any drive, as before the first round', async () => {
    attached(own);
    expect((await disks.look([drive])).size).toBe(0);
    expect(where()).toEqual({ kind: 'unknown' });
  });
});

describe('after a restart of the station', () => {
  beforeEach(async () => {
    attached(own);
    await round();
    attached();
    await round();
  });

  it('a disk is missing since the moment that the ledger has', async () => {
    disks = started();
    expect(await round()).toBe('2026-01-01T00:02:00.000Z');
    expect(floor.detachedSince(drive.ref)).toBe('2026-01-01T00:02:00.000Z');
    const events = await Array.fromAsync(ledger.events(0, 10));
    expect(events.map(({ type }) => type)).toEqual(['disk-missing']);
  });

  it('one that was back meanwhile is missing anew', async () => {
    disks = started();
    attached(own);
    await round();
    attached();
    expect(await round()).toBe('2026-01-01T00:04:00.000Z');
    disks = started();
    expect(await round()).toBe('2026-01-01T00:04:00.000Z');
  });

  it('one whose copy went on meanwhile is missing anew', async () => {
    await ledger.note(driveEntity(drive.ref), 'copy-attempt-begun', {}, 'station');
    disks = started();
    expect(await round()).toBe('2026-01-01T00:03:00.000Z');
  });
});
