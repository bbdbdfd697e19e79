import { type DriveStateName, isAway, isProcessed } from './drive-state.ts';
import { applyEvent, type TransitionAnswer, type TransitionTable } from './transition.ts';

/** The job states of the Azure Import/Export contract. */
export const JOB_STATES = [
  'Creating',
  'Shipping',
  'Received',
  'Transferring',
  'Packaging',
  'Completed',
  'Closed',
] as const;

export type PublicJobState = (typeof JOB_STATES)[number];

/** `Faulted` is the station's own: the job cannot go on until a person resolves it. */
export type JobStateName = PublicJobState | 'Faulted';

export type JobEvent =
  | 'shipped'
  | 'all-drives-received'
  | 'first-copy-started'
  | 'all-drives-processed'
  | 'cancelled'
  | 'never-arrived'
  | 'returned-without-errors'
  | 'returned-with-errors'
  | 'drives-destroyed'
  | 'faulted'
  | 'back-to-creating'
  | 'back-to-shipping'
  | 'back-to-received'
  | 'back-to-transferring'
  | 'back-to-packaging';

/**
 * Which event leads where. Source: the job diagram of "Retrieving State Information for a Job".
 * `cancelled` is a job none of whose drives is in transfer and all of whose drives are accounted for;
 * out of `Received` it is the station's own, because the diagram is older than that state. `Faulted`
 * is added: a person leads the job back to where it was or to the state that it should have had next.
 */
export const JOB_TRANSITIONS: TransitionTable<JobStateName, JobEvent> = {
  Creating: { shipped: 'Shipping', faulted: 'Faulted' },
  Shipping: {
    'all-drives-received': 'Received',
    'first-copy-started': 'Transferring',
    cancelled: 'Packaging',
    'never-arrived': 'Closed',
    faulted: 'Faulted',
  },
  Received: { 'first-copy-started': 'Transferring', cancelled: 'Packaging', faulted: 'Faulted' },
  Transferring: { 'all-drives-processed': 'Packaging', faulted: 'Faulted' },
  Packaging: {
    'returned-without-errors': 'Completed',
    'returned-with-errors': 'Closed',
    'drives-destroyed': 'Closed',
    faulted: 'Faulted',
  },
  Faulted: {
    'back-to-creating': 'Creating',
    'back-to-shipping': 'Shipping',
    'back-to-received': 'Received',
    'back-to-transferring': 'Transferring',
    'back-to-packaging': 'Packaging',
    'drives-destroyed': 'Closed',
  },
  Completed: {},
  Closed: {},
};

export type JobFaultCode = 'arrived-before-shipping' | 'put-aside';

export interface JobFault {
  readonly code: JobFaultCode;
  readonly reason: string;
  readonly nextStep: string;
  /** What the public API shows meanwhile, and where the job goes back to when nobody says otherwise. */
  readonly publicState: PublicJobState;
}

/** A state with the data that belongs to it, and since when the job is in it (ISO 8601, UTC). */
export type JobState =
  | { readonly name: PublicJobState; readonly since: string }
  | { readonly name: 'Faulted'; readonly since: string; readonly fault: JobFault };

/** The state that the public contract shows; it knows no `Faulted`. */
export function publicJobState(state: JobState): PublicJobState {
  return state.name === 'Faulted' ? state.fault.publicState : state.name;
}

/** For messages that customers read as well, who know no `Faulted`. */
export function stateInWords(state: JobState): string {
  return state.name === 'Faulted' ? `put aside in ${state.fault.publicState}` : state.name;
}

/** Jobs whose drives the station looks for: in transit, here, or late stragglers of one being packed. */
export function isActive(state: PublicJobState): boolean {
  return ['Shipping', 'Received', 'Transferring', 'Packaging'].includes(state);
}

/** The states in which a job has nothing more to come. */
export function isFinished(state: JobStateName): boolean {
  return state === 'Completed' || state === 'Closed';
}

/**
 * Where an event leads. The table says it; for a faulted job there is one more rule: it goes back to
 * the state that it had, or on to one that this state leads to, and nowhere else.
 */
export function nextJobState(state: JobState, event: JobEvent): TransitionAnswer<JobStateName> {
  const answer = applyEvent(JOB_TRANSITIONS, state.name, event);
  if (!answer.allowed || state.name !== 'Faulted') return answer;
  const { publicState } = state.fault;
  const onwards: readonly JobStateName[] = Object.values(JOB_TRANSITIONS[publicState]);
  // A job that is given up can end from wherever its drives came to lie here.
  if (event === 'drives-destroyed' || answer.to === publicState) return answer;
  if (onwards.includes(answer.to)) return answer;
  const reason = `a job that was ${publicState} when it was put aside cannot go to ${answer.to}`;
  return { allowed: false, reason };
}

/** The event that leads a faulted job to a state. */
export function backTo(state: PublicJobState): JobEvent | undefined {
  const entries = Object.entries(JOB_TRANSITIONS.Faulted);
  const found = entries.find(([event, to]) => event.startsWith('back-to-') && to === state);
  return found?.[0] as JobEvent | undefined;
}

/** What of a job decides whether its drives move it on. */
export interface JobSituation {
  readonly state: JobStateName;
  readonly cancelRequested: boolean;
  /** Every drive of the job is in `drives`: an export job has none before its parcel is opened. */
  readonly listIsWhole: boolean;
  readonly drives: readonly DriveStateName[];
}

/** The event that the drives' states call for in a job, if any. */
export function dueJobEvent(situation: JobSituation): JobEvent | undefined {
  const { state, drives, cancelRequested } = situation;
  if (drives.length === 0 || !situation.listIsWhole) return undefined;
  if (state === 'Transferring') {
    return drives.every((drive) => isSettled(drive, cancelRequested))
      ? 'all-drives-processed'
      : undefined;
  }
  if (state !== 'Shipping' && state !== 'Received') return undefined;
  if (drives.some((drive) => drive === 'Transferring' || isProcessed(drive))) {
    return 'first-copy-started';
  }
  if (cancelRequested && drives.every((drive) => isSettled(drive, true))) return 'cancelled';
  const here = !drives.some(isAway);
  return state === 'Shipping' && here ? 'all-drives-received' : undefined;
}

/** Nothing more will be copied of this drive; one of a cancelled job that was not begun never is. */
function isSettled(drive: DriveStateName, cancelRequested: boolean): boolean {
  if (isProcessed(drive) || drive === 'NeverReceived') return true;
  return cancelRequested && drive === 'Received';
}
