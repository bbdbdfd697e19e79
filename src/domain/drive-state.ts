import type { TransitionTable } from './transition.ts';

/** The drive states of the Azure Import/Export contract. */
export const PUBLIC_DRIVE_STATES = [
  'Specified',
  'Received',
  'NeverReceived',
  'Transferring',
  'Completed',
  'CompletedMoreInfo',
  'ShippedBack',
] as const;

export type PublicDriveState = (typeof PUBLIC_DRIVE_STATES)[number];

/** `Faulted` is the station's own: the drive cannot go on until a person resolves it. */
export type DriveStateName = PublicDriveState | 'Faulted';

export type DriveEvent =
  | 'arrived'
  | 'missing'
  | 'copy-started'
  | 'copy-verified'
  | 'copy-ended-with-notes'
  | 'faulted'
  | 'resolved-for-retry'
  | 'resolved-without-copy'
  | 'shipped-back';

/**
 * Which event leads where. Source: the drive diagram of "Retrieving State Information for a Job".
 * `Faulted` is added: it is entered from the states in which the station works on a drive and left
 * only by a person, back to `Received` (the copy goes on where it was) or to its end. A person also ends
 * a drive whose disk was pulled in mid-copy and does not come back.
 */
export const DRIVE_TRANSITIONS: TransitionTable<DriveStateName, DriveEvent> = {
  Specified: { arrived: 'Received', missing: 'NeverReceived', 'copy-started': 'Transferring' },
  NeverReceived: { arrived: 'Received' },
  Received: { 'copy-started': 'Transferring', faulted: 'Faulted', 'shipped-back': 'ShippedBack' },
  Transferring: {
    'copy-verified': 'Completed',
    'copy-ended-with-notes': 'CompletedMoreInfo',
    faulted: 'Faulted',
    'resolved-without-copy': 'CompletedMoreInfo',
  },
  Faulted: {
    'resolved-for-retry': 'Received',
    'resolved-without-copy': 'CompletedMoreInfo',
  },
  Completed: { 'shipped-back': 'ShippedBack' },
  CompletedMoreInfo: { 'shipped-back': 'ShippedBack' },
  ShippedBack: {},
};

export interface Fault {
  /** The code of the error that led here; its paragraph in `docs/ERRORS.md` says what to do. */
  readonly code: string;
  readonly reason: string;
  readonly nextStep: string;
  /** ISO 8601, UTC; empty for a fault of before this was kept. */
  readonly since: string;
  /** What the public API shows while the drive is faulted. */
  readonly publicState: PublicDriveState;
}

/** A state with the data that belongs to it, and nothing that does not. */
export type DriveState =
  | { readonly name: 'Specified' | 'NeverReceived' | 'Received' | 'ShippedBack' }
  | { readonly name: 'Transferring'; readonly copyId: string }
  | { readonly name: 'Completed' | 'CompletedMoreInfo'; readonly copyId: string | null }
  | { readonly name: 'Faulted'; readonly fault: Fault };

/** The states in which the station has no more work with a drive. */
export function isProcessed(name: DriveStateName): boolean {
  return name === 'Completed' || name === 'CompletedMoreInfo' || name === 'ShippedBack';
}

/** The states in which a listed drive has not come. */
export function isAway(name: DriveStateName): boolean {
  return name === 'Specified' || name === 'NeverReceived';
}

/** The state that the public contract shows; it knows no `Faulted`. */
export function publicDriveState(state: DriveState): PublicDriveState {
  return state.name === 'Faulted' ? state.fault.publicState : state.name;
}
