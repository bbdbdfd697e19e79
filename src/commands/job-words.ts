import type { JobView } from '../serve/wire.ts';

/** A job in the words of the command line. */

export function driveCount({ driveCount: count }: JobView): string {
  return count === 1 ? '1 drive' : `${count} drives`;
}

export function percentOf({ percentComplete }: JobView): string {
  return percentComplete === null ? '-' : `${percentComplete} %`;
}

/** The state, with what it would be where nothing held the job up. */
export function stateOf({ state, publicState, cancelRequested }: JobView): string {
  const shown = state === 'Faulted' ? `Faulted (${publicState})` : state;
  return cancelRequested ? `${shown}, cancelled` : shown;
}
