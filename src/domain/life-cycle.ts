import { type DriveStateName, isAway } from './drive-state.ts';
import type { Drive, DriveRef, Job, JobId } from './job.ts';
import { dueJobEvent, isFinished, type JobEvent, publicJobState } from './job-state.ts';

/**
 * What time and the drives' states ask of a job. Pure, like the decision about disks: it is asked
 * again after every change and at every tick, and what was done is not asked for again. Rules: the
 * time-outs and state tables of "Retrieving State Information for a Job".
 */

/** All in milliseconds. */
export interface TimeOuts {
  /** A job in Creating that nobody changes is deleted. */
  readonly creatingMs: number;
  /** Nothing has come of a job in Shipping, or not all: the operators are told. */
  readonly arrivalMs: number;
  /** After they were told: the customer did not answer, so nothing more is waited for. */
  readonly answerMs: number;
  /** Drives that came before their job was shipped: after that they are sent back. */
  readonly earlyDrivesMs: number;
  /** Drives that cannot be sent back are destroyed. */
  readonly destroyMs: number;
  /** A job whose drives are here has been in one state: the operators are told. */
  readonly overdueMs: number;
  /** A job in Completed or Closed is deleted. */
  readonly finishedMs: number;
  /** A store that a job's copies wait for is away: the operators are told. */
  readonly storageAwayMs: number;
  /** A disk that was pulled in mid-copy is not back: the operators are told. */
  readonly diskMissingMs: number;
  /** Nothing was sent of a drive whose copy is under way: the operators are told. */
  readonly stagedHeldMs: number;
  /** The store forgets what is staged and not committed. */
  readonly stagedKeptMs: number;
}

export type LifeStep =
  | { readonly kind: 'delete-job'; readonly jobId: JobId; readonly why: string }
  | {
      readonly kind: 'move-job';
      readonly jobId: JobId;
      readonly event: Exclude<JobEvent, 'faulted'>;
      readonly why: string;
    }
  | { readonly kind: 'mark-missing'; readonly ref: DriveRef; readonly why: string };

export interface JobOfTime {
  readonly job: Job;
  readonly drives: readonly Drive[];
  /** A parcel of the job was unpacked to the end; says that an export job has all its drives. */
  readonly parcelUnpacked: boolean;
  /** Extra drives that came in its parcels and are still here. */
  readonly extrasHere: number;
}

/** The next steps of one job at this moment (milliseconds since 1970); usually none. */
export function dueLifeSteps(entry: JobOfTime, nowMs: number, timeOuts: TimeOuts): LifeStep[] {
  const { job } = entry;
  if (isExpired(job, nowMs, timeOuts)) {
    const why = `there has been nothing to do for it since ${job.state.since}`;
    return [{ kind: 'delete-job', jobId: job.id, why }];
  }
  const event = dueJobEvent({
    state: job.state.name,
    cancelRequested: job.cancelRequested,
    drives: stateNames(entry.drives),
    listIsWhole: isListWhole(entry),
  });
  if (event !== undefined && event !== 'faulted')
    return [moveJob(job, event, REASONS[event] ?? '')];
  if (nothingToReturn(entry))
    return [moveJob(job, returnEvent(entry), 'there is nothing to return')];
  return hasUnansweredWait(entry, nowMs, timeOuts) ? stopWaiting(entry, NO_ANSWER) : [];
}

const NO_ANSWER = 'it did not come, and the customer did not answer in time';

const REASONS: { readonly [Event in JobEvent]?: string } = {
  'all-drives-received': 'all its drives are here',
  'first-copy-started': 'the copy of a drive has begun',
  'all-drives-processed': 'nothing more is to be copied',
  cancelled: 'it was cancelled, and nothing of it is in transfer',
};

/**
 * Whether a job's time is over: the clock of Creating starts anew with every change by a client, and
 * when an operator leads the job back there.
 */
