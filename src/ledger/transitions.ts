import { DRIVE_TRANSITIONS, type DriveState } from '../domain/drive-state.ts';
import type { Drive } from '../domain/job.ts';
import { applyEvent } from '../domain/transition.ts';
import type { Verdict } from '../domain/verdict.ts';
import type { CopyRecord, DriveChange } from './contract.ts';

export type DriveStep =
  | { readonly allowed: true; readonly to: DriveState }
  | { readonly allowed: false; readonly reason: string };

/**
 * The state that a change leads to, with its data. The table says where an event leads; here is added
 * what the data must say: a copy must be the drive's own, and its verdict must be the one that the
 * new state stands for, so that nothing is `Completed` that was not judged so.
 */
export function nextDriveState(
  drive: Drive,
  change: DriveChange,
  copy: CopyRecord | undefined,
): DriveStep {
  const answer = applyEvent(DRIVE_TRANSITIONS, drive.state.name, change.event);
  if (!answer.allowed) return answer;
  switch (change.event) {
    case 'arrived':
    case 'resolved-for-retry':
      return { allowed: true, to: { name: 'Received' } };
    case 'missing':
      return { allowed: true, to: { name: 'NeverReceived' } };
    case 'shipped-back':
      return { allowed: true, to: { name: 'ShippedBack' } };
    case 'resolved-without-copy':
      return withoutCopy(change.verdict, copy);
    case 'faulted':
      return { allowed: true, to: { name: 'Faulted', fault: change.fault } };
    case 'copy-started':
      return started(change.copyId, copy);
    case 'copy-verified':
      return ended('Completed', change.verdict, drive.state);
    case 'copy-ended-with-notes':
      return ended('CompletedMoreInfo', change.verdict, drive.state);
  }
}

/** Nothing was copied, or not all: the verdict has to say so. */
function withoutCopy(verdict: Verdict, copy: CopyRecord | undefined): DriveStep {
  if (verdict.outcome === 'Completed') {
    return { allowed: false, reason: 'a drive that was ended without a copy is not Completed' };
  }
  return { allowed: true, to: { name: 'CompletedMoreInfo', copyId: copy?.id ?? null } };
}

function started(copyId: string, copy: CopyRecord | undefined): DriveStep {
  if (copy?.id === copyId) return { allowed: true, to: { name: 'Transferring', copyId } };
  return { allowed: false, reason: `copy ${copyId} is not a copy of this drive` };
}

function ended(name: Verdict['outcome'], verdict: Verdict, state: DriveState): DriveStep {
  if (verdict.outcome !== name) {
    return { allowed: false, reason: `the verdict says ${verdict.outcome}, not ${name}` };
  }
  if (state.name !== 'Transferring') {
    return { allowed: false, reason: `${state.name} has no running copy to judge` };
  }
  return { allowed: true, to: { name, copyId: state.copyId } };
}
