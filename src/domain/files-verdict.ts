import type { DriveStatus } from './copy-status.ts';
import { sentence } from './sentence.ts';
import {
  type FilesSummary,
  SECOND_DISK,
  statusWord,
  type Verdict,
  type VerdictReason,
  writeNotes,
} from './verdict.ts';

/** What is known of damage in a filesystem: folders can then have been listed without all that is in them. */
export interface FilesystemDamage {
  /** What the kernel said of it, the first of it. */
  readonly said: readonly string[];
  /** Why there can be damage that nobody was told of, as a sentence; absent where it would be known. */
  readonly unknown?: string;
}

export interface FilesEvidence {
  readonly plannedBytes: number;
  /** Bytes of blobs that were read back. */
  readonly verifiedBytes: number;
  readonly files: FilesSummary;
  /** Whether hashes came with the files, as in a manifest; nobody promised anything of a tree. */
  readonly isPromised: boolean;
  /** The copy began with a disk that held something else, and a person said that this one is right. */
  readonly isSecond: boolean;
  /** The first files that ended with errors, in words. */
  readonly failures: readonly string[];
  /** Things on the drive that are no files, such as links. */
  readonly leftOut: number;
  readonly damage: FilesystemDamage;
  /** What was found about the volume that the customer should know. */
  readonly notes: readonly string[];
  readonly kernelWrites: number | undefined;
}

/**
 * `Completed` means: every planned file was read whole, matched every hash that was promised of it,
 * became a blob under its own name, and that blob was read back; and that the filesystem, by which the
 * files are known, reported no damage and could have done so. A blob that was renamed, replaced or left
 * alone as its disposition asks is a warning; anything else is an error.
 */
export function judgeFiles(evidence: FilesEvidence): Verdict {
  const errors = errorsIn(evidence);
  const warnings = [
    ...warningsIn(evidence),
    ...damageUnknown(evidence.damage),
    ...writeNotes(evidence.kernelWrites),
  ];
  const clean = errors.length === 0 && warnings.length === 0;
  return {
    outcome: clean ? 'Completed' : 'CompletedMoreInfo',
    copyStatus: statusWord(errors.length, warnings.length),
    safeToRemove: errors.length === 0,
    reasons: clean ? [allVerified(evidence)] : [...errors, ...warnings],
    plannedBytes: evidence.plannedBytes,
    verifiedBytes: evidence.verifiedBytes,
    kernelWrites: evidence.kernelWrites ?? null,
    blobs: [],
    files: evidence.files,
  };
}

/** The verdict on a drive that cannot be copied as it is; `words` are for its customer. */
export function refusedDrive(
  { status, words }: { readonly status: DriveStatus; readonly words: string },
  kernelWrites: number | undefined,
): Verdict {
  return {
    outcome: 'CompletedMoreInfo',
    copyStatus: status,
    safeToRemove: false,
    reasons: [{ code: 'drive-refused', words: sentence(words) }, ...writeNotes(kernelWrites)],
    plannedBytes: 0,
    verifiedBytes: 0,
    kernelWrites: kernelWrites ?? null,
    blobs: [],
  };
}

function errorsIn({ files, failures, damage }: FilesEvidence): VerdictReason[] {
  const reasons: VerdictReason[] = failures.map((words) => ({
    code: 'file-failed',
    words: words.endsWith('.') ? words : `${words}.`,
  }));
  const more = files.withErrors - failures.length;
  if (more > 0) {
    const words = `${more} more files ended with errors; the copy log names them all.`;
    reasons.push({ code: 'file-failed', words });
  }
  const ended = files.completed + files.withErrors + files.skipped;
  if (ended !== files.planned) {
    const words = `${ended} of ${files.planned} planned files have an end.`;
    reasons.push({ code: 'files-missing', words });
  }
  if (damage.said.length > 0) reasons.push(damaged(damage.said));
  return reasons;
}

/** Nobody can count what a damaged folder does not list. */
function damaged(said: readonly string[]): VerdictReason {
  const words = `The drive’s filesystem reported damage while it was read: folders may be incomplete, and files can be missing that nobody names (the kernel: ${said.join('; ')}). Compare the list of files with what should be there, and keep the disk.`;
  return { code: 'filesystem-damaged', words };
}

/** Not Completed, as a disk whose write counter nobody could read is not: nothing was seen to be wrong. */
function damageUnknown({ said, unknown }: FilesystemDamage): VerdictReason[] {
  if (said.length > 0 || unknown === undefined) return [];
  const words = `Whether every folder was listed to its end is not known: ${unknown} Compare the list of files with what should be there.`;
  return [{ code: 'damage-unknown', words }];
}

function warningsIn({ files, leftOut, isSecond }: FilesEvidence): VerdictReason[] {
  const second = isSecond ? [SECOND_DISK] : [];
  const counted = [
    ['files-renamed', files.renamed, 'renamed, because their names were taken'],
    ['files-overwritten', files.overwritten, 'written over blobs that were there'],
    ['files-skipped', files.skipped, 'not copied, because blobs were there that were to stay'],
    ['entries-left-out', leftOut, 'left out: links and special files are not followed'],
  ] as const;
  const told = counted.flatMap(([code, count, words]) =>
    count === 0 ? [] : [{ code, words: `${count} of the drive’s files were ${words}.` }],
  );
  return [...second, ...told];
}

function allVerified({ plannedBytes, files, isPromised, notes }: FilesEvidence): VerdictReason {
  const count = files.planned === 1 ? '1 file' : `${files.planned} files`;
  const reads = isPromised
    ? 'were read, agreed with what was promised of them, and were stored and read back'
    : 'were read, stored, and read back with equal size and MD5; no hash came with the drive to compare them with';
  const words = `All ${count} with ${plannedBytes} bytes ${reads}; the kernel counted no write to the disk.`;
  return { code: 'all-verified', words: [words, ...notes.map(sentence)].join(' ') };
}
