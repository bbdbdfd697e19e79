import type { AlertKind } from './alert-texts.ts';
import type { Brand } from './brand.ts';
import { type DockId, dockInWords, type KnownDocks, quirkInWords } from './dock.ts';
import { isAway } from './drive-state.ts';
import { type Drive, type DriveRef, driveKey, type Job, type JobId } from './job.ts';
import { isActive, isFinished, publicJobState } from './job-state.ts';
import { type TimeOuts, waitingSince } from './life-cycle.ts';
import { sentence } from './sentence.ts';
import { leftBehindInWords } from './verdict.ts';

/**
 * What needs an operator. An alert follows from what is true: while its condition holds it is open
 * until a person resolves it, and when the condition ends it is over by itself. Its key names the
 * condition and since when it holds, so that what was resolved stays so, and comes back only when it
 * happens again.
 */

export type AlertId = Brand<string, 'AlertId'>;

/** What an alert is about; nothing of it when that is the station itself. */
export interface AlertSubject {
  readonly jobId?: JobId;
  readonly driveId?: DriveRef['driveId'];
  readonly extraId?: string;
  readonly dockId?: DockId;
}

/** An alert whose condition holds. */
export interface DueAlert {
  readonly key: string;
  readonly kind: AlertKind;
  readonly subject: AlertSubject;
  /** What is the case, in a sentence that names it. */
  readonly reason: string;
}

export interface AlertInput {
  readonly jobs: readonly { readonly job: Job; readonly drives: readonly Drive[] }[];
  /** Extra drives that are still here. */
  readonly extras: readonly ExtraHere[];
  /** Processes that hang in the kernel, the longest first. */
  readonly stuck: readonly StuckProcess[];
  readonly halts: readonly StorageHalt[];
  /** When the store last took something of drives whose copies are under way, by their keys. */
  readonly stagedAt: ReadonlyMap<string, string>;
  readonly docks: KnownDocks;
  readonly killed: readonly KilledCopy[];
  /** Since when the disks of drives in mid-copy are plugged in nowhere, by the drives' keys. */
  readonly missing: ReadonlyMap<string, string>;
}

/** A copy whose process was killed from outside or got too little, and that has not got on for long since. */
export interface KilledCopy {
  readonly ref: DriveRef;
  /** How it ended last. */
  readonly kind: 'killed' | 'starved';
  readonly times: number;
  /** ISO 8601, UTC; of the first time. */
  readonly since: string;
  readonly reason: string;
}

