import { z } from 'zod';
import type { SickWhy } from '../domain/condition.ts';
import { COPY_STATUSES } from '../domain/copy-status.ts';
import type { DriveStateName, PublicDriveState } from '../domain/drive-state.ts';
import type { EtaRange } from '../domain/eta.ts';
import type { DriveActivity } from '../domain/job.ts';
import type { FilesSummary, Verdict } from '../domain/verdict.ts';
import { bytes, list, oneOf, text, time } from './wire-shapes.ts';

/** What is said of one drive: its state, how its copy gets on, and how it ended. */

const driveStateNames = {
  Specified: null,
  Received: null,
  NeverReceived: null,
  Transferring: null,
  Completed: null,
  CompletedMoreInfo: null,
  ShippedBack: null,
} satisfies { readonly [State in PublicDriveState]: null };

export const publicDriveState = oneOf<PublicDriveState>(driveStateNames);
export const driveState = oneOf<DriveStateName>({ ...driveStateNames, Faulted: null });

/** The words of the Import/Export job API for how a drive's copy went. */
export const copyStatus = z.enum(COPY_STATUSES);

export const fault = z.object({ code: text, reason: text, nextStep: text });
export type FaultView = z.output<typeof fault>;

const driveActivity = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('idle') }),
  z.object({ kind: z.literal('queued'), reason: text.exactOptional() }),
  z.object({ kind: z.literal('starting') }),
  z.object({ kind: z.literal('asking'), waitedSeconds: z.int().min(0) }),
  z.object({
    kind: z.literal('spinning-up'),
    waitedSeconds: z.int().min(0),
    limitSeconds: z.int().min(0),
  }),
  z.object({ kind: z.literal('copying') }),
  z.object({ kind: z.literal('rescuing'), openBytes: bytes, unreadableBytes: bytes }),
  z.object({ kind: z.literal('waiting-for-storage'), since: time, reason: text }),
  z.object({ kind: z.literal('slow-storage'), since: time }),
  z.object({ kind: z.literal('waiting-for-commit'), since: time }),
  z.object({
    kind: z.literal('halted'),
    since: time,
    code: text,
    reason: text,
    nextStep: text,
  }),
  z.object({ kind: z.literal('settling') }),
  z.object({ kind: z.literal('detached'), bay: text, since: time }),
  z.object({ kind: z.literal('waiting-for-person'), reason: text }),
  z.object({ kind: z.literal('retrying'), at: time, reason: text }),
]) satisfies z.ZodType<DriveActivity>;

/** What waits for a disk, what was tried, and the ends of the wait. */
const hang = z.object({
  waitsFor: z.enum(['open', 'read', 'close']),
  offsetBytes: bytes.nullable(),
  /** The same place in sectors of the disk. */
  lba: z.int().min(0).nullable(),
  waitedSeconds: z.int().min(0),
  /** Then the station gives the disk up. */
  giveUpSeconds: z.int().min(0),
  /** Then the kernel gives the request up; `null`: never, or it is not known. */
  kernelLimitSeconds: z.int().min(0).nullable(),
  tried: list(text),
});
export type HangView = z.output<typeof hang>;

const etaRange = z.object({
  lowSeconds: z.number().min(0),
  highSeconds: z.number().min(0),
}) satisfies z.ZodType<EtaRange>;

const progress = z.object({
  totalBytes: bytes,
  /** Bytes that the store holds and has checked block by block; from the journal, nothing else. */
  stagedBytes: bytes,
  /** Bytes of blobs that were committed and read back. */
  verifiedBytes: bytes,
  rateBytesPerSecond: z.number().min(0),
  eta: etaRange.nullable(),
});
export type ProgressView = z.output<typeof progress>;

const filesSummary = z.object({
  planned: z.int().min(0),
  completed: z.int().min(0),
  withErrors: z.int().min(0),
  skipped: z.int().min(0),
  renamed: z.int().min(0),
  overwritten: z.int().min(0),
}) satisfies z.ZodType<FilesSummary>;

/** The verdict without its evidence for each blob, which `GET …/drives/{driveId}` gives. */
const verdict = z.object({
  outcome: z.enum(['Completed', 'CompletedMoreInfo']),
  copyStatus,
  safeToRemove: z.boolean(),
  reasons: list(z.object({ code: text, words: text })),
  plannedBytes: bytes,
  verifiedBytes: bytes,
  kernelWrites: z.int().nullable(),
  /** Only of a copy of files. */
  files: filesSummary.exactOptional(),
}) satisfies z.ZodType<Omit<Verdict, 'blobs' | 'reasons' | 'copyStatus'>>;
export type VerdictView = z.output<typeof verdict>;

/** Where the copy logs are, once they exist, and in words why one that should exist does not. */
const logs = z.object({
  errorLogUri: text.nullable(),
  verboseLogUri: text.nullable(),
  /** The backup of the drive's manifest, and the table of the files of a tree. */
  manifestUri: text.nullable(),
  fileListUri: text.nullable(),
  /** The map of the disk's bad places, when it has any. */
  rescueMapUri: text.nullable(),
  problem: text.nullable(),
});
export type LogsView = z.output<typeof logs>;

export const driveView = z.object({
  /** `<jobId>/<driveId>`. */
  key: text,
  jobId: text,
  jobName: text,
  driveId: text,
  state: driveState,
  /** What the public job API shows: it knows no `Faulted`. */
  publicState: publicDriveState,
  /** `null` until the drive was in transfer. */
  copyStatus: copyStatus.nullable(),
  activity: driveActivity,
  /** The disk keeps the copy waiting; `null` while it answers. */
  hang: hang.nullable(),
  /** Why the drive gives way to the healthy ones; `null` while it is one of them. */
  sick: oneOf<SickWhy | 'hanging'>({
    'bad-places': null,
    slow: null,
    'failed-before': null,
    hanging: null,
  }).nullable(),
  /** `null` until the copy has a plan. */
  progress: progress.nullable(),
  /** Where the drive's disk is, while it is plugged in. */
  bay: text.nullable(),
  fault: fault.nullable(),
  verdict: verdict.nullable(),
  /** `null` until the drive has a verdict. */
  logs: logs.nullable(),
  blobs: list(z.object({ name: text, url: text })),
});
export type DriveView = z.output<typeof driveView>;
