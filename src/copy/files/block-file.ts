import { createHash } from 'node:crypto';
import { clearName } from '../../blobs/clear-name.ts';
import type { BlobProperties } from '../../blobs/contract.ts';
import { blobRefusal } from '../../blobs/refusals.ts';
import { isStationError } from '../../errors.ts';
import type { RangeStatus } from '../../formats/drive-log.ts';
import { RANGES_IN_FLIGHT } from '../../limits.ts';
import type { FileCopy } from './context.ts';
import { type Ended, endOf } from './ending.ts';
import { type GoodRange, goodRanges } from './good-ranges.ts';
import { eachInFlight } from './in-flight.ts';
import type { HeldRange, Intent } from './journal.ts';
import {
  conditionOf,
  type Expected,
  headersOf,
  isAsIntended,
  isOwn,
  readBack,
  wantedMd5,
} from './new-blob.ts';
import { intentOf, type Place, placeBlob, replaces } from './place.ts';
import { type Checked, checkRanges, isWhole } from './read-range.ts';

/** Times that a file is committed of which the store has lost blocks in between. */
const COMMIT_TRIES = 3;

/** What became of the ranges of a file under one name. */
interface Written extends Checked {
  /** Absent when nothing was committed. */
  readonly etag?: string;
}

/**
 * Copies a file as staged blocks and a commit: one that does not lie in a buffer, or of which not every
 * range is good. The good blocks are committed by themselves where nothing is in their way, so that a
 * tool that repairs the job can add the missing ones.
 */
export async function copyBlocks(copy: FileCopy, signal: AbortSignal): Promise<Ended> {
  const { item, container, context } = copy;
  let checked: Checked | undefined;
  const isOurs = async (found: BlobProperties, intent: Intent) => {
    checked ??= await checkRanges(checkParts(copy), signal);
    return isOwn(copy, { found, intent, expected: expectedOf(copy, checked) });
  };
  const write = (place: Place) => writeBlocks(copy, place, signal);
  const wasOurs = (found: BlobProperties, intent: Intent) => isAsIntended(copy, found, intent);
  const order = { item, container, context, looksFirst: true, isOurs, wasOurs, write };
  const placed = await placeBlob(order, signal);
  if (placed.kind === 'skipped' || placed.kind === 'rename-failed') return endOf(copy, placed);
  const written = placed.kind === 'written' ? placed.value : checked;
  if (written === undefined) return endOf(copy, { kind: 'rename-failed' });
  const { place } = placed;
  const { statuses } = written;
  if (placed.kind === 'written' && placed.value.etag === undefined) {
    return endOf(copy, { kind: 'kept-out', place, statuses });
  }
  if (placed.kind === 'ours') for (const { length } of item.ranges) copy.onSafe(length);
  const { etag } = placed.kind === 'written' ? placed.value : (place.found ?? {});
  const expected = expectedOf(copy, written);
  const problem = await readBack(copy, { name: place.name, expected, etag }, signal);
  return endOf(copy, { kind: 'written', place, statuses, problem, etag });
}

function expectedOf(copy: FileCopy, { lengthBytes, md5 }: Checked): Expected {
  return { type: 'block', lengthBytes, contentMd5: wantedMd5(copy) ?? md5 };
}

function checkParts({ file, item, context }: FileCopy) {
  const borrow = context.buffers.borrow.bind(context.buffers);
  return { file, ranges: item.ranges, borrow };
}

async function writeBlocks(copy: FileCopy, place: Place, signal: AbortSignal): Promise<Written> {
  let at = place;
  if (place.found !== undefined && place.found.type !== 'block') {
    // Blocks can only be staged once it is gone: it goes for a whole file, or not at all.
    const whole = await checkRanges(checkParts(copy), signal);
    if (!isWhole(whole.statuses)) return whole;
    at = await cleared(copy, place, signal);
  }
  for (let tries = 1; ; tries++) {
    const staged = await stageRanges(copy, at, signal);
    if (replaces(at) && !isWhole(staged.statuses)) return staged;
    try {
      return { ...staged, etag: await commit(copy, { place: at, staged }, signal) };
    } catch (error) {
      const mayBeLost = isStationError(error, 'storage-rejected') && tries < COMMIT_TRIES;
      if (!mayBeLost || !(await lacksBlocks(copy, { place: at, staged }, signal))) throw error;
    }
  }
}

/** Removes what was found and nothing else; throws `destination-exists` when there is another blob by now. */
async function cleared(copy: FileCopy, place: Place, signal: AbortSignal): Promise<Place> {
  const { item, container, context } = copy;
  const { found, ...empty } = place;
  const { name } = place;
  await context.journal.intend(item, place, context.now());
  try {
    if (found !== undefined) await container.remove({ name, etag: found.etag }, signal);
    await clearName(container, { name, condition: 'must-not-exist' }, signal);
  } catch (error) {
    if (!isStationError(error, 'blob-changed')) throw error;
    throw blobRefusal('destination-exists', name, error);
  }
  return { ...empty, isGone: true };
}

