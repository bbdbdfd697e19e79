import { describe, expect, test } from 'vitest';
import {
  DRIVE_TRANSITIONS,
  type DriveStateName,
  PUBLIC_DRIVE_STATES,
} from '../../../src/domain/drive-state.ts';
import { dueJobEvent, JOB_STATES, JOB_TRANSITIONS } from '../../../src/domain/job-state.ts';
import { applyEvent } from '../../../src/domain/transition.ts';

/** All states that any chain of events leads to. */
function reachable(
  table: Readonly<Record<string, Readonly<Record<string, string>>>>,
  from: string,
) {
  const seen = new Set([from]);
  for (const state of seen) {
    for (const next of Object.values(table[state] ?? {})) seen.add(next);
  }
  return seen;
}

describe('the state tables', () => {
  test('reach every drive state from Specified, and end in ShippedBack alone', () => {
    expect([...reachable(DRIVE_TRANSITIONS, 'Specified')].sort()).toEqual(
      [...PUBLIC_DRIVE_STATES, 'Faulted'].sort(),
    );
    const ends = Object.entries(DRIVE_TRANSITIONS).filter(([, on]) => Object.keys(on).length === 0);
    expect(ends.map(([state]) => state)).toEqual(['ShippedBack']);
  });

  test('reach every job state from Creating, and end in Completed and Closed alone', () => {
    expect([...reachable(JOB_TRANSITIONS, 'Creating')].sort()).toEqual([...JOB_STATES].sort());
    const ends = Object.entries(JOB_TRANSITIONS).filter(([, on]) => Object.keys(on).length === 0);
    expect(ends.map(([state]) => state)).toEqual(['Completed', 'Closed']);
  });

  test('let a drive be Completed only out of Transferring, by a verified copy', () => {
    const ways = Object.entries(DRIVE_TRANSITIONS).flatMap(([from, on]) =>
      Object.entries(on).flatMap(([event, to]) => (to === 'Completed' ? [[from, event]] : [])),
    );
    expect(ways).toEqual([['Transferring', 'copy-verified']]);
  });

  test('refuse what they do not list, with the events that they take', () => {
    const answer = applyEvent(DRIVE_TRANSITIONS, 'Specified', 'copy-verified');
    expect(answer).toMatchObject({ allowed: false });
    expect(answer.allowed ? '' : answer.reason).toContain('arrived');
  });
});

describe('a job moves when its drives say so', () => {
  test.each<[keyof typeof JOB_TRANSITIONS, DriveStateName[], string | undefined]>([
    ['Shipping', ['Specified', 'Received'], undefined],
    ['Shipping', ['Received', 'Received'], 'all-drives-received'],
    ['Shipping', ['Transferring', 'Specified'], 'first-copy-started'],
    ['Received', ['Transferring', 'Received'], 'first-copy-started'],
    ['Transferring', ['Completed', 'Transferring'], undefined],
    ['Transferring', ['Completed', 'Faulted'], undefined],
    ['Transferring', ['Completed', 'CompletedMoreInfo', 'NeverReceived'], 'all-drives-processed'],
    ['Creating', ['Specified'], undefined],
    ['Packaging', ['Completed'], undefined],
    ['Shipping', [], undefined],
  ])('%s with %j: %s', (job, drives, event) => {
    expect(dueJobEvent(job, drives)).toBe(event);
  });
});
