import type { DriveStatus } from './copy-status.ts';
import type { Extent } from './plan.ts';

/** A note that belongs to a verdict, in words for people and a code for programs. */
export interface VerdictReason {
  readonly code:
    | 'all-verified'
    | 'bytes-missing'
    | 'bytes-unreadable'
    | 'size-differs'
    | 'digest-differs'
    | 'blocks-differ'
    | 'disk-was-written'
    | 'write-count-unknown'
    | 'ended-without-copy'
    | 'drive-refused'
    | 'file-failed'
    | 'files-missing'
    | 'files-renamed'
    | 'files-overwritten'
    | 'files-skipped'
    | 'entries-left-out'
    | 'disk-confirmed'
    | 'filesystem-damaged'
    | 'damage-unknown';
  readonly words: string;
}

/** The bytes of a blob that the disk did not give; they are zeros in the store. */
export interface UnreadableRanges {
  /** The first of them, in bytes of the blob; the rescue map has all. */
  readonly first: readonly Extent[];
  readonly count: number;
  /** Of the missing bytes, those that were not tried one sector at a time before time was up. */
  readonly untriedBytes: number;
}

/** What was computed from the disk and what the store answered after the commit, for one blob. */
export interface BlobEvidence {
  readonly name: string;
  readonly url: string;
  readonly plannedBytes: number;
  /** Bytes read from the disk without an error. */
  readonly readBytes: number;
  /** Empty when the blob was not read in order, because of bad places: its blocks vouch for it. */
  readonly computedMd5: string;
  /** Root of the hash tree over the SHA-256 of every block, 64 hex digits. */
  readonly treeDigest: string;
  readonly committed: {
    readonly lengthBytes: number;
    readonly md5: string | undefined;
    /** The store's committed block list is exactly the planned one. */
    readonly blocksAgree: boolean;
  };
  /** Present when the disk has bad places: what of the blob is zeros for that reason. */
  readonly unreadable?: UnreadableRanges;
}

export interface VerdictEvidence {
  readonly plannedBytes: number;
  readonly blobs: readonly BlobEvidence[];
  /** The copy began with a disk that held something else, and a person said that this one is right. */
  readonly isSecond?: boolean;
  /** Writes that the kernel counted on the disk since it was plugged in; `undefined`: not known. */
  readonly kernelWrites: number | undefined;
}

/**
 * The one verdict on a drive. State, API, console, log and certificate all render this object and
 * compute none of their own.
 */
export interface Verdict {
  readonly outcome: 'Completed' | 'CompletedMoreInfo';
  /** The word for it in the copy log; `copyStatusFor` says what the job API calls it. */
  readonly copyStatus: DriveStatus;
  /** Nothing on the disk is needed any more: everything planned is in the store, and agrees. */
  readonly safeToRemove: boolean;
  readonly reasons: readonly VerdictReason[];
  readonly plannedBytes: number;
  readonly verifiedBytes: number;
  readonly kernelWrites: number | null;
  readonly blobs: readonly BlobEvidence[];
  /** Only of a copy of files, which has no evidence for each blob but a log. */
  readonly files?: FilesSummary;
}

/** How the files of a drive ended: completed, with errors and skipped add up to planned. */
export interface FilesSummary {
  readonly planned: number;
  /** Written whole and read back; renamed and overwritten ones included. */
  readonly completed: number;
  readonly withErrors: number;
  /** Not written, because a blob was there and was to be left alone. */
  readonly skipped: number;
  readonly renamed: number;
  readonly overwritten: number;
}

/**
 * `Completed` means: every planned byte was read without error, every block carried a checksum that
 * the store verified (or it would not be in the list), and committed size, digest and block list were
 * read back and agree. Anything less is `CompletedMoreInfo` with its reasons.
 */
export function judge(evidence: VerdictEvidence): Verdict {
  const errors = evidence.blobs.flatMap(blobProblems);
  const covered = evidence.blobs.reduce((sum, blob) => sum + blob.plannedBytes, 0);
  if (covered !== evidence.plannedBytes) {
    const words = `The blobs cover ${covered} of ${evidence.plannedBytes} planned bytes.`;
    errors.push({ code: 'bytes-missing', words });
  }
  const second = evidence.isSecond === true ? [SECOND_DISK] : [];
  const warnings = [...second, ...writeNotes(evidence.kernelWrites)];
  const clean = errors.length === 0 && warnings.length === 0;
  const verified = evidence.blobs.filter((blob) =>
    blobProblems(blob).every(({ code }) => code === 'bytes-unreadable'),
  );
  return {
    outcome: clean ? 'Completed' : 'CompletedMoreInfo',
    copyStatus: statusWord(errors.length, warnings.length),
    safeToRemove: errors.length === 0,
    reasons: clean ? [allVerified(evidence)] : [...errors, ...warnings],
    plannedBytes: evidence.plannedBytes,
    verifiedBytes: verified.reduce((sum, blob) => sum + blob.readBytes, 0),
    kernelWrites: evidence.kernelWrites ?? null,
    blobs: evidence.blobs,
  };
}

export const SECOND_DISK: VerdictReason = {
  code: 'disk-confirmed',
  words:
    'The disk no longer held what it held when its copy began, and a person said that it is the right one: all of it was read anew.',
};

/**
 * The verdict on a drive that a person ended although it was not copied: nothing of it is promised.
 * `planned` are the blobs that it should have become, where that was known; each is a failing one.
 */
