/** Bounds on the way to the blob store: what is waited for, how long, and who is told. */

const MIB = 1024 * 1024;

/**
 * A connection to the blob store that is given a request and on which no byte moved for this long is
 * given up, and the request tried again on a new one. One that lies idle so long is closed.
 */
export const STORAGE_STALL_MS = 30_000;
/**
 * A request that was sent whole is given up when so long nothing came of its answer, and tried again on
 * a new connection. The service itself ends the reading of blobs and of lists of blocks and pages after
 * 2 minutes for each megabyte, the writing of a block list after 60 s and most others after 30 s
 * ("Setting timeouts for Blob service operations", Microsoft Learn); 10 s more are for its word to
 * arrive. What it allows for the body of a block, pages or blob, 10 minutes for each megabyte, is for
 * the way there, which shows by itself; what it does with the whole body has the time of a block list.
 */
export const STORAGE_ANSWERS = {
  readMs: 130_000,
  commitMs: 70_000,
  bodyMs: 70_000,
  otherMs: 40_000,
} as const;
/** How often the connections to the blob store are looked at for bytes that moved. */
export const STORAGE_LOOK_MS = 1_000;
/**
 * A look that comes so late shows that the whole process stood still: connections that lie idle may be
 * dead by then, and are not used again.
 */
export const STORAGE_STANDSTILL_MS = 4_000;
/** A body is handed to its connection in pieces of this size, so that it shows how far it is. */
export const WIRE_PIECE_BYTES = 1 * MIB;
/**
 * A refusal by a store whose clock differs from ours by so much is laid to the clock. The service takes
 * signatures that are up to 15 minutes off ("Authorize with Shared Key", Microsoft Learn); tokens and
 * the start of a SAS are more particular.
 */
export const CLOCK_SKEW_MAX_MS = 5 * 60_000;
/** The longest that a store can keep a copy waiting with `Retry-After`; then it is asked again. */
export const RETRY_AFTER_MAX_MS = 5 * 60_000;
/**
 * When no request to the blob store was answered for this long, it is told: as slow while bytes move, as
 * at work on a commit that it has whole, and else as away, though each request still waits. A store that
 * takes connections and says nothing would else look like a copy at work. Four blocks of 8 MiB over a line
 * of 20 Mbit/s take less.
 */
export const STORAGE_SILENCE_MS = 15_000;
/** An outage of the blob store shorter than this is not worth telling. */
export const STORAGE_AWAY_AFTER_MS = 2_000;
/**
 * During an outage other words for it are told so often at most: requests that fail side by side in
 * different ways would else change what the screens say several times a second.
 */
export const STORAGE_REWORD_MS = 5_000;
/** A drive that waits for its storage outside of the queue is tried again at least this often. */
export const HOLD_RETRY_MS = 60_000;
/** How often it is looked whether the storage of such a drive, or its credential, is another. */
export const HOLD_LOOK_MS = 1_000;
/**
 * A copy whose store is away keeps its place in the queue so long when others wait for one: most outages
 * are over by then, and it would have to read again what it has in its buffers.
 */
export const HOLD_PLACE_MS = 60_000;
/**
 * So long one copy alone asks a store that is away, for all drives of its job. Then another one tries
 * beside it: a filter between the station and the store can stop what one disk holds and let the rest pass.
 */
export const HOLD_ALONE_MS = 5 * 60_000;