function isExpired({ state, updatedAt }: Job, nowMs: number, timeOuts: TimeOuts): boolean {
  const inStateMs = nowMs - Date.parse(state.since);
  if (state.name !== 'Creating') return isFinished(state.name) && inStateMs >= timeOuts.finishedMs;
  return Math.min(inStateMs, nowMs - Date.parse(updatedAt)) >= timeOuts.creatingMs;
}

/** Drives of an import job are its list; those of an export job are what came in its parcel. */
function isListWhole({ job, drives, parcelUnpacked }: JobOfTime): boolean {
  if (job.details.jobType === 'Import' || parcelUnpacked) return true;
  const announced = Number(job.details.deliveryPackage?.driveCount ?? 0);
  return announced > 0 && drives.length >= announced;
}

/** Since when the station waits for drives that did not come, in milliseconds since 1970. */
export function waitingSince({
  job,
  drives,
}: Pick<JobOfTime, 'job' | 'drives'>): number | undefined {
  const state = publicJobState(job.state);
  if (job.awaitedSince === undefined || (state !== 'Shipping' && state !== 'Transferring')) return;
  const names = stateNames(drives);
  const waits = names.includes('Specified') || (names.length === 0 && state === 'Shipping');
  // What is marked as never received needs no second mark, but the job that waits for it alone does.
  const nothingCame = state === 'Shipping' && names.every((name) => name === 'NeverReceived');
  return waits || nothingCame ? Date.parse(job.awaitedSince) : undefined;
}

function hasUnansweredWait(entry: JobOfTime, nowMs: number, timeOuts: TimeOuts): boolean {
  if (entry.job.state.name === 'Faulted') return false;
  const since = waitingSince(entry);
  return since !== undefined && nowMs - since >= timeOuts.arrivalMs + timeOuts.answerMs;
}

/**
 * Nothing more is waited for: what did not come is `NeverReceived`, and a job of which nothing came
 * is at its end. A cancelled one takes the road of the cancelled.
 */
export function stopWaiting(
  { job, drives }: Pick<JobOfTime, 'job' | 'drives'>,
  why: string,
): LifeStep[] {
  const missing = drives.filter(({ state }) => state.name === 'Specified');
  const marks = missing.map(({ ref }): LifeStep => ({ kind: 'mark-missing', ref, why }));
  const nothingCame = drives.every(({ state }) => isAway(state.name));
  if (job.state.name !== 'Shipping' || !nothingCame) return marks;
  return [...marks, moveJob(job, job.cancelRequested ? 'cancelled' : 'never-arrived', why)];
}

function nothingToReturn({ job, drives, extrasHere }: JobOfTime): boolean {
  return (
    job.state.name === 'Packaging' &&
    extrasHere === 0 &&
    drives.every(({ state }) => isAway(state.name) || state.name === 'ShippedBack')
  );
}

/** Whether the job ends in Completed or in Closed: any error, or a drive that never came, closes it. */
export function returnEvent({
  job,
  drives,
}: Pick<JobOfTime, 'job' | 'drives'>): 'returned-without-errors' | 'returned-with-errors' {
  const bad = drives.some((drive) => endedWithErrors(drive, job.cancelRequested));
  return bad ? 'returned-with-errors' : 'returned-without-errors';
}

/** A cancelled job asks for no drive; warnings of a whole copy are no errors. */
function endedWithErrors({ state, verdict }: Drive, cancelled: boolean): boolean {
  if (isAway(state.name) || state.name === 'Received') return !cancelled;
  if (verdict === undefined) return state.name === 'CompletedMoreInfo';
  return verdict.copyStatus !== 'Completed' && verdict.copyStatus !== 'CompletedWithWarnings';
}

function stateNames(drives: readonly Drive[]): DriveStateName[] {
  return drives.map(({ state }) => state.name);
}

function moveJob(job: Job, event: Exclude<JobEvent, 'faulted'>, why: string): LifeStep {
  return { kind: 'move-job', jobId: job.id, event, why };
}
