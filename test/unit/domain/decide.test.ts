import { describe, expect, test } from 'vitest';
import { type DecisionInput, decide } from '../../../src/domain/decide.ts';
import type { AttachedDisk } from '../../../src/domain/disk.ts';
import { type Drive, driveKey } from '../../../src/domain/job.ts';
import type { JobFault, JobState, PublicJobState } from '../../../src/domain/job-state.ts';
import type { ParcelId } from '../../../src/domain/parcel.ts';
import { aDisk, aDrive, aJob, JOB_SINCE, jobId, keyOf } from '../../support/domain.ts';

const SERIAL = 'WD-WMATV123456';

interface Scene extends Partial<Omit<DecisionInput, 'facts' | 'jobs'>> {
  readonly disks?: readonly AttachedDisk[];
  readonly known?: boolean;
  readonly drive?: Drive;
  readonly jobState?: PublicJobState | JobState;
  readonly jobType?: 'Import' | 'Export';
  readonly cancelRequested?: boolean;
}

function steps(scene: Scene) {
  const { disks = [], known = true, drive = aDrive('job', SERIAL), jobState = 'Shipping' } = scene;
  const { cancelRequested = false, jobType = 'Import' } = scene;
  const plain = aJob('job', jobState);
  const job = { ...plain, cancelRequested, details: { ...plain.details, jobType } };
  return decide({
    facts: known ? { known, disks } : { known, disks, reason: 'lsblk did not answer' },
    jobs: [{ job, drives: [drive] }],
    confirmations: scene.confirmations ?? new Map(),
    working: scene.working ?? new Map(),
    flaggedExtras: scene.flaggedExtras ?? new Set(),
    checkIn: scene.checkIn,
  }).steps;
}

const faultedJob = (fault: JobFault): JobState => ({ name: 'Faulted', since: JOB_SINCE, fault });
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
      fault: { code: 'x', reason: 'y', nextStep: 'z', since: '', publicState: 'Transferring' },
    },
  ] as const)('of a drive that is $name is left alone', (state) => {
    expect(steps({ disks: [listedDisk], drive: aDrive('job', SERIAL, state) })).toEqual([]);
  });

  test('of a job that is not on its way yet faults the job, once, and is not read', () => {
    expect(steps({ disks: [listedDisk], jobState: 'Creating' })).toMatchObject([
      { kind: 'fault-early-job', ref: { driveId: SERIAL } },
    ]);
    const fault = { code: 'arrived-before-shipping', reason: 'r', nextStep: 'n' } as const;
    const jobState = faultedJob({ ...fault, publicState: 'Creating' });
    expect(steps({ disks: [listedDisk], jobState })).toEqual([]);
  });

  test('of a job that was put aside is received and not begun', () => {
    const fault = { code: 'put-aside', reason: 'r', nextStep: 'n' } as const;
    const jobState = faultedJob({ ...fault, publicState: 'Shipping' });
    expect(steps({ disks: [listedDisk], jobState })).toMatchObject([{ kind: 'receive-drive' }]);
    const drive = aDrive('job', SERIAL, { name: 'Received' });
    expect(steps({ disks: [listedDisk], drive, jobState })).toEqual([]);
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

  const checkIn = { id: 'p' as ParcelId, jobId: jobId('job') };

  test('is flagged once', () => {
    expect(steps({ disks: [extra], checkIn })).toMatchObject([{ kind: 'flag-extra' }]);
    expect(steps({ disks: [extra], flaggedExtras: new Set([extra.key]) })).toEqual([]);
  });

  test('in the parcel of an export job is one of its drives', () => {
    const scene = { disks: [aDisk({ serials: [' KV6H 86XP'] })], jobType: 'Export' } as const;
    expect(steps({ ...scene, checkIn })).toMatchObject([
      { kind: 'register-export-drive', driveId: 'KV6H86XP' },
    ]);
    expect(steps(scene)).toMatchObject([{ kind: 'flag-extra' }]);
    expect(steps({ ...scene, checkIn, cancelRequested: true })).toMatchObject([
      { kind: 'flag-extra' },
    ]);
  });

  test('of an export job is never read', () => {
    const drive = aDrive('job', SERIAL, { name: 'Received' });
    expect(steps({ disks: [listedDisk], drive, jobType: 'Export' })).toEqual([]);
  });
});

describe('a running copy', () => {
  test('that is only queued is stopped when its job is cancelled; one in transfer is not', () => {
    const queued = aDrive('job', SERIAL, { name: 'Received' });
    const scene = { disks: [listedDisk], cancelRequested: true };
    expect(steps({ ...scene, drive: queued, working: working(queued) })).toMatchObject([
      { kind: 'stop-copy', reason: { why: 'cancelled' } },
    ]);
    expect(steps({ ...scene, drive: transferring, working: working(transferring) })).toEqual([]);
  });

  test('is stopped when a person has ended its drive', () => {
    const ended = aDrive('job', SERIAL, { name: 'CompletedMoreInfo', copyId: 'c' });
    const scene = { disks: [listedDisk], drive: ended, working: working(ended) };
    expect(steps(scene)).toEqual([{ kind: 'stop-copy', ref: ended.ref, reason: { why: 'ended' } }]);
  });

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
