import { blobPathText } from '../../domain/blob-path.ts';
import type { FileItem } from '../../domain/file-item.ts';
import { isStationError, messageOf } from '../../errors.ts';
import type { BlobStatus } from '../../formats/drive-log.ts';
import { FILE_BUFFERS } from '../../limits.ts';
import { fileStatusOf } from '../../volumes/copy-status.ts';
import { pathOnVolume } from '../../volumes/windows-path.ts';
import { copyBlocks } from './block-file.ts';
import type { FileCopy, FilesContext } from './context.ts';
import type { Ended } from './ending.ts';
import { FileReader, isBadPlace } from './file-reader.ts';
import { lost } from './outcome.ts';
import { copyPages } from './page-file.ts';
import { isSmall, putSmall, readSmall, type SmallFile } from './small-file.ts';

export interface FileOrder {
  readonly item: FileItem;
  readonly context: FilesContext;
  onSafe(lengthBytes: number): void;
}

/**
 * Copies one file, whatever is wrong with it: that is how it ends, and no reason to stop. Gives nothing
 * for one with a bad place while there is no patience for it. Throws only what is about the drive as a
 * whole, the store or this station.
 */
export async function copyFile(order: FileOrder, signal: AbortSignal): Promise<Ended | undefined> {
  const { item, context } = order;
  if (item.refused !== undefined) return ended(item, item.refused.status, item.refused.words);
  try {
    using _name = await context.names.take(blobPathText(item), signal);
    return await copyOpened(order, signal);
  } catch (error) {
    if (context.patience === undefined && isBadPlace(error)) return undefined;
    const status = fileStatusOf(error) ?? blobStatusOf(error);
    if (status === undefined) throw error;
    return ended(item, status, messageOf(error));
  }
}

function ended(item: FileItem, status: BlobStatus, words: string): Ended {
  return { outcome: lost(status, `${blobPathText(item)}: ${words}`), bytes: 0 };
}

/** The disk is read in one turn; a small file leaves it to the next one before it is sent. */
async function copyOpened(order: FileOrder, signal: AbortSignal): Promise<Ended> {
  const { item, context, onSafe } = order;
  const { small: ofSmall, large: ofLarge } = context.readers;
  const readers = item.lengthBytes > FILE_BUFFERS.mediumBytes ? ofLarge : ofSmall;
  using turn = await readers.take(signal);
  await using open = await opened(item, context, signal);
  const file = new FileReader(open, context.patience);
  const side = await context.sideFiles.of(item, signal);
  const container = await context.containers.get(item.container, signal);
  const copy: FileCopy = { item, file, side, container, context, onSafe };
  if (item.kind === 'page') return await copyPages(copy, signal);
  const small: SmallFile | undefined = isSmall(copy) ? await readSmall(copy, signal) : undefined;
  if (small === undefined) return await copyBlocks(copy, signal);
  using sent = small;
  turn[Symbol.dispose]();
  return await putSmall(copy, sent, signal);
}

function opened({ filePath, names }: FileItem, { files }: FilesContext, signal: AbortSignal) {
  return names === undefined
    ? files.open(filePath, signal)
    : files.openAt(pathOnVolume(names), signal);
}

/** What a copy log says of a refusal of the store; `undefined` for trouble that is not this blob's. */
function blobStatusOf(error: unknown): BlobStatus | undefined {
  if (isStationError(error, 'blob-leased')) return 'LeasePresent';
  // Blocks that make up another blob are the manifest's doing: it gives an id twice. What does not arrive
  // as it was sent is the line's.
  if (isStationError(error, 'checksum-mismatch')) {
    return error.payload.operation === 'commit' ? 'BlobRequestFailed' : undefined;
  }
  const isOfBlob = isStationError(
    error,
    'storage-rejected',
    'blob-of-other-type',
    'blob-changed',
    'blocks-in-the-way',
    'blob-not-found',
    'destination-exists',
  );
  return isOfBlob ? 'BlobRequestFailed' : undefined;
}
