import { blockOfFile, keyOf } from '../../../src/blobs/directory-layout.ts';
import { decodeBlockId } from '../../../src/domain/block-id.ts';
import { BLOCK_BYTES, blobNameOf } from '../disks.ts';
import type { Moment, Restart } from './restart.ts';
import type { CrashState } from './states.ts';

/** What must be true of a drive's copy at the moment of a crash, and after the restart from it. */
export interface Promised {
  readonly job: string;
  readonly serial: string;
  /** SHA-256 of what the blob must hold. */
  readonly digest: string;
  /** The event that brings the verdict. */
  readonly ending: 'copy-verified' | 'copy-ended-with-notes';
  /** After so many operations the job was acknowledged, and after so many its end was seen. */
  readonly acknowledgedAt: number;
  readonly settledAt: number;
}

/** What was promised and is not so, in words. */
export function brokenPromises(
  restart: Restart,
  { length }: CrashState,
  promised: Promised,
): string[] {
  const { before, after, knewJob, left, warnings } = restart;
  const broken = [
    ...brokenAt(before, promised).map((words) => `when it crashed, ${words}`),
    ...brokenAt(after, promised).map((words) => `after the restart, ${words}`),
    ...doneAgain(restart, promised),
    ...left.map((path) => `${path} is left behind`),
    ...warnings.map((words) => `the log warns: ${words}`),
  ];
  if (!knewJob && length > promised.acknowledgedAt) broken.push('an acknowledged job is lost');
  if (!hasEnded(before, promised) && length > promised.settledAt) {
    broken.push('an end that was shown is lost');
  }
  if (knewJob && !hasEnded(after, promised)) broken.push('the drive did not end as it should');
  return broken;
}

function hasEnded({ ledger }: Moment, { ending }: Promised): boolean {
  return ledger.events.some(({ type }) => type === ending);
}

function keyOfBlob({ job, serial }: Promised): string {
  return keyOf(blobNameOf(job, serial));
}

function brokenAt(moment: Moment, promised: Promised): string[] {
  const { ledger, store } = moment;
  const blob = store.blobs.get(keyOfBlob(promised));
  const broken = ledger.illegalMoves.map((move) => `the ledger moved ${move}`);
  if (ledger.firstBrokenEvent !== undefined) {
    broken.push(`the event log is broken at ${ledger.firstBrokenEvent}`);
  }
  if (store.damagedBlocks.length > 0) broken.push(`damaged blocks: ${store.damagedBlocks}`);
  if (blob !== undefined && blob !== promised.digest)
    broken.push('the blob is not what it must be');
  if (blob === undefined && hasEnded(moment, promised)) broken.push('the drive is done, no blob');
  return broken;
}

/**
 * A block that the store had, whole, is never put there again, and a blob neither; but one with missing
 * bytes is, of which the journal had not heard: nothing on the disk proves it, and what was read is kept.
 */
function doneAgain({ before, stored }: Restart, promised: Promised): string[] {
  if (before.store.blobs.has(keyOfBlob(promised))) {
    return stored.map((name) => `${name} was stored though the blob was there`);
  }
  const isUnheard = (name: string) => {
    const block = decodeBlockId(blockOfFile(name) ?? '');
    const isPartial = block !== undefined && (block.unreadableBytes ?? 0) > 0;
    return isPartial && before.kept.has(block.index * BLOCK_BYTES);
  };
  const again = stored.filter((name) => before.store.wholeBlocks.has(name) && !isUnheard(name));
  return again.map((name) => `block ${name} was stored again`);
}
