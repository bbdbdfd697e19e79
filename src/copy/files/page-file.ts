import { lookFor } from '../../blobs/clear-name.ts';
import type { BlobProperties } from '../../blobs/contract.ts';
import { allPageRanges } from '../../blobs/listing.ts';
import { isStationError } from '../../errors.ts';
import type { RangeStatus } from '../../formats/drive-log.ts';
import { RANGES_IN_FLIGHT } from '../../limits.ts';
import type { FileCopy } from './context.ts';
import { type Ended, endOf } from './ending.ts';
import { type GoodRange, goodRanges } from './good-ranges.ts';
import { eachInFlight } from './in-flight.ts';
import type { Intent } from './journal.ts';
import { conditionOf, type Expected, headersOf, isOwn, readBack, wantedMd5 } from './new-blob.ts';
import { nameAt } from './outcome.ts';
import { type Place, placeBlob, replaces } from './place.ts';
import { type Checked, checkRanges, isWhole } from './read-range.ts';

/**
 * Copies a file as a page blob: made empty under its condition, then written range by range. A blob
 * that is there goes only for a file that was read and found whole before.
 */
export async function copyPages(copy: FileCopy, signal: AbortSignal): Promise<Ended> {
  const own = await madeBefore(copy, signal);
  if (own !== undefined) return await writePages(copy, own, signal);
  const { item, container, context } = copy;
  const expected = expectedOf(copy);
  const isOurs = async (found: BlobProperties, intent: Intent) =>
    isOwn(copy, { found, intent, expected });
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

function expectedOf(copy: FileCopy): Expected {
  const contentMd5 = wantedMd5(copy);
  const digest = contentMd5 === undefined ? {} : { contentMd5 };
  return { type: 'page', lengthBytes: copy.item.lengthBytes, ...digest };
}

/** The page blob that an earlier attempt made and wrote into. */
async function madeBefore(copy: FileCopy, signal: AbortSignal): Promise<Place | undefined> {
  const { item, container, context } = copy;
  const made = context.journal.begun(item)?.made;
  if (made === undefined) return undefined;
  const name = nameAt(item, made.attempt);
  const found = await lookFor(container, name, signal);
  const isThere = found?.type === 'page' && found.lengthBytes === item.lengthBytes;
  return isThere ? { ...made, name } : undefined;
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
  await context.journal.intend(item, place, context.now());
  const { name } = place;
  const { lengthBytes, contentMd5 } = expectedOf(copy);
  const digest = contentMd5 === undefined ? {} : { contentMd5 };
  const condition = conditionOf(place);
  const blob = { name, condition, lengthBytes, ...headersOf(copy), ...digest } as const;
  await container.createPages(blob, signal);
  await context.journal.made(item, place);
  return undefined;
}

async function writePages(copy: FileCopy, place: Place, signal: AbortSignal): Promise<Ended> {
  const { item, container, context } = copy;
  const { name, attempt } = place;
  const held = await heldRanges(copy, place, signal);
  const statuses: RangeStatus[] = [];
  const work = async ({ index, buffer, md5 }: GoodRange, live: AbortSignal) => {
    const offsetBytes = item.ranges[index]?.offset ?? 0;
    try {
      await container.writePages({ name, offsetBytes, body: buffer.bytes, md5 }, live);
    } catch (error) {
      if (!isStationError(error, 'storage-rejected')) throw error;
      statuses[index] = 'BlobRequestFailed';
      return;
    } finally {
      buffer[Symbol.dispose]();
    }
    await context.journal.staged(item, attempt, index);
    copy.onSafe(buffer.bytes.length);
  };
  const ranges = goodRanges(copy, { held, statuses }, signal);
  await eachInFlight(ranges, { max: RANGES_IN_FLIGHT, work }, signal);
  const problem = await readBack(copy, { name, expected: expectedOf(copy) }, signal);
  return endOf(copy, { kind: 'written', place, statuses, problem });
}

/** Ranges of which the journal says that they are written, and the store as well. */
async function heldRanges(
  { item, container, context }: FileCopy,
  { name, attempt }: Place,
  signal: AbortSignal,
): Promise<ReadonlySet<number>> {
  const journaled = context.journal.begun(item)?.staged.get(attempt);
  if (journaled === undefined) return new Set();
  const held = new Set<number>();
  let index = 0;
  for await (const written of allPageRanges(container, name, signal)) {
    const end = written.offsetBytes + written.lengthBytes;
    for (; index < item.ranges.length; index++) {
      const range = item.ranges[index];
      if (range === undefined || range.offset + range.length > end) break;
      if (range.offset >= written.offsetBytes && journaled.has(index)) held.add(index);
    }
  }
  return held;
}
