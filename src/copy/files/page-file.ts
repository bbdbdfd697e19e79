import { randomInt } from 'node:crypto';
import type { BlobProperties } from '../../blobs/contract.ts';
import { allPageRanges } from '../../blobs/listing.ts';
import { isStationError } from '../../errors.ts';
import type { RangeStatus } from '../../formats/drive-log.ts';
import { RANGES_IN_FLIGHT } from '../../limits.ts';
import type { FileCopy } from './context.ts';
import { type Ended, endOf } from './ending.ts';
import { type GoodRange, goodRanges } from './good-ranges.ts';
import { eachInFlight } from './in-flight.ts';
import type { HeldRange, Intent } from './journal.ts';
import { conditionOf, type Expected, headersOf, readBack, wantedMd5 } from './new-blob.ts';
import { type Place, placeBlob, replaces } from './place.ts';
import { type Checked, checkRanges, isWhole } from './read-range.ts';

/** Marks are below this, the most that is drawn at once: few enough for a number, and too many to meet. */
const MARKS = 2 ** 48 - 1;

/**
 * Copies a file as a page blob: made empty under its condition, then written range by range. A blob
 * that is there goes only for a file that was read and found whole before.
 *
 * The bytes go into a blob that is there for hours, and whose etag is another after each of them. So
 * it is made with a sequence number that nobody else has, its mark, and each write demands that the blob
 * has it: a blob that somebody else puts in its place is neither taken for ours nor written into, however
 * alike it is. `unmark` takes the mark off it when the file has ended.
 */
export async function copyPages(copy: FileCopy, signal: AbortSignal): Promise<Ended> {
  const { item, container, context } = copy;
  const isOurs = async ({ sequenceNumber }: BlobProperties, { mark }: Intent) =>
    mark !== undefined && sequenceNumber === mark;
  const write = (place: Place) => createPages(copy, place, signal);
  const order = { item, container, context, looksFirst: true, isOurs, write };
  const placed = await placeBlob(order, signal);
  if (placed.kind === 'skipped' || placed.kind === 'rename-failed') return endOf(copy, placed);
  if (placed.kind === 'written' && placed.value !== undefined) {
    const { place, value } = placed;
    return endOf(copy, { kind: 'kept-out', place, statuses: value.statuses });
  }
  return await writePages(copy, placed.place, signal);
}

function expectedOf(copy: FileCopy, sequenceNumber: number): Expected {
  const contentMd5 = wantedMd5(copy);
  const digest = contentMd5 === undefined ? {} : { contentMd5 };
  return { type: 'page', lengthBytes: copy.item.lengthBytes, ...digest, sequenceNumber };
}

/** The mark under a name; drawn once, so that a request that comes late makes our blob and no other. */
function markOf({ item, context }: FileCopy, { attempt }: Place): number {
  const intent = context.journal.begun(item)?.intent;
  const mark = intent?.attempt === attempt ? intent.mark : undefined;
  return mark ?? randomInt(1, MARKS);
}

/** Gives what is wrong with the file when it may not replace what is there. */
async function createPages(
  copy: FileCopy,
  place: Place,
  signal: AbortSignal,
): Promise<Checked | undefined> {
  const { item, file, container, context } = copy;
  if (replaces(place)) {
    const borrow = context.buffers.borrow.bind(context.buffers);
    const checked = await checkRanges({ file, ranges: item.ranges, borrow }, signal);
    if (!isWhole(checked.statuses)) return checked;
  }
  const mark = markOf(copy, place);
  await context.journal.intend(item, { ...place, mark }, context.now());
  const { name } = place;
  const { type: _page, ...expected } = expectedOf(copy, mark);
  const condition = conditionOf(place);
  await container.createPages({ name, condition, ...headersOf(copy), ...expected }, signal);
  return undefined;
}

async function writePages(copy: FileCopy, place: Place, signal: AbortSignal): Promise<Ended> {
  const { item, container, context } = copy;
  const { name, attempt } = place;
  const sequenceNumber = markOf(copy, place);
  const held = await heldRanges(copy, place, signal);
  const statuses: RangeStatus[] = [];
  const work = async ({ index, buffer, md5 }: GoodRange, live: AbortSignal) => {
    const offsetBytes = item.ranges[index]?.offset ?? 0;
    const staged = { attempt, range: index, md5 };
    try {
      await context.journal.staging(item, staged);
      const pages = { name, offsetBytes, body: buffer.bytes, md5, sequenceNumber };
      await container.writePages(pages, live);
    } catch (error) {
      if (!isStationError(error, 'storage-rejected')) throw error;
      statuses[index] = 'BlobRequestFailed';
      return;
    } finally {
      buffer[Symbol.dispose]();
    }
    await context.journal.staged(item, staged);
    copy.onSafe(buffer.bytes.length);
  };
  const ranges = goodRanges(copy, { held, statuses }, signal);
  await eachInFlight(ranges, { max: RANGES_IN_FLIGHT, work }, signal);
  const problem = await readBack(
    copy,
    { name, expected: expectedOf(copy, sequenceNumber) },
    signal,
  );
  return endOf(copy, { kind: 'written', place, statuses, problem });
}

/** Ranges of which the journal says that they are written, and the store as well. */
async function heldRanges(
  { item, container, context }: FileCopy,
  { name, attempt }: Place,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, HeldRange>> {
  const journaled = context.journal.begun(item)?.staged.get(attempt);
  const held = new Map<number, HeldRange>();
  if (journaled === undefined) return held;
  let index = 0;
  for await (const written of allPageRanges(container, name, signal)) {
    const end = written.offsetBytes + written.lengthBytes;
    for (; index < item.ranges.length; index++) {
      const range = item.ranges[index];
      if (range === undefined || range.offset + range.length > end) break;
      const known = range.offset >= written.offsetBytes ? journaled.get(index) : undefined;
      if (known !== undefined) held.set(index, known);
    }
  }
  return held;
}
