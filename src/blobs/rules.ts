import { blobNameProblem } from '../domain/blob-name.ts';
import { fromBase64 } from '../domain/bytes.ts';
import { isContainerName, isFolderInRoot, ROOT_CONTAINER } from '../domain/container-name.ts';
import { StationError } from '../errors.ts';
import type {
  CommitBlob,
  CreatePages,
  NewBlob,
  PutBlob,
  StageBlock,
  WritePages,
} from './contract.ts';

/**
 * What every store refuses in the same words before anything is sent: names that a URL would turn
 * into another name, block ids, headers and metadata that the service would reject or bring back
 * changed, pages that are none.
 */

/** Put Block: an id is at most 64 bytes before Base64. */
const MAX_BLOCK_ID_BYTES = 64;
/** The service allows 8 KiB of metadata, names and values together. */
const MAX_METADATA_BYTES = 8192;
/** Longer than any value that a browser understands; the service has no number of its own. */
const MAX_HEADER_LENGTH = 1024;
/** Put Page: offsets and lengths are multiples of a page. */
const PAGE_BYTES = 512;
/** Put Page: the most of one request. */
const MAX_PAGES_BYTES = 4 * 1024 * 1024;
/** "Scalability targets for Blob storage" (Microsoft Learn): 8 TiB. */
const MAX_PAGE_BLOB_BYTES = 8 * 1024 ** 4;

/**
 * Throws `storage-rejected` for what cannot be the name of a container in which blobs are written. Of
 * the containers with a `$`, `$root` and `$web` (the static website) are their owner's; the service writes the others.
 */
export function checkContainerName(name: string): void {
  if (name === ROOT_CONTAINER || name === '$web') return;
  const operation = 'open container';
  if (name.startsWith('$')) {
    throw refused(operation, `only the service writes ${name}; of the $ names, use $root or $web`);
  }
  if (!isContainerName(name)) {
    throw refused(operation, 'a container name has 3 to 63 of a-z, 0-9 and single hyphens');
  }
}

/** Throws `storage-rejected` for a name in folders in the root container, which has none. */
export function checkPlace(container: string, name: string): void {
  if (!isFolderInRoot(container, name)) return;
  throw refused('name blob', 'a blob of the root container has no slash in its name');
}

/**
 * Throws `storage-rejected` for a name that would not arrive as it is. Backslashes would become slashes:
 * two names of a drive could become one.
 */
export function checkBlobName(name: string, operation: string): void {
  const slashed = name.includes('\\') ? 'contains a backslash, which becomes a slash' : undefined;
  const problem = blobNameProblem(name) ?? slashed;
  if (problem !== undefined) throw refused(operation, `the blob name ${problem}`);
}

export function checkStage(block: StageBlock): void {
  const operation = 'stage block';
  checkBlobName(block.name, operation);
  checkBlockId(block.id, operation);
  if (block.body.length === 0) throw refused(operation, 'a block of no bytes cannot be staged');
}

export function checkCommit(blob: CommitBlob): void {
  checkNewBlob(blob, 'commit');
  for (const id of blob.blocks) checkBlockId(id, 'commit');
}

export function checkPut(blob: PutBlob): void {
  checkNewBlob(blob, 'put');
}

export function checkCreatePages(blob: CreatePages): void {
  const operation = 'create page blob';
  checkNewBlob(blob, operation);
  checkPages(blob.lengthBytes, operation, 'the length of a page blob');
  if (blob.lengthBytes > MAX_PAGE_BLOB_BYTES) {
    throw refused(operation, 'a page blob is at most 8 TiB long');
  }
  const { sequenceNumber = 0 } = blob;
  if (!Number.isSafeInteger(sequenceNumber) || sequenceNumber < 0) {
    throw refused(operation, 'a sequence number is a whole one from 0 to 2^53 - 1');
  }
}

export function checkWritePages(pages: WritePages): void {
  const operation = 'write pages';
  const { length } = pages.body;
  checkBlobName(pages.name, operation);
  checkPages(pages.offsetBytes, operation, 'the offset of pages');
  checkPages(length, operation, 'the length of pages');
  if (length === 0 || length > MAX_PAGES_BYTES) {
    throw refused(operation, 'pages are written in pieces of 512 bytes to 4 MiB');
  }
}

function checkPages(bytes: number, operation: string, what: string): void {
  if (Number.isSafeInteger(bytes) && bytes >= 0 && bytes % PAGE_BYTES === 0) return;
  throw refused(operation, `${what} must be a multiple of ${PAGE_BYTES}`);
}

function checkNewBlob(blob: NewBlob, operation: string): void {
  checkBlobName(blob.name, operation);
  checkMetadata(blob.metadata, operation);
  checkHeader('content type', blob.contentType, operation);
  checkHeader('content encoding', blob.contentEncoding, operation);
  checkHeader('content language', blob.contentLanguage, operation);
  checkHeader('cache control', blob.cacheControl, operation);
}

/**
 * Customers set what they like, and the service keeps it; but a value must not bring another header
 * with it, and must come back as it went.
 */
function checkHeader(what: string, value: string | undefined, operation: string): void {
  if (value === undefined || (isHeaderValue(value) && value.length <= MAX_HEADER_LENGTH)) return;
  throw refused(operation, `the ${what} must be printable ASCII, trimmed, not empty and not long`);
}

/** Headers lose spaces at their ends and are dropped when empty, so such a value cannot return. */
function isHeaderValue(value: string): boolean {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/u.test(value);
}

function checkBlockId(id: string, operation: string): void {
  const isBase64 = id.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/u.test(id);
  const length = isBase64 ? (fromBase64(id)?.length ?? 0) : 0;
  if (length === 0 || length > MAX_BLOCK_ID_BYTES) {
    throw refused(operation, `a block id must be Base64 of 1 to ${MAX_BLOCK_ID_BYTES} bytes`);
  }
}

function checkMetadata(metadata: Readonly<Record<string, string>>, operation: string): void {
  const seen = new Set<string>();
  let size = 0;
  for (const [name, value] of Object.entries(metadata)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/u.test(name)) {
      throw refused(operation, 'a metadata name must be an identifier');
    }
    if (seen.has(name.toLowerCase())) throw refused(operation, 'a metadata name appears twice');
    if (!isHeaderValue(value)) {
      throw refused(operation, `the value of metadata ${name} must be printable ASCII, trimmed`);
    }
    seen.add(name.toLowerCase());
    size += name.length + value.length;
  }
  if (size > MAX_METADATA_BYTES) {
    throw refused(operation, `the metadata is larger than ${MAX_METADATA_BYTES} bytes`);
  }
}

/** Refused here, before any request: there is no status of a store to tell, so it is 0. */
export function refused(operation: string, detail: string, cause?: unknown): StationError {
  const words = `${operation} was refused: ${detail}`;
  return new StationError('storage-rejected', words, { operation, status: 0, detail }, cause);
}
