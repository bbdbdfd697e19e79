import type { BlobName } from '../domain/blob-name.ts';
import type { StorageCredential } from '../domain/job-storage.ts';

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

/** Append blobs are only met, never made. */
export type BlobType = 'block' | 'page' | 'append';

export interface BlobProperties {
  readonly type: BlobType;
  readonly lengthBytes: number;
  /** Content-MD5, 32 hex digits; `undefined` when the blob carries none. */
  readonly md5: string | undefined;
  readonly contentType: string;
  readonly contentEncoding: string | undefined;
  readonly contentLanguage: string | undefined;
  readonly cacheControl: string | undefined;
  /** Names are in lower case, whatever they were at the commit: they travel as HTTP headers. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Of a page blob: stays what it is when pages are written. */
  readonly sequenceNumber: number | undefined;
  /** Another after every write: equal means untouched since. Nothing else can be read from it. */
  readonly etag: string;
  /** In whole seconds, by the store's clock. */
  readonly lastModified: Date;
  /** When the store answered, in whole seconds, by the same clock. */
  readonly answeredAt: Date;
}

/** A blob as a listing shows it. The name is the store's word, and may be one that we would refuse. */
export interface ListedBlob {
  readonly name: string;
  readonly type: BlobType;
  readonly lengthBytes: number;
  /** 32 hex digits; `undefined` when the blob carries none. */
  readonly md5: string | undefined;
  readonly etag: string;
  readonly lastModified: Date;
}

/** A part of a long answer: ask again with `next` for the part after it. */
export interface Listing<Item> {
  readonly items: readonly Item[];
  /** `undefined` in the last part. Understood only by the store that gave it. */
  readonly next: string | undefined;
}

export interface ListBlobs {
  /** Only names that begin so; all when it is empty. */
  readonly prefix: string;
  /** `next` of the part before. */
  readonly from?: string | undefined;
}

export interface StageBlock {
  readonly name: BlobName;
  /**
   * Base64 of 1 to 64 bytes: a `BlockId` of our own, or what a manifest says. The service demands that
   * all ids of a blob are of one length, those of blocks included that somebody else staged.
   */
  readonly id: string;
  /** At least one byte. Sent from where it lies: the caller leaves it untouched until it settles. */
  readonly body: Buffer;
  /** MD5 of the body, 32 hex digits; the store refuses the block when it computes another. */
  readonly md5: string;
}

/**
 * What may be under the name of a new blob: nothing, or whatever is there, blobs of another type
 * included, which is lost then, or the one with this etag and no other (none is another as well). A
 * replaced blob keeps its snapshots; one of another type that has any is not replaced.
 */
export type WriteCondition = 'must-not-exist' | 'replace' | { readonly etag: string };

