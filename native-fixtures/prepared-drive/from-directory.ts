import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type BlobSpec, type Cut, type DriveSpec, driveSpec } from './spec.ts';

/** A drive with the files of a directory, as the customer's tool prepares one. */

export interface DirectoryOptions {
  readonly directory: string;
  readonly container: string;
  /** Put before each blob's name; ends with a slash, or is empty. */
  readonly prefix: string;
  /** Files of this ending become page blobs, as far as they are whole pages. */
  readonly pageSuffix: string;
}

const BLOCK_BYTES = 4 * 1024 * 1024;
const PAGE_BYTES = 512;

export async function directoryDrive(options: DirectoryOptions): Promise<DriveSpec> {
  const entries = await readdir(options.directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map((file) => join(file.parentPath, file.name)).sort();
  const blobs = await Promise.all(paths.map((path) => blobOf(path, options)));
  return driveSpec('directory', [{ id: 'session1#1-0', blobs }]);
}

async function blobOf(from: string, options: DirectoryOptions): Promise<BlobSpec> {
  const name = relative(options.directory, from);
  const { size } = await stat(from);
  const isPages = name.endsWith(options.pageSuffix) && size % PAGE_BYTES === 0;
  const cut: Cut = isPages
    ? { kind: 'pages', rangeBytes: BLOCK_BYTES }
    : { kind: 'blocks', blockBytes: BLOCK_BYTES, ids: 'counter' };
  return {
    blobPath: `${options.container}/${options.prefix}${name}`,
    file: { path: `\\session1\\${name.replaceAll('/', '\\')}`, sizeBytes: size, from },
    cut,
  };
}
