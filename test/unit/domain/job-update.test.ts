import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DriveId } from '../../../src/domain/job.ts';
import { JOB_STATES, type PublicJobState } from '../../../src/domain/job-state.ts';
import { type JobUpdate, judgeUpdate, mayDelete } from '../../../src/domain/job-update.ts';
import { aJob } from '../../support/domain.ts';

const { details } = aJob('job');
const RETURN = { recipientName: 'A' };
const PARCEL = { carrierName: 'FedEx', trackingNumber: '1' };

const SAMPLES: { readonly [Key in keyof JobUpdate]-?: Pick<Required<JobUpdate>, Key> } = {
  tags: { tags: { a: 'b' } },
  cancelRequested: { cancelRequested: true },
  ship: { ship: true },
  returnAddress: { returnAddress: RETURN },
  returnShipping: { returnShipping: { carrierName: 'FedEx', carrierAccountNumber: '1' } },
  deliveryPackage: { deliveryPackage: PARCEL },
  logLevel: { logLevel: 'Verbose' },
  backupDriveManifest: { backupDriveManifest: true },
  driveList: { driveList: [{ driveId: 'A1' as DriveId }] },
};

/** Of "Update Job Properties"; `C` Creating, `S` Shipping, and so on, in the order of the states. */
const TABLE: readonly [keyof JobUpdate, string][] = [
  ['tags', 'CSRTPDX'],
  ['cancelRequested', 'CSRT'],
  ['ship', 'C'],
  ['returnAddress', 'CSRT'],
  ['returnShipping', 'CSRT'],
  ['deliveryPackage', 'CS'],
  ['logLevel', 'CSRT'],
  ['backupDriveManifest', 'CSRT'],
  ['driveList', 'C'],
];
const LETTERS = ['C', 'S', 'R', 'T', 'P', 'D', 'X'];

function jobIn(
  state: PublicJobState,
  drives: readonly ('Received' | 'Specified')[] = ['Received'],
) {
  const complete = { ...details, returnAddress: RETURN, deliveryPackage: PARCEL };
  return { state, cancelRequested: false, details: complete, drives };
}

describe('updates', () => {
  it.each(TABLE)('%s is taken exactly in the states %s', (key, allowed) => {
    const taken = JOB_STATES.filter(
      (state) => judgeUpdate(jobIn(state), SAMPLES[key]).kind === 'accepted',
    );
    expect(taken.map((state) => LETTERS[JOB_STATES.indexOf(state)]).join('')).toBe(allowed);
  });

  it('refuses the whole when any part of it is refused', () => {
    const keys = fc.uniqueArray(fc.constantFrom(...TABLE.map(([key]) => key)), { minLength: 1 });
    fc.assert(
      fc.property(keys, fc.constantFrom(...JOB_STATES), (chosen, state) => {
        const whole: JobUpdate = Object.assign({}, ...chosen.map((key) => SAMPLES[key]));
        const parts = chosen.map((key) => judgeUpdate(jobIn(state), SAMPLES[key]).kind);
        const accepted = judgeUpdate(jobIn(state), whole).kind === 'accepted';
        expect(accepted).toBe(parts.every((kind) => kind === 'accepted'));
      }),
    );
  });

  it('takes a parcel while drives are still on the road, though others are in transfer', () => {
    const job = jobIn('Transferring', ['Received', 'Specified']);
    expect(judgeUpdate(job, SAMPLES.deliveryPackage).kind).toBe('accepted');
  });

  it('ships only with an address and a parcel, sent now or before', () => {
    const bare = { ...jobIn('Creating'), details };
    const missing = ['returnAddress', 'deliveryPackage'];
    expect(judgeUpdate(bare, { ship: true })).toEqual({ kind: 'incomplete', missing });
    const update = { ship: true, returnAddress: RETURN, deliveryPackage: PARCEL } as const;
    expect(judgeUpdate(bare, update)).toMatchObject({ kind: 'accepted', ships: true });
  });

  it('leaves an export job without a list', () => {
    const job = { ...jobIn('Creating'), details: { ...details, jobType: 'Export' as const } };
    expect(judgeUpdate(job, SAMPLES.driveList).kind).toBe('refused');
  });
});

it('lets a customer delete in two states, and time in one more', () => {
  expect(JOB_STATES.filter((state) => mayDelete(state, 'asked'))).toEqual([
    'Creating',
    'Completed',
  ]);
  expect(JOB_STATES.filter((state) => mayDelete(state, 'expired'))).toEqual([
    'Creating',
    'Completed',
    'Closed',
  ]);
});
