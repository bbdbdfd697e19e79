import { type DriveStateName, isProcessed } from './drive-state.ts';
import type { TransitionTable } from './transition.ts';

export const JOB_STATES = [
  'Creating',
  'Shipping',
  'Received',
  'Transferring',
  'Packaging',
  'Completed',
  'Closed',
] as const;

export type JobStateName = (typeof JOB_STATES)[number];

export type JobEvent =
  | 'shipped'
  | 'all-drives-received'
  | 'first-copy-started'
  | 'all-drives-processed'
  | 'cancelled-in-transit'
  | 'never-arrived'
  | 'returned-without-errors'
  | 'returned-with-errors';

/** Which event leads where. Source: the job diagram of "Retrieving State Information for a Job". */
export const JOB_TRANSITIONS: TransitionTable<JobStateName, JobEvent> = {
  Creating: { shipped: 'Shipping' },
  Shipping: {
    'all-drives-received': 'Received',
    'first-copy-started': 'Transferring',
    'cancelled-in-transit': 'Packaging',
    'never-arrived': 'Closed',
  },
  Received: { 'first-copy-started': 'Transferring' },
  Transferring: { 'all-drives-processed': 'Packaging' },
  Packaging: { 'returned-without-errors': 'Completed', 'returned-with-errors': 'Closed' },
  Completed: {},
  Closed: {},
};

/** Jobs whose drives the station looks for: in transit, here, or late stragglers of one being packed. */
export function isActive(name: JobStateName): boolean {
  return (
    name === 'Shipping' || name === 'Received' || name === 'Transferring' || name === 'Packaging'
  );
}

/** The event that the drives' states call for in a job, if any. */
export function dueJobEvent(
  job: JobStateName,
  drives: readonly DriveStateName[],
): JobEvent | undefined {
  if (drives.length === 0) return undefined;
  const started = drives.some((state) => state === 'Transferring' || isProcessed(state));
  const settled = drives.every((state) => isProcessed(state) || state === 'NeverReceived');
  if (job === 'Shipping' || job === 'Received') {
    if (started) return 'first-copy-started';
    const here = drives.every((state) => state !== 'Specified' && state !== 'NeverReceived');
    return job === 'Shipping' && here ? 'all-drives-received' : undefined;
  }
  return job === 'Transferring' && settled ? 'all-drives-processed' : undefined;
}