export function endedWithoutCopy(
  status: DriveStatus,
  words: string,
  planned: readonly PlannedBlob[] = [],
): Verdict {
  return {
    outcome: 'CompletedMoreInfo',
    copyStatus: status,
    safeToRemove: false,
    reasons: [{ code: 'ended-without-copy', words }],
    plannedBytes: planned.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
    verifiedBytes: 0,
    kernelWrites: null,
    blobs: planned.map(({ name, lengthBytes }) => ({
      ...{ name, url: '', plannedBytes: lengthBytes, readBytes: 0 },
      ...{ computedMd5: '', treeDigest: '' },
      committed: { lengthBytes: 0, md5: undefined, blocksAgree: false },
    })),
  };
}

interface StoredBytes {
  readonly stagedBytes: number;
  readonly verifiedBytes: number;
}

/** What becomes of the bytes that the store has of a copy that is ended before its time. */
export function leftBehindInWords({ stagedBytes, verifiedBytes }: StoredBytes): string {
  const lost = stagedBytes - verifiedBytes;
  const words: string[] = [];
  if (lost > 0) {
    words.push(
      `${lost} bytes that the store has of it are in no blob and are lost: it forgets them within a week.`,
    );
  }
  if (verifiedBytes > 0) words.push(`${verifiedBytes} bytes are in blobs that stay.`);
  return words.join(' ');
}

interface PlannedBlob {
  readonly name: string;
  readonly lengthBytes: number;
}

export function statusWord(errors: number, warnings: number): Verdict['copyStatus'] {
  if (errors > 0) return 'CompletedWithErrors';
  return warnings > 0 ? 'CompletedWithWarnings' : 'Completed';
}

function allVerified(evidence: VerdictEvidence): VerdictReason {
  const blobs = evidence.blobs.length === 1 ? '1 blob' : `${evidence.blobs.length} blobs`;
  const words = `All ${evidence.plannedBytes} bytes were read, stored in ${blobs} and read back with equal size, MD5 and block list; the kernel counted no write to the disk.`;
  return { code: 'all-verified', words };
}

/**
 * What is wrong with one blob; nothing when every byte of it is verified. The verdict is made of these,
 * and the copy log says of a blob what they say.
 */
export function blobProblems(blob: BlobEvidence): VerdictReason[] {
  const found: VerdictReason[] = [];
  const add = (code: VerdictReason['code'], words: string) => found.push({ code, words });
  const { plannedBytes, readBytes, committed } = blob;
  if (blob.unreadable !== undefined && readBytes !== plannedBytes) {
    add('bytes-unreadable', unreadableWords(blob, blob.unreadable));
  } else if (readBytes !== plannedBytes) {
    add('bytes-missing', `${blob.name}: ${readBytes} of ${plannedBytes} bytes could be read.`);
  }
  if (committed.lengthBytes !== plannedBytes) {
    add(
      'size-differs',
      `${blob.name}: the store holds ${committed.lengthBytes} bytes, the plan has ${plannedBytes}.`,
    );
  }
  if ((committed.md5 ?? '') !== blob.computedMd5) {
    const theirs = committed.md5 ?? 'no MD5 at all';
    add('digest-differs', `${blob.name}: the store says ${theirs}, the disk ${blob.computedMd5}.`);
  }
  if (!committed.blocksAgree) {
    add('blocks-differ', `${blob.name}: the committed block list is not the one that was staged.`);
  }
  return found;
}

function unreadableWords(
  { name, plannedBytes, readBytes }: BlobEvidence,
  { first, count, untriedBytes }: UnreadableRanges,
): string {
  const places = first.map(
    ({ offsetBytes, lengthBytes }) => `${offsetBytes}-${offsetBytes + lengthBytes - 1}`,
  );
  const more = count > first.length ? ` and ${count - first.length} more` : '';
  const untried =
    untriedBytes === 0
      ? ''
      : ` The time for bad places was used up before ${untriedBytes} of them were tried one by one.`;
  const where = places.length === 0 ? '' : ` (bytes ${places.join(', ')}${more})`;
  return `${name}: ${plannedBytes - readBytes} bytes could not be read and are zeros in the store${where}.${untried} All others are stored and verified. Keep the disk: nothing else has these bytes.`;
}

export function writeNotes(kernelWrites: number | undefined): VerdictReason[] {
  if (kernelWrites === 0) return [];
  if (kernelWrites === undefined) {
    const words = 'The kernel’s write counter of the disk could not be read.';
    return [{ code: 'write-count-unknown', words }];
  }
  const words = `The kernel counted ${kernelWrites} writes to the disk while it was plugged in.`;
  return [{ code: 'disk-was-written', words }];
}

/** Where a drive's copy logs are; beside the verdict, because the logs tell it and are no part of it. */
export interface DriveLogs {
  /** URLs without any credential. */
  readonly errorLogUri?: string;
  readonly verboseLogUri?: string;
  /** The backup of the drive's manifest, when the job asks for one. */
  readonly manifestUri?: string;
  /** A table of which file became which blob; of a tree. */
  readonly fileListUri?: string;
  /** The map of the disk's bad places, for GNU ddrescue; only when it has any. */
  readonly rescueMapUri?: string;
  /** Why a log is missing that should be there, in words. */
  readonly problem?: string;
}