/** What every new blob has. Header values are printable ASCII without spaces at their ends. */
export interface NewBlob {
  readonly name: BlobName;
  /** `must-not-exist` when it is not given: a customer's blob is never replaced by accident. */
  readonly condition?: WriteCondition;
  /** `application/octet-stream` when it is not given. */
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly contentLanguage?: string;
  readonly cacheControl?: string;
  /**
   * Names are identifiers that differ in more than case; values are printable ASCII, not empty and
   * without spaces at their ends (rules of the service and of HTTP headers).
   */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface CommitBlob extends NewBlob {
  /** Ids of staged blocks in the order of the blob; an id may come more than once. */
  readonly blocks: readonly string[];
  /**
   * MD5 of the whole blob, 32 hex digits. The blob service takes it on trust; a directory computes it
   * and throws `checksum-mismatch` when the blocks make up another. Absent when nobody computed it,
   * because the blocks did not come in order; the blob then has no Content-MD5.
   */
  readonly md5?: string;
  /** What to keep as Content-MD5, on trust, when it is to be something else than `md5`. */
  readonly contentMd5?: string;
}

export interface PutBlob extends NewBlob {
  /** May be empty. Sent from where it lies, as a block is. */
  readonly body: Buffer;
  /** MD5 of the body, 32 hex digits: checked by the store and kept as Content-MD5. */
  readonly md5: string;
}

export interface CreatePages extends NewBlob {
  /** A multiple of 512, up to 8 TiB. */
  readonly lengthBytes: number;
  /** What to keep as Content-MD5, on trust: nobody computes it, whatever is written later. */
  readonly contentMd5?: string;
  /** From 0, which it is when it is not given, to 2^53 - 1. */
  readonly sequenceNumber?: number;
}

export interface WritePages {
  readonly name: BlobName;
  /** A multiple of 512. */
  readonly offsetBytes: number;
  /** A multiple of 512 bytes, from 512 to 4 MiB; sent from where it lies. */
  readonly body: Buffer;
  /** MD5 of the body, 32 hex digits; the store refuses the pages when it computes another. */
  readonly md5: string;
  /** Which the blob has to have; any will do when it is not given. */
  readonly sequenceNumber?: number;
}

export interface PageRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export interface ListPageRanges {
  readonly name: BlobName;
  /** `next` of the part before. */
  readonly from?: string | undefined;
}

/** One state of a blob: what is done is done to exactly this. */
export interface BlobState {
  readonly name: BlobName;
  readonly etag: string;
}

export interface ResetSequence extends BlobState {
  /** The blob in that state: by it a store that did it without an answer is understood. */
  readonly was?: BlobProperties;
}

/** What was written, so that a later look can tell ours from somebody else's. */
export interface WrittenBlob {
  readonly etag: string;
  readonly lastModified: Date;
}

/** What a blob is when nobody says what it is. */
export const OCTET_STREAM = 'application/octet-stream';

/**
 * A container of blobs. Everything the station asks of blob storage, and no more. Implementations are
 * held to it by one suite (`test/contract/blobs.ts`). All methods take the signal last and check it
 * first: when it has fired they throw `cancelled` and have done nothing.
 *
 * Errors: `storage-unavailable` when the store could not be reached or asks to be left alone (worth
 * waiting for), `storage-denied` or `account-disabled` when it does not let us in,
 * `storage-unusable` when it refuses whatever it is asked, `checksum-mismatch` when a body did not arrive
 * as sent, `blob-of-other-type` when blocks are asked of what has none or pages of what has none,
 * `blob-leased` when somebody else's lease is on the blob, `storage-rejected` for any other refusal of
 * this one request, a name that would not arrive as it is included (`.` and `..` as segments, control
 * characters).
 *
 * We take no lease of our own. The classic service held one while it wrote, and its users took the
 * "Lease expired" that it left for a fault. What a lease would protect is protected without: blocks are
 * invisible until a commit that is one request with its condition, a put is one request, and pages go
 * into a blob that we made under a condition, only while it has the number that we gave it. A lease cannot be taken
 * before there is a blob, has to be renewed every minute, and one that outlives a killed copy locks the
 * customer out. The store never demands one.
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
  /**
   * Stores one block, all or nothing. Staging an id again replaces that block. Throws
   * `blocks-in-the-way` when the store holds blocks of another id length (`clearName` helps).
   */
  stageBlock(block: StageBlock, signal: AbortSignal): Promise<void>;
  /** Never fails for a blob that does not exist: both lists are then empty. */
  listBlocks(name: BlobName, signal: AbortSignal): Promise<BlockLists>;
  /**
   * Makes the blob out of staged blocks, in this order, and forgets all other blocks of the name.
   * Throws `destination-exists` when the name has something else than it may. Cannot replace a blob of
   * another type, of which nothing could be staged either: `clearName` comes first.
   */
  commit(blob: CommitBlob, signal: AbortSignal): Promise<WrittenBlob>;
  /**
   * Makes a block blob in one request; its list of blocks is empty. Throws `destination-exists`, and on
   * Azurite that also when a name has nothing but staged blocks.
   */
  put(blob: PutBlob, signal: AbortSignal): Promise<WrittenBlob>;
  /** Makes a page blob that reads as zeros and has no ranges yet. Throws `destination-exists`. */
  createPages(blob: CreatePages, signal: AbortSignal): Promise<WrittenBlob>;
  /**
   * Writes into a page blob, all or nothing as long as it is answered. Throws `blob-not-found`, and
   * `blob-changed` when the blob has another sequence number.
   */
  writePages(pages: WritePages, signal: AbortSignal): Promise<void>;
  /**
   * Gives a page blob the sequence number 0, and leaves all else of it as it is. Throws `blob-changed` when
   * it has another etag and `blob-not-found` when there is none.
   */
  resetSequence(blob: ResetSequence, signal: AbortSignal): Promise<WrittenBlob>;
  /** What was ever written of a page blob: ascending, neighbours may touch. Throws `blob-not-found`. */
  pageRanges(request: ListPageRanges, signal: AbortSignal): Promise<Listing<PageRange>>;
  /** Throws `blob-not-found`. */
  properties(name: BlobName, signal: AbortSignal): Promise<BlobProperties>;
  /** Blobs that exist, up to 5,000 at once, in an order of the store's own. */
  listBlobs(request: ListBlobs, signal: AbortSignal): Promise<Listing<ListedBlob>>;
  /** The bytes of a committed blob, in order. Throws `blob-not-found`. */
  read(name: BlobName, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Removes a blob and what is staged beside it. Throws `blob-changed` when it has another etag and
   * `blob-not-found` when there is none. A blob with snapshots is not removed.
   */
  remove(blob: BlobState, signal: AbortSignal): Promise<void>;
}

/** Where a storage account is and how to get in: as the configuration says it, or as a job brings it. */
export type StorageAccount =
  | StorageCredential
  | { readonly kind: 'connection-string'; readonly connectionString: string }
  | { readonly kind: 'default-credential'; readonly blobEndpoint: string }
  | { readonly kind: 'directory'; readonly directory: string };
