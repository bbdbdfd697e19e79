import { createHash } from 'node:crypto';
import path from 'node:path';
import { safeSegment } from '../domain/blob-name.ts';

/**
 * Where a container keeps things inside its directory:
 *
 *     <directory>/<container>/staged/<key>/<hex of the block id>   a staged block
 *     <directory>/<container>/unfinished/tmp-<process id>-…        a blob in the making, or on its way out
 *     <directory>/<container>/blobs/<key>/content                  a blob; of pages, a sparse file
 *     <directory>/<container>/blobs/<key>/properties.json          its digest, metadata, block list
 *     <directory>/<container>/blobs/<key>/written                  of pages, which of them were written
 *
 * A key is the blob's name with everything but letters, digits, `.`, `_` and `-` escaped, so a name
 * is always one directory entry below its parent, whatever is in it. A blob is a directory because
 * renaming a directory onto one that is not empty fails: content and properties appear together, and
 * never over another blob.
 */
export interface DirectoryLayout {
  readonly container: string;
  readonly staged: string;
  readonly unfinished: string;
  readonly blobs: string;
}

export const CONTENT = 'content';
export const PROPERTIES = 'properties.json';
export const WRITTEN = 'written';

export function layoutOf(directory: string, container: string): DirectoryLayout {
  const root = path.resolve(directory, safeSegment(container));
  return {
    container: root,
    staged: path.join(root, 'staged'),
    unfinished: path.join(root, 'unfinished'),
    blobs: path.join(root, 'blobs'),
  };
}

/** Below the 255 bytes that file systems allow, with room to read the name's beginning. */
const MAX_KEY_LENGTH = 200;
const LONG_KEY_PREFIX = 120;

/** `~~` cannot come out of the escaping, so a shortened key never equals a plain one. */
export function keyOf(name: string): string {
  const escaped = safeSegment(name);
  if (escaped.length <= MAX_KEY_LENGTH) return escaped;
  const digest = createHash('sha256').update(name).digest('hex');
  return `${escaped.slice(0, LONG_KEY_PREFIX)}~~${digest}`;
}

/** The name that a key was made of; `undefined` for a shortened one, which does not hold it. */
export function nameOfKey(key: string): string | undefined {
  try {
    return decodeURIComponent(key.replaceAll('~', '%'));
  } catch {
    return undefined;
  }
}

/** Whether the name of a key can begin so; of a shortened key only its first part tells. */
export function keyHasPrefix(key: string, prefix: string): boolean {
  // With a letter behind it, or a prefix of dots would be escaped as a name of dots is.
  const escaped = safeSegment(`${prefix}x`).slice(0, -1);
  return key.startsWith(key.includes('~~') ? escaped.slice(0, LONG_KEY_PREFIX) : escaped);
}

/** Hex, because file systems that fold case would mix up Base64. */
export function fileOfBlock(id: string): string {
  return Buffer.from(id, 'latin1').toString('hex');
}

/** The id of a block file; `undefined` for anything else that lies there. */
export function blockOfFile(file: string): string | undefined {
  return /^(?:[0-9a-f]{2})+$/u.test(file) ? Buffer.from(file, 'hex').toString('latin1') : undefined;
}
