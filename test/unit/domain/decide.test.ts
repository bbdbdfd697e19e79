import { describe, expect, test } from 'vitest';
import { type DecisionInput, decide } from '../../../src/domain/decide.ts';
import type { AttachedDisk } from '../../../src/domain/disk.ts';
import { type Drive, driveKey } from '../../../src/domain/job.ts';
import type { JobStateName } from '../../../src/domain/job-state.ts';
import { aDisk, aDrive, aJob, jobId, keyOf } from '../../support/domain.ts';

const SERIAL = 'WD-WMATV123456';

interface Scene extends Partial<Omit<DecisionInput, 'facts' | 'jobs'>> {
  readonly disks?: readonly AttachedDisk[];
  readonly known?: boolean;
  readonly drive?: Drive;
  readonly jobState?: JobStateName;
  readonly cancelRequested?: boolean;
}

function steps(scene: Scene) {
  const { disks = [], known = true, drive = aDrive('job', SERIAL), jobState = 'Shipping' } = scene;
  const job = { ...aJob('job', jobState), cancelRequested: scene.cancelRequested ?? false };
  return decide({
    facts: known ? { known, disks } : { known, disks, reason: 'lsblk did not answer' },
    jobs: [{ job, drives: [drive] }],
    confirmations: scene.confirmations ?? new Map(),
    working: scene.working ?? new Map(),
    flaggedExtras: scene.flaggedExtras ?? new Set(),
    checkIn: scene.checkIn,
  }).steps;
}

const working = (drive: Drive, port = 'usb-1') =>
  new Map([[driveKey(drive.ref), { ref: drive.ref, disk: keyOf(port), bay: port }]]);
const listedDisk = aDisk({ serials: [SERIAL] });
const transferring = aDrive('job', SERIAL, { name: 'Transferring', copyId: 'c' });

describe('a listed disk', () => {
  test('of an expected drive is received first', () => {
    expect(steps({ disks: [listedDisk] })).toMatchObject([{ kind: 'receive-drive' }]);
  });

  test('of a received drive is copied', () => {
    const drive = aDrive('job', SERIAL, { name: 'Received' });
    expect(steps({ disks: [listedDisk], drive })).toMatchObject([{ kind: 'start-copy' }]);
  });

  test('that was thought never to come is received when it turns up', () => {
    const drive = aDrive('job', SERIAL, { name: 'NeverReceived' });
    const scene = { disks: [listedDisk], drive, jobState: 'Packaging' } as const;
    expect(steps(scene)).toMatchObject([{ kind: 'receive-drive' }]);
  });

  test('whose copy is queued or running is not started again', () => {
    expect(
      steps({ disks: [listedDisk], drive: transferring, working: working(transferring) }),
    ).toEqual([]);
  });

  test('whose copy was interrupted goes on, also in another bay', () => {
    const elsewhere = aDisk({ serials: [SERIAL], port: 'usb-9', diskseq: 44 });
    expect(steps({ disks: [elsewhere], drive: transferring })).toMatchObject([
      { kind: 'start-copy', disk: { bay: 'usb-9' } },
    ]);
  });

  test.each([
    { name: 'Completed', copyId: 'c' },
    { name: 'CompletedMoreInfo', copyId: 'c' },
    { name: 'ShippedBack' },
    {
      name: 'Faulted',
      fault: { code: 'x', reason: 'y', nextStep: 'z', publicState: 'Transferring' },
    },
  ] as const)('of a drive that is $name is left alone', (state) => {
    expect(steps({ disks: [listedDisk], drive: aDrive('job', SERIAL, state) })).toEqual([]);
  });

  test('of a job that is not on its way yet is extra', () => {
    expect(steps({ disks: [listedDisk], jobState: 'Creating' })).toMatchObject([
      { kind: 'flag-extra' },
    ]);
  });

  test('of a cancelled job is not begun, but one in transfer goes on', () => {
    const drive = aDrive('job', SERIAL, { name: 'Received' });
    expect(steps({ disks: [listedDisk], drive, cancelRequested: true })).toEqual([]);
    const scene = { disks: [listedDisk], drive: transferring, cancelRequested: true };
    expect(steps(scene)).toMatchObject([{ kind: 'start-copy' }]);
  });

  test('of another size than the one the copy began on waits for a person', () => {
    const bound = { serial: SERIAL, sizeBytes: 5, wwns: [], bay: 'usb-1' };
    const drive = aDrive('job', SERIAL, { name: 'Transferring', copyId: 'c' }, bound);
    expect(steps({ disks: [listedDisk], drive })).toEqual([]);
  });
});

describe('an unlisted disk', () => {
  const extra = aDisk({ serials: ['KV6H86XP'] });

  test('is flagged once, tied to the parcel that is being checked in', () => {
    expect(steps({ disks: [extra], checkIn: jobId('job') })).toMatchObject([
      { kind: 'flag-extra', jobId: jobId('job') },
    ]);
    expect(steps({ disks: [extra], flaggedExtras: new Set([extra.key]) })).toEqual([]);
  });

  test('is tied to no job when no parcel is being checked in', () => {
    expect(steps({ disks: [extra] })).toMatchObject([{ kind: 'flag-extra', jobId: null }]);
  });
});

describe('a running copy', () => {
  test('is stopped when its disk is pulled, with the bay by name', () => {
    expect(steps({ drive: transferring, working: working(transferring) })).toMatchObject([
      { kind: 'stop-copy', reason: { why: 'detached', bay: 'usb-1' } },
    ]);
  });

  test('is stopped when a second disk claims to be the same drive', () => {
    const disks = [listedDisk, aDisk({ serials: [SERIAL], port: 'usb-2' })];
    expect(steps({ disks, drive: transferring, working: working(transferring) })).toMatchObject([
      { kind: 'stop-copy', reason: { why: 'contested' } },
    ]);
  });

  test('is stopped when the name in its bay became another disk', () => {
    const disks = [aDisk({ serials: [SERIAL], diskseq: 2 })];
    const found = steps({ disks, drive: transferring, working: working(transferring) });
    expect(found).toMatchObject([{ kind: 'stop-copy', reason: { why: 'detached' } }]);
  });

  test('goes on while a failed scan leaves the facts unknown: nothing at all is decided', () => {
    const scene = { known: false, drive: transferring, working: working(transferring) };
    expect(steps(scene)).toEqual([]);
    expect(steps({ known: false, disks: [listedDisk] })).toEqual([]);
  });
});

test('a disk that is not a candidate is never mentioned', () => {
  const optical = aDisk({ serials: [SERIAL], more: { exclusion: 'optical' } });
  expect(steps({ disks: [optical] })).toEqual([]);
});
