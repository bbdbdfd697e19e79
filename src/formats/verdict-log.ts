import { type BlobEvidence, blobProblems, type Verdict } from '../domain/verdict.ts';
import type { BlobStatus, DriveLog, LogBlob, LogBlock, Many, RangeStatus } from './drive-log.ts';

/** A block of a blob as the copy knows it. */
export interface CopiedBlock {
  /** In bytes from the beginning of the blob. */
  readonly offset: number;
  readonly length: number;
  /** As the store lists it; absent when the store's list does not have it. */
  readonly id?: string;
  /** 32 hex digits; absent when the block came from the store without the journal that knew it. */
  readonly md5?: string;
  /** The disk did not give all of its bytes. */
  readonly isPartial?: boolean;
}

export interface LogSources {
  readonly driveId: string;
  /** The container that holds the drive's blobs. */
  readonly container: string;
  /** Asked for each blob each time the log is gone through. */
  blocksOf(blob: BlobEvidence): Many<CopiedBlock>;
}

/**
 * The verbose log of an image copy. It judges nothing: the drive's status is the verdict's word, and a
 * blob's is what `blobProblems`, of which the verdict is made, finds in the same evidence. It can be
 * gone through more than once, for the error log and for the verbose one.
 *
 * An image has no file on the drive, while the grammar wants a `FilePath`: it is the image's own name,
 * `\SERIAL.img` or, for a segment, `\SERIAL.img.000`, and the blocks' offsets are offsets in that.
 * The disposition is `no-overwrite` and `Created`, because a copy never replaces a blob.
 */
export function driveLogOf(verdict: Verdict, sources: LogSources): DriveLog {
  const blobs = { [Symbol.asyncIterator]: () => blobsOf(verdict, sources) };
  return { driveId: sources.driveId, blobs, status: () => verdict.copyStatus };
}

async function* blobsOf(verdict: Verdict, sources: LogSources): AsyncGenerator<LogBlob> {
  for (const blob of verdict.blobs) {
    const { status, blocks } = statusesOf(blob);
    const list = { [Symbol.asyncIterator]: () => blocksOf(blob, blocks, sources) };
    yield {
      status,
      blobPath: `${sources.container}/${blob.name}`,
      filePath: `\\${blob.name.slice(blob.name.lastIndexOf('/') + 1)}`,
      length: blob.plannedBytes,
      disposition: { value: 'no-overwrite', status: 'Created' },
      ranges: { kind: 'blocks', list },
    };
  }
}

async function* blocksOf(
  blob: BlobEvidence,
  status: RangeStatus,
  sources: LogSources,
): AsyncGenerator<LogBlock> {
  for await (const { offset, length, id, md5, isPartial = false } of sources.blocksOf(blob)) {
    yield {
      offset,
      length,
      ...(id === undefined ? {} : { id }),
      ...(md5 === undefined ? {} : { hash: md5.toUpperCase() }),
      status: isPartial && status === 'Completed' ? 'IOFailed' : status,
    };
  }
}

/**
 * Blocks with unreadable bytes are known one by one. All other evidence is about a whole blob. Where
 * nobody knows which block is wrong, all of them count as failed: a repair that does too much does no
 * harm, one that does too little does.
 */
function statusesOf(blob: BlobEvidence): { status: BlobStatus; blocks: RangeStatus } {
  const codes = blobProblems(blob).map((problem) => problem.code);
  if (codes.length === 0) return { status: 'Completed', blocks: 'Completed' };
  const ofAll = codes.filter((code) => code !== 'bytes-unreadable');
  return { status: 'CompletedWithErrors', blocks: failedAs(ofAll) };
}

function failedAs(codes: readonly string[]): RangeStatus {
  if (codes.length === 0) return 'Completed';
  if (codes.includes('bytes-missing')) return 'IOFailed';
  return codes.includes('blocks-differ') ? 'Uncommitted' : 'Failed';
}
