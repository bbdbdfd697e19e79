import { type AttachedDisk, type DiskKey, type Facts, shownSerial } from './disk.ts';
import { isProcessed } from './drive-state.ts';
import { type Drive, type DriveId, type DriveRef, driveKey, type Job, type JobId } from './job.ts';
import { isActive, publicJobState } from './job-state.ts';
import { type Claim, type Confirmation, type Match, matchDisks } from './matching.ts';
import type { Parcel } from './parcel.ts';
import { isFakeSerial, normaliseSerial } from './serial.ts';

/** What is to be done next, as data; the station has one executor for each kind. */
export type Step =
  | { readonly kind: 'receive-drive'; readonly ref: DriveRef; readonly disk: AttachedDisk }
  | { readonly kind: 'start-copy'; readonly ref: DriveRef; readonly disk: AttachedDisk }
  | { readonly kind: 'stop-copy'; readonly ref: DriveRef; readonly reason: StopReason }
  | { readonly kind: 'flag-extra'; readonly disk: AttachedDisk; readonly reason: string }
  | {
      readonly kind: 'register-export-drive';
      readonly disk: AttachedDisk;
      readonly driveId: DriveId;
    }
  | { readonly kind: 'fault-early-job'; readonly ref: DriveRef; readonly disk: AttachedDisk };

export type StopReason =
  | { readonly why: 'detached'; readonly bay: string }
  | { readonly why: 'contested'; readonly words: string }
  | { readonly why: 'rebind'; readonly bay: string }
  | { readonly why: 'ended' }
  | { readonly why: 'cancelled' };

/** A drive whose copy is queued or running, and the attachment that it reads. */
export interface Working {
  readonly ref: DriveRef;
  readonly disk: DiskKey;
  readonly bay: string;
}

export interface DecisionInput {
  readonly facts: Facts;
  readonly jobs: readonly { readonly job: Job; readonly drives: readonly Drive[] }[];
  readonly confirmations: ReadonlyMap<DiskKey, Confirmation>;
  readonly working: ReadonlyMap<string, Working>;
  readonly flaggedExtras: ReadonlySet<DiskKey>;
  /** The parcel that is being checked in, when there is one. */
  readonly checkIn: Pick<Parcel, 'id' | 'jobId'> | undefined;
}

/** The input with what follows from it. */
interface Situation extends DecisionInput {
  readonly matches: ReadonlyMap<DiskKey, Match>;
  /** The drives of jobs that are active or too early, by their keys. */
  readonly drives: ReadonlyMap<string, Drive>;
}

export interface Decision {
  readonly matches: ReadonlyMap<DiskKey, Match>;
  readonly steps: readonly Step[];
}

/**
 * The one decision: from what is attached and what the ledger says to the next steps. Pure, so it can
 * run after every change; a step that was carried out is not asked for again, because the facts or
 * the ledger then say so. While the facts are unknown nothing is decided.
 */
export function decide(input: DecisionInput): Decision {
  const active = input.jobs.filter(({ job }) => isActive(publicJobState(job.state)));
  const early = input.jobs.filter(({ job }) => publicJobState(job.state) === 'Creating');
  const drives = new Map(
    [...active, ...early].flatMap((entry) => entry.drives.map((d) => [driveKey(d.ref), d])),
  );
  const candidates = input.facts.disks.filter((disk) => disk.exclusion === undefined);
  const { confirmations } = input;
  const plain = withEarly(
    matchDisks({ disks: candidates, claims: claimsOf(active), confirmations }),
    matchDisks({ disks: candidates, claims: claimsOf(early), confirmations: new Map() }),
  );
  const matches = new Map(
    candidates.map((disk) => [disk.key, withBoundDisk(disk, plain.get(disk.key), drives)]),
  );
  if (!input.facts.known) return { matches, steps: [] };
  const situation = { ...input, matches, drives };
  const steps = [
    ...stopSteps(situation),
    ...candidates.flatMap((disk) => diskSteps(disk, situation)),
  ];
  return { matches, steps: oneFaultEach(steps) };
}

/** Several disks of one job can have come too early. */
function oneFaultEach(steps: readonly Step[]): Step[] {
  const faulted = new Set<JobId>();
  return steps.filter((step) => {
    if (step.kind !== 'fault-early-job') return true;
    const isFirst = !faulted.has(step.ref.jobId);
    faulted.add(step.ref.jobId);
    return isFirst;
  });
}

/** A job that is not shipped yet claims only what no other job claims. */
function withEarly(
  matches: ReadonlyMap<DiskKey, Match>,
  early: ReadonlyMap<DiskKey, Match>,
): ReadonlyMap<DiskKey, Match> {
  return new Map(
    [...matches].map(([key, match]) => {
      const other = early.get(key);
      return [key, match.kind === 'extra' && other?.kind === 'drive' ? other : match];
    }),
  );
}

