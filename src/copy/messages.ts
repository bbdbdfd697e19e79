import { z } from 'zod';
import type { DiskWait } from '../domain/hang-ladder.ts';
import type { CopyPlan } from '../domain/plan.ts';
import type { DriveLogs, Verdict } from '../domain/verdict.ts';

/**
 * What the daemon and a copy process say to each other over the IPC channel. The assignment carries
 * credentials, which therefore never stand in an argument list or an environment.
 */

const storageAccount = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('connection-string'), connectionString: z.string() }),
  z.object({
    kind: z.literal('account-key'),
    blobEndpoint: z.string(),
    accountName: z.string(),
    accountKey: z.string(),
  }),
  z.object({ kind: z.literal('sas'), blobEndpoint: z.string(), sasToken: z.string() }),
  z.object({
    kind: z.literal('container-sas'),
    blobEndpoint: z.string(),
    container: z.string(),
    sasToken: z.string(),
  }),
  z.object({ kind: z.literal('default-credential'), blobEndpoint: z.string() }),
  z.object({ kind: z.literal('directory'), directory: z.string() }),
]);

const extent = z.object({ offsetBytes: z.number(), lengthBytes: z.number() });
const copyPlan = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('image'),
    totalBytes: z.number(),
    blobs: z.array(
      z.object({
        name: z.string(),
        lengthBytes: z.number(),
        blockBytes: z.number(),
        extents: z.array(extent),
      }),
    ),
  }),
  z.object({ kind: z.literal('files'), totalBytes: z.number(), files: z.number() }),
]);

const destination = { container: z.string(), blobPrefix: z.string() };
const planRequest = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('image'), ...destination }),
  z.object({ kind: z.literal('tree'), ...destination }),
  z.object({ kind: z.literal('manifest') }),
]);

export const assignmentSchema = z.object({
  kind: z.literal('assignment'),
  copyId: z.string(),
  nonce: z.string(),
  driveId: z.string(),
  disk: z.object({
    devicePath: z.string(),
    diskseq: z.number(),
    sizeBytes: z.number(),
    wwns: z.array(z.string()),
    writesAtFirstSight: z.number(),
  }),
  plan: planRequest,
  /** What the job says of a drive whose files are copied. */
  prepared: z
    .object({
      manifestFile: z.string().exactOptional(),
      manifestHash: z.string().exactOptional(),
      bitLockerKey: z.string().exactOptional(),
    })
    .exactOptional(),
  storage: storageAccount,
  /** What the copy logs need to know of the job. */
  logs: z.object({
    jobName: z.string(),
    level: z.enum(['Error', 'Verbose']),
    /** The job's `diagnosticsPath`. */
    path: z.string(),
    /** Whether the manifest is to be kept beside the logs. */
    backupManifest: z.boolean().exactOptional(),
  }),
  journalFile: z.string(),
  /** Room, in bytes, that what is kept of bad places leaves on the state disk; none unless given. */
  keepFreeBytes: z.number().exactOptional(),
  /** The disk is given up when it has not answered an open or a read for this long. */
  readHangMs: z.number(),
  /** A disk that sleeps gets this long, in milliseconds, until it reads; none unless given. */
  spinUpMs: z.number().exactOptional(),
  /** Time for all bad areas of the disk, in milliseconds; the station's limit unless given. */
  rescueMs: z.number().exactOptional(),
});
export type Assignment = z.output<typeof assignmentSchema>;
type OfPlan<Kind> = Assignment & { readonly plan: Extract<Assignment['plan'], { kind: Kind }> };
export type ImageAssignment = OfPlan<'image'>;
export type FilesAssignment = OfPlan<'manifest' | 'tree'>;

export function isImageAssignment(assignment: Assignment): assignment is ImageAssignment {
  return assignment.plan.kind === 'image';
}

export function isFilesAssignment(assignment: Assignment): assignment is FilesAssignment {
  return !isImageAssignment(assignment);
}

const stopSchema = z.object({ kind: z.literal('stop') });
export const toCopySchema = z.discriminatedUnion('kind', [assignmentSchema, stopSchema]);
export type ToCopy = z.output<typeof toCopySchema>;

