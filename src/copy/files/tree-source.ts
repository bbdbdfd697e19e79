import type { BlobName } from '../../domain/blob-name.ts';
import { parseBlobPath } from '../../domain/blob-path.ts';
import type { ContainerName } from '../../domain/container-name.ts';
import type { FileItem, FileRange, FileTotals } from '../../domain/file-item.ts';
import { DEFAULT_DISPOSITION } from '../../domain/import-disposition.ts';
import { throwIfCancelled } from '../../errors.ts';
import { FILE_BUFFERS, PLAN_LIMITS } from '../../limits.ts';
import type { SkipReason, VolumeEntry } from '../../volumes/contract.ts';
import { formatVolumePath } from '../../volumes/windows-path.ts';
import type { DriveFiles } from './drive.ts';
import { type FileSource, totalsOf } from './source.ts';

export interface TreeOrder {
  readonly container: string;
  /** Put before each path; empty, or ending with a slash. */
  readonly blobPrefix: string;
  /** The media type for a name; `undefined`: nobody says. */
  contentTypeOf(name: string): string | undefined;
}

/**
 * Every file of a volume, under its path on it. Nothing was promised of the files, so the ranges have
 * no hashes: what is read is what is sent. A file that became another one since the first pass is found
 * out by its size and its time.
 */
export class TreeSource implements FileSource {
  readonly #order: TreeOrder;
  readonly #files: DriveFiles;

  constructor(order: TreeOrder, files: DriveFiles) {
    this.#order = order;
    this.#files = files;
  }

  async totals(signal: AbortSignal): Promise<FileTotals> {
    throwIfCancelled(signal);
    const left = { count: 0 };
    return await totalsOf(this.#walk(signal, left), () => left.count);
  }

  items(signal: AbortSignal): AsyncIterable<FileItem> {
    return this.#walk(signal, { count: 0 });
  }

  async *#walk(signal: AbortSignal, left: { count: number }): AsyncGenerator<FileItem> {
    let index = 0;
    for await (const entry of this.#files.walk(signal)) {
      if (entry.kind === 'skipped' && LEFT_OUT.includes(entry.reason)) left.count++;
      else yield this.#itemOf(entry, index++);
    }
  }

  #itemOf(entry: VolumeEntry, index: number): FileItem {
    const text = `${this.#order.blobPrefix}${entry.path.join('/')}`;
    const filePath = formatVolumePath(entry.path);
    const common = { index, filePath, kind: 'block', disposition: DEFAULT_DISPOSITION } as const;
    // What is refused is only told of: no request carries its name.
    const container = this.#order.container as ContainerName;
    const names = entry.path;
    const told = { ...common, names, container, name: text as BlobName, ranges: [] };
    if (entry.kind === 'skipped') {
      const words = `${filePath} ${lossIn(entry.reason)}`;
      return { ...told, lengthBytes: 0, refused: { status: 'IOFailed', words } };
    }
    const lengthBytes = entry.sizeBytes;
    const problem = this.#problemOf(text, lengthBytes);
    if (problem !== undefined) {
      return { ...told, lengthBytes, refused: { status: 'FileNameInvalid', words: problem } };
    }
    return { ...told, lengthBytes, ranges: rangesOf(lengthBytes), defaults: this.#defaults(entry) };
  }

  #defaults({ path, modifiedAt }: Extract<VolumeEntry, { kind: 'file' }>) {
    const contentType = this.#order.contentTypeOf(path.at(-1) ?? '');
    const metadata = { last_modified: timeOf(modifiedAt) };
    return { metadata, ...(contentType === undefined ? {} : { contentType }) };
  }

  #problemOf(name: string, lengthBytes: number): string | undefined {
    const answer = parseBlobPath(`${this.#order.container}/${name}`);
    if (!answer.ok) return `it cannot be the name of a blob: the path ${answer.problem}`;
    if (name.includes('\\')) return 'it cannot be the name of a blob: it has a backslash in it';
    if (lengthBytes <= FILE_BUFFERS.largeMaxBytes * PLAN_LIMITS.maxBlocksPerBlob) return undefined;
    return `it is too long for one blob: ${lengthBytes} bytes`;
  }
}

/** What is no file, or not of this volume. The other things that a walk passes over are losses. */
const LEFT_OUT: readonly SkipReason[] = ['reparse-point', 'not-a-file', 'other-filesystem'];

/** What is told of something that is lost, for a customer who looks for it. */
function lossIn(reason: SkipReason): string {
  switch (reason) {
    case 'folder-unreadable':
      return 'is a folder whose list of names does not read to its end: what it lists behind that is missing, and has no line of its own';
    case 'unreadable':
      return 'is in its folder, and does not read itself: neither what it is nor anything in it is known';
    case 'name-not-unicode':
      return 'has a name that is no Unicode, which no blob can have';
    case 'too-deep':
      return 'is a folder inside too many others, and nothing in it was copied';
    default:
      return `was left alone (${reason})`;
  }
}

/** A clock of the drive that says nonsense says nothing. */
function timeOf(modifiedAt: Date): string {
  return Number.isNaN(modifiedAt.getTime()) ? 'unknown' : modifiedAt.toISOString();
}

/** Blocks of 4 MiB, larger ones only where 50,000 of those are too few. */
function rangesOf(lengthBytes: number): readonly FileRange[] {
  let length: number = FILE_BUFFERS.largeBytes;
  while (length * PLAN_LIMITS.maxBlocksPerBlob < lengthBytes) length *= 2;
  return Array.from({ length: Math.ceil(lengthBytes / length) }, (_, index) => {
    const offset = index * length;
    return { offset, length: Math.min(length, lengthBytes - offset) };
  });
}
