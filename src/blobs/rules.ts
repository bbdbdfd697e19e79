import { fromBase64 } from '../domain/bytes.ts';
import { StationError } from '../errors.ts';
import type { CommitBlob, StageBlock } from './contract.ts';

/**
 * What every store refuses in the same words before anything is sent: names that a URL would turn
 * into another name, block ids and metadata that the service would reject or bring back changed.
 */

/** "Naming and Referencing Containers, Blobs, and Metadata" (Microsoft Learn). */
const MAX_NAME_LENGTH = 1024;
/** Put Block: an id is at most 64 bytes before Base64. */
const MAX_BLOCK_ID_BYTES = 64;
/** The service allows 8 KiB of metadata, names and values together. */
const MAX_METADATA_BYTES = 8192;

/**
 * Throws `storage-rejected` for a name that would not arrive as it is: `.` and `..` segments are
 * resolved by every URL parser on the way (a name could leave its container), and control characters
 * and lone surrogates have no stable encoding.
 */
export function checkBlobName(name: string, operation: string): void {
  const problem = nameProblem(name);
  if (problem !== undefined) throw refused(operation, `the blob name ${problem}`);
}

function nameProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.length > MAX_NAME_LENGTH) return `is longer than ${MAX_NAME_LENGTH} characters`;
  if (!name.isWellFormed()) return 'is not well-formed Unicode';
  if (/\p{Cc}/u.test(name)) return 'contains a control character';
  if (name.startsWith('/')) return 'starts with a slash';
  if (name.split('/').some((segment) => /^\.+$/u.test(segment))) return 'has a segment of dots';
  return undefined;
}

export function checkStage(block: StageBlock): void {
  const operation = 'stage block';
  checkBlobName(block.name, operation);
  checkBlockId(block.id, operation);
  if (block.body.length === 0) throw refused(operation, 'a block of no bytes cannot be staged');
}

export function checkCommit(blob: CommitBlob): void {
  const operation = 'commit';
  checkBlobName(blob.name, operation);
  for (const id of blob.blocks) checkBlockId(id, operation);
  checkMetadata(blob.metadata, operation);
  if (blob.contentType !== undefined) checkContentType(blob.contentType, operation);
}

/** A header: nothing but what a media type has, so that it cannot bring another header with it. */
function checkContentType(contentType: string, operation: string): void {
  if (/^[\w.+-]+\/[\w.+-]+(?:; ?[\w-]+=[\w.-]+)*$/u.test(contentType)) return;
  throw refused(operation, 'the content type is not one');
}

function checkBlockId(id: string, operation: string): void {
  const length = fromBase64(id)?.length ?? 0;
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
    // Headers lose spaces at their ends and are dropped when empty, so such a value cannot return.
    if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/u.test(value)) {
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