const failureSchema = z.object({
  kind: z.literal('failed'),
  code: z.string(),
  message: z.string(),
  payload: z.record(z.string(), z.unknown()),
});

const progressSchema = z.object({
  totalBytes: z.number(),
  stagedBytes: z.number(),
  verifiedBytes: z.number(),
});

const driveLogs: z.ZodType<DriveLogs> = z.object({
  errorLogUri: z.string().exactOptional(),
  verboseLogUri: z.string().exactOptional(),
  manifestUri: z.string().exactOptional(),
  fileListUri: z.string().exactOptional(),
  rescueMapUri: z.string().exactOptional(),
  problem: z.string().exactOptional(),
});

/** A tool that hangs in the kernel, and its process group. */
export const abandonedTool = z.object({ tool: z.string(), group: z.int().min(1) });

/** What the disk gave so far. */
const given = z.object({
  bytes: z.number(),
  /** The time that it took for it, and for what it did not give. */
  ms: z.number(),
  /** Reads that ended with an error, and those of them that the disk itself called unreadable. */
  failed: z.int().min(0),
  mediumErrors: z.int().min(0),
});
export type Given = z.output<typeof given>;
export const NOTHING_GIVEN: Given = { bytes: 0, ms: 0, failed: 0, mediumErrors: 0 };

export const fromCopySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  /** Every second: what waits for the disk the longest, and all that it has given in what time. */
  z.object({
    kind: z.literal('alive'),
    wait: z.discriminatedUnion('kind', [
      z.object({
        kind: z.enum(['open', 'read', 'close']),
        offsetBytes: z.number().nullable(),
        waitedMs: z.number(),
      }),
      z.object({ kind: z.literal('spin-up'), waitedMs: z.number() }),
    ]) satisfies z.ZodType<DiskWait>,
    given,
  }),
  z.object({
    kind: z.literal('planned'),
    plan: z.custom<CopyPlan>((v) => copyPlan.safeParse(v).success),
  }),
  z.object({
    kind: z.literal('reconciled'),
    heldBlocks: z.number(),
    /** Blocks that the journal had and the store has no longer. */
    lostBlocks: z.number(),
    /** Files of which the journal says how they ended; they are not touched again. */
    heldFiles: z.number().exactOptional(),
  }),
  /** What was found on the drive and how it was opened; for the log, and nothing of the key. */
  z.object({
    kind: z.literal('volume-opened'),
    filesystem: z.string(),
    partition: z.number(),
    table: z.string(),
    unlockedBy: z.string().exactOptional(),
    notes: z.array(z.string()),
  }),
  /** A tool that was to open or close the volume hangs at the disk. */
  z.object({ kind: z.literal('tool-abandoned'), ...abandonedTool.shape }),
  z.object({ kind: z.literal('phase'), phase: z.enum(['proving', 'copying', 'settling']) }),
  /** The good areas are stored; the bad ones are tried in smaller reads. */
  z.object({
    kind: z.literal('rescuing'),
    openBytes: z.number(),
    unreadableBytes: z.number(),
  }),
  z.object({ kind: z.literal('progress'), progress: progressSchema }),
  z.object({ kind: z.literal('storage-away'), detail: z.string() }),
  /** Bytes move, but no request was answered for a while. */
  z.object({ kind: z.literal('storage-slow') }),
  /** The store has a commit whole, and nothing came of its answer for a while. */
  z.object({ kind: z.literal('storage-committing') }),
  z.object({ kind: z.literal('storage-back') }),
  z.object({
    kind: z.literal('settled'),
    verdict: z.custom<Verdict>(isVerdict),
    logs: driveLogs,
  }),
  failureSchema,
]);
export type FromCopy = z.output<typeof fromCopySchema>;
export type CopyFailure = z.output<typeof failureSchema>;

/** The verdict comes from our own code through JSON; its outline is checked, its maker is `judge`. */
function isVerdict(value: unknown): boolean {
  const outline = z.object({
    outcome: z.enum(['Completed', 'CompletedMoreInfo']),
    copyStatus: z.string(),
    safeToRemove: z.boolean(),
    reasons: z.array(z.object({ code: z.string(), words: z.string() })),
    blobs: z.array(z.object({ name: z.string() })),
  });
  return outline.safeParse(value).success;
}
