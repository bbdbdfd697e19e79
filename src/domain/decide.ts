import type { AttachedDisk, DiskKey, Facts } from './disk.ts';
import { type Drive, type DriveRef, driveKey, type Job, type JobId } from './job.ts';
import { isActive } from './job-state.ts';
import { type Claim, type Confirmation, type Match, matchDisks } from './matching.ts';
import { normaliseSerial } from './serial.ts';

/** What is to be done next, as data; the station has one executor for each kind. */
export type Step =
  | { readonly kind: 'receive-drive'; readonly ref: DriveRef; readonly disk: AttachedDisk }
  | { readonly kind: 'start-copy'; readonly ref: DriveRef; readonly disk: AttachedDisk }
  | { readonly kind: 'stop-copy'; readonly ref: DriveRef; readonly reason: StopReason }
  | {
      readonly kind: 'flag-extra';
      readonly disk: AttachedDisk;
      readonly jobId: JobId | null;
      readonly reason: string;
    };

export type StopReason =
  | { readonly why: 'detached'; readonly bay: string }
  | { readonly why: 'contested'; readonly words: string }
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
  /** The job whose parcel is being checked in, when there is one. */
  readonly checkIn: JobId | undefined;
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
  const active = input.jobs.filter(({ job }) => isActive(job.state));
  const drives = new Map(active.flatMap((entry) => entry.drives.map((d) => [driveKey(d.ref), d])));
  const candidates = input.facts.disks.filter((disk) => disk.exclusion === undefined);
  const claims = active
    .flatMap((entry) => entry.drives.map(claimOf))
    .filter((c) => c !== undefined);
  const plain = matchDisks({ disks: candidates, claims, confirmations: input.confirmations });
  const matches = new Map(
    candidates.map((disk) => [disk.key, withBoundDisk(disk, plain.get(disk.key), drives)]),
  );
  if (!input.facts.known) return { matches, steps: [] };
  const steps = [
    ...stopSteps(input, matches),
    ...candidates.flatMap((disk) => diskSteps(disk, input, matches.get(disk.key), drives)),
  ];
  return { matches, steps };
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

function stopSteps(input: DecisionInput, matches: ReadonlyMap<DiskKey, Match>): Step[] {
  const steps: Step[] = [];
  const present = new Map(input.facts.disks.map((disk) => [disk.key, disk]));
  for (const work of input.working.values()) {
    const reason = stopReason(work, present, matches, input);
    if (reason !== undefined) steps.push({ kind: 'stop-copy', ref: work.ref, reason });
  }
  return steps;
}

function stopReason(
  work: Working,
  present: ReadonlyMap<DiskKey, AttachedDisk>,
  matches: ReadonlyMap<DiskKey, Match>,
  input: DecisionInput,
): StopReason | undefined {
  const disk = present.get(work.disk);
  if (disk === undefined || disk.sizeBytes === 0) return { why: 'detached', bay: work.bay };
  const match = matches.get(work.disk);
  if (match?.kind === 'ambiguous') return { why: 'contested', words: match.reason };
  const job = input.jobs.find((entry) => entry.job.id === work.ref.jobId)?.job;
  // Best effort, as the service does it: a copy in transfer finishes, one still waiting is skipped.
  return job === undefined ? { why: 'cancelled' } : undefined;
}

function diskSteps(
  disk: AttachedDisk,
  input: DecisionInput,
  match: Match | undefined,
  drives: ReadonlyMap<string, Drive>,
): Step[] {
  if (match?.kind === 'extra') {
    if (input.flaggedExtras.has(disk.key)) return [];
    const jobId = input.checkIn ?? null;
    return [{ kind: 'flag-extra', disk, jobId, reason: match.reason }];
  }
  if (match?.kind !== 'drive' || disk.sizeBytes === 0) return [];
  const drive = drives.get(driveKey(match.ref));
  return drive === undefined ? [] : driveSteps(drive, disk, input);
}

function driveSteps(drive: Drive, disk: AttachedDisk, input: DecisionInput): Step[] {
  const { ref } = drive;
  const job = input.jobs.find((entry) => entry.job.id === ref.jobId)?.job;
  switch (drive.state.name) {
    case 'Specified':
    case 'NeverReceived':
      return [{ kind: 'receive-drive', ref, disk }];
    case 'Received':
      if (job?.cancelRequested) return [];
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
