import type { DriveStatus } from '../../domain/copy-status.ts';
import type { FileItem, SideFileRef } from '../../domain/file-item.ts';
import type {
  DriveLog,
  LogBlob,
  LogBlock,
  LogRanges,
  LogSideFile,
  SideFileStatus,
} from '../../formats/drive-log.ts';
import { nameAt, type Outcome, rangeStatus } from './outcome.ts';

/** A file with its end. */
export interface EndedItem {
  readonly item: FileItem;
  readonly outcome: Outcome;
}

export interface FileLogParts {
  readonly driveId: string;
  readonly status: DriveStatus;
  /** Asked for each time the log is gone through. */
  items(): AsyncIterable<EndedItem>;
}

/** The verbose log of a copy of files; it is made while it is read, so its length costs nothing. */
export function fileLog({ driveId, status, items }: FileLogParts): DriveLog {
  const blobs = { [Symbol.asyncIterator]: () => blobsOf(items()) };
  return { driveId, blobs, status: () => status };
}

async function* blobsOf(items: AsyncIterable<EndedItem>): AsyncGenerator<LogBlob> {
  for await (const { item, outcome } of items) yield blobOf(item, outcome);
}

function blobOf(item: FileItem, outcome: Outcome): LogBlob {
  const { metadata, properties } = item;
  return {
    status: outcome.status,
    blobPath: `${item.container}/${nameAt(item, outcome.attempt ?? 1)}`,
    filePath: item.filePath,
    length: item.lengthBytes,
    disposition: { value: item.disposition, status: outcome.disposition },
    ranges: rangesOf(item, outcome),
    ...(metadata === undefined ? {} : { metadata: sideOf(metadata, outcome.metadata, outcome) }),
    ...(properties === undefined
      ? {}
      : { properties: sideOf(properties, outcome.properties, outcome) }),
  };
}

function rangesOf(item: FileItem, outcome: Outcome): LogRanges {
  return item.kind === 'page'
    ? { kind: 'pages', list: listOf(item, outcome) }
    : { kind: 'blocks', list: listOf(item, outcome) };
}

function* listOf({ ranges }: FileItem, outcome: Outcome): Generator<LogBlock> {
  for (const [index, { offset, length, id, hash }] of ranges.entries()) {
    yield {
      ...{ offset, length },
      ...(id === undefined ? {} : { id }),
      ...(hash === undefined ? {} : { hash: hash.hex }),
      status: rangeStatus(outcome, index),
    };
  }
}

/** A blob that was not written has nothing of its side files either. */
function sideOf(
  { path, hash, isGlobal }: SideFileRef,
  failed: SideFileStatus | undefined,
  { disposition }: Outcome,
): LogSideFile {
  const status = failed ?? (disposition === 'Cancelled' ? 'Cancelled' : 'Completed');
  const where = { path, hash: hash.hex };
  return { status, ...(isGlobal ? { globalPath: where } : { path: where }) };
}