function claimsOf(entries: DecisionInput['jobs']): Claim[] {
  return entries.flatMap(({ drives }) => drives.flatMap((drive) => claimOf(drive) ?? []));
}

function claimOf(drive: Drive): Claim | undefined {
  const serial = normaliseSerial(drive.ref.driveId);
  return serial === undefined ? undefined : { ref: drive.ref, jobName: drive.jobName, serial };
}

/** A disk that carries the right serial but is not the one the copy began on waits for a person. */
function withBoundDisk(
  disk: AttachedDisk,
  match: Match | undefined,
  drives: ReadonlyMap<string, Drive>,
): Match {
  if (match === undefined) return { kind: 'extra', reason: 'The disk was not matched.' };
  if (match.kind !== 'drive') return match;
  const bound = drives.get(driveKey(match.ref))?.boundDisk;
  if (bound === undefined || bound.sizeBytes === disk.sizeBytes) return match;
  const reason = `The copy of ${match.ref.driveId} began on a disk of ${bound.sizeBytes} bytes; this one has ${disk.sizeBytes}. It is another disk with the same serial.`;
  return { kind: 'ambiguous', candidates: [match.ref], rivals: [], reason };
}

function stopSteps(situation: Situation): Step[] {
  const steps: Step[] = [];
  for (const work of situation.working.values()) {
    const reason = stopReason(work, situation);
    if (reason !== undefined) steps.push({ kind: 'stop-copy', ref: work.ref, reason });
  }
  return steps;
}

function stopReason(work: Working, { facts, jobs, matches }: Situation): StopReason | undefined {
  const disk = facts.disks.find(({ key }) => key === work.disk);
  if (disk === undefined || disk.sizeBytes === 0) return { why: 'detached', bay: work.bay };
  const match = matches.get(work.disk);
  if (match?.kind === 'ambiguous') return { why: 'contested', words: match.reason };
  const entry = jobs.find(({ job }) => job.id === work.ref.jobId);
  const drive = entry?.drives.find(({ ref }) => ref.driveId === work.ref.driveId);
  // A person can end it at the moment at which its disk comes back.
  if (drive !== undefined && isProcessed(drive.state.name)) return { why: 'ended' };
  // Best effort, as the service does it: a copy in transfer finishes, one still waiting is skipped.
  const skipped = entry?.job.cancelRequested === true && drive?.state.name === 'Received';
  return drive === undefined || skipped ? { why: 'cancelled' } : undefined;
}

function diskSteps(disk: AttachedDisk, situation: Situation): Step[] {
  const match = situation.matches.get(disk.key);
  if (match?.kind === 'extra') {
    const driveId = exportDriveId(disk, situation);
    if (driveId !== undefined) return [{ kind: 'register-export-drive', disk, driveId }];
    if (situation.flaggedExtras.has(disk.key)) return [];
    return [{ kind: 'flag-extra', disk, reason: match.reason }];
  }
  if (match?.kind !== 'drive' || disk.sizeBytes === 0) return [];
  const drive = situation.drives.get(driveKey(match.ref));
  return drive === undefined ? [] : driveSteps(drive, disk, situation);
}

/** Drives of an export job are listed by nobody: what its parcel holds are its drives. */
function exportDriveId(disk: AttachedDisk, input: DecisionInput): DriveId | undefined {
  const job = input.jobs.find((entry) => entry.job.id === input.checkIn?.jobId)?.job;
  if (job?.details.jobType !== 'Export' || job.cancelRequested) return undefined;
  // A drive id is the hardware serial without blanks.
  const shown = shownSerial(disk.identity)?.replaceAll(/\s/gu, '');
  const serial = normaliseSerial(shown ?? '');
  return serial === undefined || isFakeSerial(serial) ? undefined : (shown as DriveId);
}

function driveSteps(drive: Drive, disk: AttachedDisk, input: DecisionInput): Step[] {
  const { ref } = drive;
  const job = input.jobs.find((entry) => entry.job.id === ref.jobId)?.job;
  if (job === undefined) return [];
  if (job.state.name === 'Creating') return [{ kind: 'fault-early-job', ref, disk }];
  if (publicJobState(job.state) === 'Creating') return [];
  switch (drive.state.name) {
    case 'Specified':
    case 'NeverReceived':
      return [{ kind: 'receive-drive', ref, disk }];
    case 'Received':
      if (!mayBegin(job)) return [];
      return input.working.has(driveKey(ref)) ? [] : [{ kind: 'start-copy', ref, disk }];
    case 'Transferring':
      return input.working.has(driveKey(ref)) ? [] : [{ kind: 'start-copy', ref, disk }];
    case 'Completed':
    case 'CompletedMoreInfo':
    case 'ShippedBack':
    case 'Faulted':
      return [];
  }
}

/** A copy is begun for an import job that nobody cancelled and that was not put aside. */
function mayBegin({ details, cancelRequested, state }: Job): boolean {
  return details.jobType === 'Import' && !cancelRequested && state.name !== 'Faulted';
}