export interface StuckProcess {
  readonly pid: number;
  /** `copy`, or the name of a tool. */
  readonly what: string;
  readonly bay: string | null;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** The copies of a job do not go on because of its storage. */
export interface StorageHalt {
  readonly jobId: JobId;
  /** Of the error catalogue; `storage-unavailable` when it is merely away. */
  readonly code: string;
  readonly reason: string;
  readonly nextStep: string;
  readonly since: string;
}

export interface ExtraHere {
  readonly id: string;
  readonly jobId: JobId | null;
  readonly bay: string;
  readonly serial: string | null;
}

export interface AlertLimits {
  readonly timeOuts: TimeOuts;
  /** So many processes that hang at once are no accident of one disk. */
  readonly stuckMany: number;
  /** A copy whose process was killed so often in a row does not get on by itself. */
  readonly killedMany: number;
}

/** Every alert whose condition holds at this moment (milliseconds since 1970). */
export function dueAlerts(
  input: AlertInput,
  nowMs: number,
  { timeOuts, stuckMany, killedMany }: AlertLimits,
): DueAlert[] {
  const moment = { nowMs, timeOuts };
  return [
    ...input.jobs.flatMap((entry) => [
      ...waitAlerts(entry, moment),
      ...faultAlerts(entry.job, moment),
      ...addressAlerts(entry, moment),
      ...overdueAlerts(entry, moment),
      ...entry.drives.flatMap(driveAlerts),
      ...entry.drives.flatMap((drive) => stagedAlerts(drive, input, moment)),
      ...entry.drives.flatMap((drive) => missingAlerts(drive, input, moment)),
    ]),
    ...input.halts.flatMap((halt) => haltAlerts(halt, input.jobs, moment)),
    ...input.extras.map((extra) => extraAlert(extra, input.jobs)),
    ...stuckAlerts(input.stuck, stuckMany),
    ...input.killed.filter(({ times }) => times >= killedMany).map(killedAlert),
    ...dockAlerts(input.docks),
  ];
}

interface Moment {
  readonly nowMs: number;
  readonly timeOuts: TimeOuts;
}

interface Entry {
  readonly job: Job;
  readonly drives: readonly Drive[];
}

function waitAlerts(entry: Entry, { nowMs, timeOuts }: Moment): DueAlert[] {
  const since = waitingSince(entry);
  if (since === undefined || nowMs - since < timeOuts.arrivalMs) return [];
  const { job, drives } = entry;
  const away = drives.filter(({ state }) => state.name === 'Specified');
  const nothingCame = away.length === drives.length;
  const kind = nothingCame ? 'package-missing' : 'drives-missing';
  const reason = nothingCame
    ? `Nothing of job ${job.name} has arrived since ${dayOf(since)}.`
    : `These drives of job ${job.name}, awaited since ${dayOf(since)}, have not arrived: ${away.map(({ ref }) => ref.driveId).join(', ')}.`;
  return [alertOf(kind, { jobId: job.id }, { reason, since: job.awaitedSince })];
}

function faultAlerts({ id: jobId, name, state }: Job, { nowMs, timeOuts }: Moment): DueAlert[] {
  if (state.name !== 'Faulted') return [];
  const { fault, since } = state;
  const reason = `Job ${name}: ${fault.reason}`;
  if (fault.code === 'put-aside') return [alertOf('job-put-aside', { jobId }, { reason, since })];
  const heldMs = nowMs - Date.parse(since);
  const kinds: AlertKind[] = ['contact-customer'];
  if (heldMs >= timeOuts.earlyDrivesMs) kinds.push('return-drives');
  if (heldMs >= timeOuts.destroyMs) kinds.push('drives-to-destroy');
  return kinds.map((kind) => alertOf(kind, { jobId }, { reason, since }));
}

function addressAlerts({ job, drives }: Entry, { nowMs, timeOuts }: Moment): DueAlert[] {
  const { id: jobId, name, state, details } = job;
  const here = drives.some((drive) => !isAway(drive.state.name));
  if (publicJobState(state) !== 'Packaging' || details.returnAddress !== undefined || !here)
    return [];
  const reason = `Job ${name} is being packed and has no return address.`;
  const kinds: AlertKind[] = ['return-address-missing'];
  if (nowMs - Date.parse(state.since) >= timeOuts.destroyMs) kinds.push('drives-to-destroy');
  return kinds.map((kind) => alertOf(kind, { jobId }, { reason, since: state.since }));
}

/**
 * What no other alert asks a person for, and still does not go on: a drive lies on a shelf, a check-in
 * is never ended, nobody packs. The service aims at 10 days for what is at its site.
 */
function overdueAlerts(entry: Entry, { nowMs, timeOuts }: Moment): DueAlert[] {
  const { id: jobId, name, state, details } = entry.job;
  if (!isActive(publicJobState(state)) || waitingSince(entry) !== undefined) return [];
  const asksOtherwise =
    state.name === 'Faulted' ||
    entry.drives.some((drive) => drive.state.name === 'Faulted') ||
    (state.name === 'Packaging' && details.returnAddress === undefined);
  if (asksOtherwise || nowMs - Date.parse(state.since) < timeOuts.overdueMs) return [];
  const reason = `Job ${name} has been in ${state.name} since ${dayOf(Date.parse(state.since))}.`;
  return [alertOf('job-overdue', { jobId }, { reason, since: state.since })];
}

function driveAlerts({ ref, jobName, state, logs, verdict }: Drive): DueAlert[] {
  const named = `Drive ${ref.driveId} of job ${jobName}`;
  if (state.name === 'Faulted') {
    const { fault } = state;
    const reason = `${named}: ${sentence(fault.reason)} ${fault.nextStep}`;
    return [alertOf('drive-faulted', ref, { reason, since: fault.since })];
  }
  if (logs?.problem === undefined || verdict === undefined) return [];
  const reason = `${named}: ${logs.problem}`;
  return [alertOf('copy-log-refused', ref, { reason, since: 'settled' })];
}

/** A store that is away is told to operators when it does not come back; technicians see it at once. */
function haltAlerts(
  { jobId, code, since, ...halt }: StorageHalt,
  jobs: AlertInput['jobs'],
  { nowMs, timeOuts }: Moment,
): DueAlert[] {
  const job = jobs.find((entry) => entry.job.id === jobId)?.job;
  if (job === undefined) return [];
  const isAwayOnly = code === 'storage-unavailable';
  if (isAwayOnly && nowMs - Date.parse(since) < timeOuts.storageAwayMs) return [];
  const reason = `Job ${job.name}: ${halt.reason}. ${halt.nextStep}`;
  return [alertOf(isAwayOnly ? 'storage-away' : 'storage-halted', { jobId }, { reason, since })];
}

/** The service forgets staged blocks a week after it took the last one of their blob. */
function stagedAlerts(
  { ref, jobName, state, progress }: Drive,
  { stagedAt }: AlertInput,
  { nowMs, timeOuts }: Moment,
): DueAlert[] {
  const since = stagedAt.get(driveKey(ref));
  const staged = (progress?.stagedBytes ?? 0) - (progress?.verifiedBytes ?? 0);
  if (state.name !== 'Transferring' || since === undefined || staged <= 0) return [];
  if (nowMs - Date.parse(since) < timeOuts.stagedHeldMs) return [];
  const forgotten = dayOf(Date.parse(since) + timeOuts.stagedKeptMs);
  const reason = `Drive ${ref.driveId} of job ${jobName}: nothing has been sent since ${since.slice(0, 10)}. The store forgets ${staged} staged bytes on ${forgotten} if the copy does not go on; they are then sent again.`;
  return [alertOf('staged-bytes-expire', ref, { reason, since })];
}

/** A disk is pulled and put back in minutes; one that stays away holds its job for as long as it does. */
function missingAlerts(
  { ref, jobName, boundDisk, progress }: Drive,
  { missing }: AlertInput,
  { nowMs, timeOuts }: Moment,
): DueAlert[] {
  const since = missing.get(driveKey(ref));
  if (since === undefined || nowMs - Date.parse(since) < timeOuts.diskMissingMs) return [];
  const left = `the disk left ${boundDisk?.bay ?? 'its bay'} in mid-copy at ${since.slice(0, 16).replace('T', ' ')} UTC and has not come back.`;
  const ifEnded = progress === undefined ? '' : leftBehindInWords(progress);
  const lost = ifEnded === '' ? '' : ` If the drive is ended: ${ifEnded}`;
  const reason = `Drive ${ref.driveId} of job ${jobName}: ${left}${lost}`;
  return [alertOf('disk-missing', ref, { reason, since })];
}

/** One that was told of is told of again when the job that it should go back with is over without it. */
function extraAlert(extra: ExtraHere, jobs: AlertInput['jobs']): DueAlert {
  const { id: extraId, jobId, bay, serial } = extra;
  const subject = jobId === null ? { extraId } : { extraId, jobId };
  const disk = `A disk ${serial === null ? 'without a serial' : serial} in ${bay}`;
  const kind = 'extra-drive';
  const goesBack = jobs.some(({ job }) => job.id === jobId && !isFinished(job.state.name));
  if (jobId === null || goesBack) {
    // Whose parcel it came in can become known later, and makes no second alert.
    return { key: `${kind}/${extraId}`, kind, subject, reason: `${disk} is on no list.` };
  }
  const reason = `${disk} is on no list, and the job whose parcel it came in is over.`;
  return { key: `${kind}/${extraId}/left-behind`, kind, subject, reason };
}

function stuckAlerts(stuck: readonly StuckProcess[], stuckMany: number): DueAlert[] {
  const last = stuck[stuckMany - 1];
  if (last === undefined) return [];
  const named = stuck.map(
    ({ pid, what, bay }) => `${what} ${pid}${bay === null ? '' : ` in ${bay}`}`,
  );
  const reason = `${stuck.length} processes hang in the kernel: ${named.join(', ')}.`;
  return [alertOf('processes-stuck', {}, { reason, since: last.since })];
}

function killedAlert({ ref, kind, times, since, ...killed }: KilledCopy): DueAlert {
  const reason = `Drive ${ref.driveId}: ${killed.reason}, ${times} times in a row. The copy is tried again by itself, with pauses of up to five minutes.`;
  return alertOf(`copy-${kind}`, ref, { reason, since });
}

function dockAlerts(known: KnownDocks): DueAlert[] {
  return known.docks.flatMap((dock) => {
    const { id: dockId, bay, port, unreliableSince } = dock;
    if (unreliableSince === null) return [];
    const where = bay === port ? bay : `${bay} (${port})`;
    const quirk = quirkInWords(dock, known);
    const reason = [`${where}: ${dockInWords(dock)}`, quirk].filter(Boolean).join(' ');
    const kind = 'dock-unreliable';
    return [{ key: `${kind}/${dockId}/${unreliableSince}`, kind, subject: { dockId }, reason }];
  });
}

function alertOf(
  kind: AlertKind,
  subject: AlertSubject,
  { reason, since }: { readonly reason: string; readonly since: string | undefined },
): DueAlert {
  const key = [kind, subject.jobId, subject.driveId, since].filter(Boolean).join('/');
  return { key, kind, subject, reason };
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
