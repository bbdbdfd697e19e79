import type { BlobName } from '../domain/blob-name.ts';
import type { BlockId } from '../domain/block-id.ts';

/** A block of a blob as the store lists it. */
export interface StoredBlock {
  readonly id: string;
  readonly lengthBytes: number;
}

/** What the store holds under a name. */
export interface BlockLists {
  /** The blocks of the committed blob in order; `undefined` when nothing was ever committed. */
  readonly committed: readonly StoredBlock[] | undefined;
  /** Staged blocks in no order; the service forgets them a week after the last one. */
  readonly uncommitted: readonly StoredBlock[];
}

export interface BlobProperties {
  readonly lengthBytes: number;
  /** 32 hex digits; `undefined` when the blob carries none. */
  readonly md5: string | undefined;
  readonly contentType: string;
  /** Names are in lower case, whatever they were at the commit: they travel as HTTP headers. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface StageBlock {
  readonly name: BlobName;
  readonly id: BlockId;
  /** At least one byte. Sent from where it lies: the caller leaves it untouched until it settles. */
  readonly body: Buffer;
  /** MD5 of the body, 32 hex digits; the store refuses the block when it computes another. */
  readonly md5: string;
}

export interface CommitBlob {
  readonly name: BlobName;
  readonly blocks: readonly BlockId[];
  /** `type/subtype`, with parameters or without; `application/octet-stream` when it is not given. */
  readonly contentType?: string;
  /**
   * MD5 of the whole blob, 32 hex digits, kept as its Content-MD5. The blob service takes it on trust;
   * a directory computes it and throws `checksum-mismatch` when the blocks make up another.
   */
  readonly md5: string;
  /**
   * Names are identifiers that differ in more than case; values are printable ASCII, not empty and
   * without spaces at their ends (rules of the service and of HTTP headers).
   */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a blob is when nobody says what it is. */
export const OCTET_STREAM = 'application/octet-stream';

/**
 * A container of blobs. Everything the station asks of blob storage, and no more. Implementations are
 * held to it by one suite (`test/contract/blobs.ts`). All methods take the signal last and check it
 * first: when it has fired they throw `cancelled` and have done nothing.
 *
 * Errors: `storage-unavailable` when the store could not be reached or asks to be left alone (worth
 * waiting for), `storage-denied` when it refuses the credential, `checksum-mismatch` when a body did
 * not arrive as sent, `storage-rejected` for any other refusal, a name that would not arrive as it is
 * included (`.` and `..` as segments, control characters).
 */
export interface BlobContainer {
  /**
   * Set by a store whose calls take as long as its disk takes (a commit copies the blob there): a
   * time-out would only make it start again for ever, so `withRetry` sets none.
   */
  readonly local?: true;
  /** Where people find a blob: its URL without any credential. */
  urlOf(name: BlobName): string;
  /** Makes the container; fine when it is there already. */
  ensure(signal: AbortSignal): Promise<void>;
  /** Stores one block, all or nothing. Staging an id again replaces that block. */
  stageBlock(block: StageBlock, signal: AbortSignal): Promise<void>;
  /** Never fails for a blob that does not exist: both lists are then empty. */
  listBlocks(name: BlobName, signal: AbortSignal): Promise<BlockLists>;
  /**
   * Makes the blob out of staged blocks, in this order. Throws `destination-exists` when a committed
   * blob has the name: a customer's blob is never replaced by accident.
   */
  commit(blob: CommitBlob, signal: AbortSignal): Promise<void>;
  /** Throws `blob-not-found`. */
  properties(name: BlobName, signal: AbortSignal): Promise<BlobProperties>;
  /** The bytes of a committed blob, in order. Throws `blob-not-found`. */
  read(name: BlobName, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Where a storage account is and how to get in; from the configuration, never from a job. */
export type StorageAccount =
  | { readonly kind: 'connection-string'; readonly connectionString: string }
  | { readonly kind: 'sas'; readonly blobEndpoint: string; readonly sasToken: string }
  | { readonly kind: 'default-credential'; readonly blobEndpoint: string }
  | { readonly kind: 'directory'; readonly directory: string };
