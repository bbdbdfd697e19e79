import { describe, expect, test } from 'vitest';
import {
  DRIVE_TRANSITIONS,
  type DriveStateName,
  PUBLIC_DRIVE_STATES,
} from '../../../src/domain/drive-state.ts';
import {
  backTo,
  dueJobEvent,
  isFinished,
  JOB_STATES,
  JOB_TRANSITIONS,
  type JobEvent,
  type JobState,
  type JobStateName,
  nextJobState,
  publicJobState,
} from '../../../src/domain/job-state.ts';
import { applyEvent } from '../../../src/domain/transition.ts';
import { JOB_SINCE } from '../../support/domain.ts';

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
    expect([...reachable(JOB_TRANSITIONS, 'Creating')].sort()).toEqual(
      [...JOB_STATES, 'Faulted'].sort(),
    );
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
  test.each<[JobStateName, DriveStateName[], string | undefined]>([
    ['Shipping', ['Specified', 'Received'], undefined],
    ['Shipping', ['Received', 'Received'], 'all-drives-received'],
    ['Shipping', ['Transferring', 'Specified'], 'first-copy-started'],
    ['Received', ['Transferring', 'Received'], 'first-copy-started'],
    ['Transferring', ['Completed', 'Transferring'], undefined],
    ['Transferring', ['Completed', 'Faulted'], undefined],
    ['Transferring', ['Completed', 'Received'], undefined],
    ['Transferring', ['Completed', 'CompletedMoreInfo', 'NeverReceived'], 'all-drives-processed'],
    ['Creating', ['Specified'], undefined],
    ['Packaging', ['Completed'], undefined],
    ['Faulted', ['Completed'], undefined],
    ['Shipping', [], undefined],
  ])('%s with %j: %s', (state, drives, event) => {
    const situation = { state, drives, cancelRequested: false, listIsWhole: true };
    expect(dueJobEvent(situation)).toBe(event);
    expect(dueJobEvent({ ...situation, listIsWhole: false })).toBeUndefined();
  });

  test.each<[JobStateName, DriveStateName[], string | undefined]>([
    ['Shipping', ['Specified', 'Received'], undefined],
    ['Shipping', ['NeverReceived', 'Received'], 'cancelled'],
    ['Received', ['Received', 'Received'], 'cancelled'],
    ['Received', ['Received', 'Transferring'], 'first-copy-started'],
    ['Transferring', ['Transferring', 'Received'], undefined],
    ['Transferring', ['Completed', 'Received'], 'all-drives-processed'],
    ['Transferring', ['Completed', 'Specified'], undefined],
  ])('cancelled in %s with %j: %s', (state, drives, event) => {
    const situation = { state, drives, cancelRequested: true, listIsWhole: true };
    expect(dueJobEvent(situation)).toBe(event);
  });
});

describe('a faulted job', () => {
  const events = Object.keys(JOB_TRANSITIONS.Faulted) as JobEvent[];

  test.each(JOB_STATES.filter((state) => !isFinished(state)))(
    'out of %s goes back there, or one step on, and nowhere else',
    (publicState) => {
      const fault = { code: 'put-aside', reason: 'r', nextStep: 'n', publicState } as const;
      const state: JobState = { name: 'Faulted', since: JOB_SINCE, fault };
      const onwards = Object.values(JOB_TRANSITIONS[publicState]);
      const reached = events.flatMap((event) => {
        const answer = nextJobState(state, event);
        return answer.allowed ? [answer.to] : [];
      });
      expect(reached).toContain(publicState);
      // A job whose drives had to be destroyed ends wherever it was.
      const others = reached.filter((to) => to !== publicState && to !== 'Closed');
      expect(others.every((to) => onwards.includes(to))).toBe(true);
      expect(publicJobState(state)).toBe(publicState);
      expect(backTo(publicState)).toBe(`back-to-${publicState.toLowerCase()}`);
    },
  );

  test('has no way back to an end', () => {
    expect(backTo('Completed')).toBeUndefined();
    expect(backTo('Closed')).toBeUndefined();
  });
});