interface ToCommit {
  readonly place: Place;
  readonly staged: Checked;
}

/** Gives the etag of the blob. */
async function commit(
  copy: FileCopy,
  { place, staged }: ToCommit,
  signal: AbortSignal,
): Promise<string> {
  const { item, container, context } = copy;
  const wanted = wantedMd5(copy);
  await context.landmarks.cleared();
  await context.journal.intend(item, intentOf(place, wanted ?? staged.md5), context.now());
  const { etag } = await container.commit(
    {
      ...{ name: place.name, blocks: blockIdsOf(copy, staged), md5: staged.md5 },
      ...{ condition: conditionOf(place), ...headersOf(copy) },
      ...(wanted === undefined ? {} : { contentMd5: wanted }),
    },
    signal,
  );
  return etag;
}

/** A store forgets what is staged when a week has gone by, or somebody deletes the container. */
async function lacksBlocks(
  copy: FileCopy,
  { place, staged }: ToCommit,
  signal: AbortSignal,
): Promise<boolean> {
  const { uncommitted } = await copy.container.listBlocks(place.name, signal);
  const listed = new Set(uncommitted.map(({ id }) => id));
  return blockIdsOf(copy, staged).some((id) => !listed.has(id));
}

/** Of the good ranges. */
function blockIdsOf(copy: FileCopy, { statuses }: Checked): string[] {
  return copy.item.ranges.flatMap((_range, index) =>
    statuses[index] === 'Completed' ? [blockIdOf(copy, index)] : [],
  );
}

async function stageRanges(copy: FileCopy, place: Place, signal: AbortSignal): Promise<Checked> {
  const { item, context, container } = copy;
  const held = await heldBlocks(copy, place, signal);
  const whole = createHash('md5');
  const statuses: RangeStatus[] = [];
  const refused = new Set<number>();
  let lengthBytes = 0;
  const onGood = (bytes: Buffer) => {
    whole.update(bytes);
    lengthBytes += bytes.length;
  };
  const work = async ({ index, buffer, md5 }: GoodRange, live: AbortSignal) => {
    const id = blockIdOf(copy, index);
    const staged = { attempt: place.attempt, range: index, md5 };
    try {
      await context.journal.staging(item, staged);
      await container.stageBlock({ name: place.name, id, body: buffer.bytes, md5 }, live);
    } catch (error) {
      if (!isStationError(error, 'storage-rejected')) throw error;
      refused.add(index);
      return;
    } finally {
      buffer[Symbol.dispose]();
    }
    await context.journal.staged(item, staged);
    copy.onSafe(buffer.bytes.length);
  };
  const ranges = goodRanges(copy, { held, statuses, onGood }, signal);
  await eachInFlight(ranges, { max: RANGES_IN_FLIGHT, work }, signal);
  if (refused.size === 0) return { statuses, md5: whole.digest('hex'), lengthBytes };
  return await checkRanges({ ...checkParts(copy), without: refused }, signal);
}

/** Ranges of which an earlier attempt's journal says that they are staged, and the store as well. */
async function heldBlocks(
  copy: FileCopy,
  place: Place,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, HeldRange>> {
  const { name, attempt } = place;
  const { item, container, context } = copy;
  const { uncommitted } = await container.listBlocks(name, signal);
  const idLength = item.ranges.length === 0 ? 0 : blockIdOf(copy, 0).length;
  if (uncommitted.some(({ id }) => id.length !== idLength)) {
    if (!replaces(place)) await clearName(container, { name, condition: 'must-not-exist' }, signal);
    return new Map();
  }
  const journaled =
    context.journal.begun(item)?.staged.get(attempt) ?? new Map<number, HeldRange>();
  const listed = new Map(uncommitted.map(({ id, lengthBytes }) => [id, lengthBytes]));
  const isHeld = ([index]: readonly [number, HeldRange]) =>
    listed.get(blockIdOf(copy, index)) === item.ranges[index]?.length;
  return new Map([...journaled].filter(isHeld));
}

/** As the manifest has it; else of this copy and the block's place, so that no other copy has it. */
function blockIdOf({ item, context }: FileCopy, index: number): string {
  const given = item.ranges[index]?.id;
  if (given !== undefined) return given;
  const bytes = Buffer.alloc(12);
  bytes.write(context.nonce, 'hex');
  bytes.writeUInt32BE(index, 8);
  return bytes.toString('base64');
}
