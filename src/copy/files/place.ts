import { clearName, lookFor } from '../../blobs/clear-name.ts';
import type { BlobContainer, BlobProperties } from '../../blobs/contract.ts';
import type { BlobName } from '../../domain/blob-name.ts';
import type { FileItem } from '../../domain/file-item.ts';
import type { DispositionStatus } from '../../domain/import-disposition.ts';
import { isStationError, StationError } from '../../errors.ts';
import { PLAN_LIMITS, RENAMES_MAX } from '../../limits.ts';
import type { FilesContext } from './context.ts';
import type { Intent, KnownTarget, Target } from './journal.ts';
import { nameAt } from './outcome.ts';

/** Where a blob is to be written, and what is there. */
export interface Place extends Target {
  readonly name: BlobName;
  /** What is there, when that was looked at. */
  readonly found?: BlobProperties;
  /** What is there is our own, of an earlier attempt that got less of the file. */
  readonly isOutdated?: true;
  /** What was to be replaced is gone: by our doing, for all we know. */
  readonly isGone?: true;
}

/** The file's own name, if nothing is there. */
const firstPlace = ({ name }: FileItem): Place => ({ attempt: 1, replace: false, name });

/** Whether what is there may be replaced. */
export function replaces({ replace, isOutdated, isGone }: Place): boolean {
  return isOutdated === true || (replace && isGone !== true);
}

export interface Placing<T> {
  readonly item: FileItem;
  readonly container: BlobContainer;
  readonly context: FilesContext;
  /** Whether to look what is there before writing: worth a request for all but small files. */
  readonly looksFirst: boolean;
  /** Whether a blob is the one that an earlier attempt was about to write. */
  isOurs(found: BlobProperties, intent: Intent): Promise<boolean>;
  /** Whether it is at least the one that was intended then, of whatever was read then. */
  wasOurs?(found: BlobProperties, intent: Intent): boolean;
  /** Throws `destination-exists` for a place that was free a moment ago. */
  write(place: Place): Promise<T>;
}

export type Placed<T> =
  | { readonly kind: 'written'; readonly place: Place; readonly value: T }
  /** It was there already, and an earlier attempt of this copy has written it. */
  | { readonly kind: 'ours'; readonly place: Place }
  | { readonly kind: 'skipped' }
  | { readonly kind: 'rename-failed' };

/** Times that a name may be told as taken while nothing is found under it. */
const CONTRADICTIONS_MAX = 3;
/** Times that what is to be replaced may have become another blob before it was. */
const CHANGES_MAX = 5;

/**
 * Finds a blob its place as its disposition says, and writes it there. Nobody's blob is replaced unless
 * the plan says so, and what an earlier attempt wrote just before its end is not written again: the
 * last name that it intended is looked at first. What it left incomplete there only a whole blob replaces.
 */
export async function placeBlob<T>(placing: Placing<T>, signal: AbortSignal): Promise<Placed<T>> {
  const { item, container, context } = placing;
  const intent = context.journal.begun(item)?.intent;
  const ours = intent === undefined ? undefined : await ownBlob(placing, intent, signal);
  if (ours?.found !== undefined && !ours.isOutdated) return await taken(placing, ours);
  let place = ours ?? firstPlace(item);
  let looks = placing.looksFirst;
  let changes = 0;
  for (let contradictions = 0; contradictions < CONTRADICTIONS_MAX; ) {
    using _lock = await lockOf(placing, place, signal);
    const found =
      looks && !replaces(place) ? await lookFor(container, place.name, signal) : undefined;
    if (found !== undefined) {
      const isIntended = intent?.attempt === place.attempt;
      if (isIntended && (await placing.isOurs(found, intent))) {
        return await taken(placing, { ...place, found });
      }
      const next = nextPlace(item, place, found);
      if (next.kind !== 'next') return next;
      place = next.place;
      continue;
    }
    try {
      return { kind: 'written', place, value: await placing.write(place) };
    } catch (error) {
      if (!isStationError(error, 'destination-exists')) throw error;
      // What was to be replaced is another one by now.
      if (replaces(place)) {
        if (++changes === CHANGES_MAX) throw changedEachTime(place, error);
        place = firstPlace(item);
      } else if (looks && contradictions++ === 0) await forgetBlocks(placing, place, signal);
      looks = true;
    }
  }
  return { kind: 'rename-failed' };
}

/** What is there is ours; by what it is known, since the journal may have last what was to replace it. */
async function taken({ item, context }: Placing<unknown>, place: Place): Promise<Placed<never>> {
  const { attempt, replace, found } = place;
  if (found?.md5 !== undefined) {
    await context.journal.found(item, { attempt, replace, md5: found.md5 });
  }
  return { kind: 'ours', place };
}

function changedEachTime({ name }: Place, cause: unknown): StationError {
  const words = 'the blob was changed by somebody else each time it was to be replaced';
  return new StationError('blob-changed', words, { blob: name }, cause);
}

async function ownBlob(
  { item, container, isOurs, wasOurs }: Placing<unknown>,
  intent: Intent,
  signal: AbortSignal,
): Promise<Place | undefined> {
  const { attempt, replace } = intent;
  const name = nameAt(item, attempt);
  const found = await lookFor(container, name, signal);
  if (found === undefined) return replace ? { attempt, replace, name, isGone: true } : undefined;
  const place = { attempt, replace, name, found };
  if (await isOurs(found, intent)) return place;
  const isOutdated = found.etag === intent.etag || wasOurs?.(found, intent);
  return isOutdated ? { ...place, isOutdated } : undefined;
}

/** What the journal is told before a blob of these bytes is written there; ours until then is what is there. */
export function intentOf({ attempt, replace, isOutdated, found }: Place, md5: string): KnownTarget {
  const etag = isOutdated ? found?.etag : undefined;
  return { attempt, replace, md5, ...(etag === undefined ? {} : { etag }) };
}

/** Some stores take a name for taken that has nothing but staged blocks of somebody else. */
async function forgetBlocks(
  { container }: Placing<unknown>,
  { name }: Place,
  signal: AbortSignal,
): Promise<void> {
  try {
    await clearName(container, { name, condition: 'must-not-exist' }, signal);
  } catch (error) {
    if (!isStationError(error, 'destination-exists', 'blob-changed')) throw error;
  }
}

type Next = Placed<never> | { readonly kind: 'next'; readonly place: Place };

function nextPlace(item: FileItem, place: Place, found: BlobProperties): Next {
  switch (item.disposition) {
    case 'no-overwrite':
      return { kind: 'skipped' };
    case 'overwrite':
      return { kind: 'next', place: { ...firstPlace(item), replace: true, found } };
    case 'rename': {
      const attempt = place.attempt + 1;
      const name = nameAt(item, attempt);
      const isTooLong = name.length > PLAN_LIMITS.maxBlobNameLength;
      if (attempt > RENAMES_MAX || isTooLong) return { kind: 'rename-failed' };
      return { kind: 'next', place: { attempt, replace: false, name } };
    }
  }
}

/** The file's own name is held by whoever copies the file; a new one is taken here. */
function lockOf({ item, context }: Placing<unknown>, place: Place, signal: AbortSignal) {
  if (place.attempt === 1) return { [Symbol.dispose]: () => undefined };
  return context.names.take(`${item.container}/${place.name}`, signal);
}

export function dispositionOf({ attempt, replace }: Target): DispositionStatus {
  if (replace) return 'Overwritten';
  return attempt > 1 ? 'Renamed' : 'Created';
}
