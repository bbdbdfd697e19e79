import { BLOB_NAME_MAX_LENGTH } from './domain/blob-name.ts';
import type { TimeOuts } from './domain/life-cycle.ts';
import type { ManifestLimits } from './domain/manifest.ts';
import type { PlanLimits } from './domain/plan.ts';

/**
 * Every bound of the station, with its unit and its reason. The comment above each one is its text in
 * `docs/LIMITS.md`, which is generated from here.
 */

export * from './limits/media.ts';
export * from './limits/storage.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/**
 * The blob service's own limits (Microsoft Learn, "Scalability and performance targets for Blob
 * storage") and the block size the station uses inside them. 8 MiB costs half the requests of 4 MiB and
 * carries a disk of 390 GiB in one blob; above that the image is cut into segments, because larger
 * blocks would cost memory and repeat more after an interruption.
 */
export const PLAN_LIMITS: PlanLimits = {
  maxBlocksPerBlob: 50_000,
  maxBlockBytes: 4000 * MIB,
  maxBlobNameLength: BLOB_NAME_MAX_LENGTH,
  blockSizesBytes: [8 * MIB],
  segmentBytes: 256 * GIB,
};

/** The ring of buffers of one drive: every byte in flight lies in it, so it is the memory bound. */
export const RING_BYTES = 64 * MIB;
/**
 * Requests to the store in flight for the image of one drive, at first and at most: how many there are
 * in between is measured. Two of the eight buffers stay for reading, so that it overlaps.
 */
export const STAGE_PACE = { start: 4, max: 6 } as const;
/** Blocks re-read on resume to prove that the disk holds what the store already has. */
export const RESUME_SAMPLES = 8;
/**
 * Held blocks that are read again on resume because the journal has no MD5 of them: twice the blocks
 * that the ring holds, for those that were in flight. More mean that the journal is lost; the copy log
 * then leaves their hashes out.
 */
export const RESUME_UNSUMMED_MAX = 32;

/**
 * Buffers of a copy of files, by the length of what they hold: slots of 64 KiB, 1 MiB and 4 MiB, the
 * latter larger only for files beyond 195 GiB. Together they are `RING_BYTES`, however many files are
 * in flight and however long those are.
 */
export const FILE_BUFFERS = {
  smallBytes: 64 * KIB,
  smallTotalBytes: 8 * MIB,
  mediumBytes: 1 * MIB,
  mediumTotalBytes: 16 * MIB,
  largeBytes: 4 * MIB,
  largeMaxBytes: 16 * MIB,
  largeTotalBytes: 40 * MIB,
} as const;
/** Files of one drive in flight: each small one waits for two syncs of the journal and two requests. */
export const FILES_IN_FLIGHT = 64;
/** Requests to the store in flight for the files of one drive, at first and at most. */
export const FILES_PACE = { start: 16, max: FILES_IN_FLIGHT } as const;
/**
 * How the number of requests in flight is found: the throughput is measured over periods in which each
 * request in flight ended at least twice; requests that are added must bring so large a part of what
 * those before them bring, or they are taken back; after so many periods of rest another number is
 * tried, and sooner once trouble is over. A request counts as so many bytes more than it carries,
 * because a small one is mostly waiting.
 */
export const PACE = {
  periodMs: 1_000,
  gain: 0.3,
  restPeriods: 15,
  calmPeriods: 3,
  requestBytes: 64 * KIB,
} as const;
/**
 * Small files that are opened and read at once, beside one large file: to open a file is several small
 * reads far apart, which a disk sorts better than it waits, and a large file is best read alone.
 */
export const SMALL_FILE_READERS = 4;
/**
 * Threads of Node's pool in a process that copies files: one for each reader, the rest for the journal
 * and the network, which must not wait behind a disk.
 */
export const FILE_COPY_THREADS = 12;
/** Blocks or page ranges of one large file in flight: as many as there are large buffers. */
export const RANGES_IN_FLIGHT = 10;
/**
 * Times that the files of a drive are copied because the store has lost some that it had: once more, and
 * no further, since somebody may take blobs away as they come.
 */
export const STORED_ROUNDS = 2;
/** New names tried for one blob under `rename`; so many equal names are no accident. */
export const RENAMES_MAX = 1000;
/** A record of the journal of files: a letter for each of 270,000 ranges is the longest. */
export const FILE_RECORD_MAX_BYTES = 512 * KIB;
/** Side files of blob lists that are kept, so that not every blob of a list reads them again. */
export const SIDE_FILES_KEPT = 64;
/** Containers that are kept open; a manifest may name any number, one after the other. */
export const CONTAINERS_KEPT = 64;
/** Files that a verdict names; the copy log has them all. */
export const FILES_NAMED = 10;
/** A manifest, and any file without ranges, is read in pieces of this size. */
export const FILE_PIECE_BYTES = 256 * KIB;

/** A job file is a page of text; more than this is not one. */
export const JOB_FILE_MAX_BYTES = 256 * KIB;
/** A job carries at most ten drives (Azure Import/Export). */
export const MAX_DRIVES_PER_JOB = 10;

/** One request body of the HTTP API. */
export const HTTP_BODY_MAX_BYTES = 512 * KIB;
/** An idempotency key of a client; a UUID has 36 characters. */
export const IDEMPOTENCY_KEY_MAX_LENGTH = 200;
/**
 * How long the answer to an action is kept under its idempotency key: a client that was cut off asks
 * again within minutes, and one that was switched off over a holiday still does nothing twice.
 */
export const ANSWER_KEPT_MS = 7 * 24 * 60 * 60 * 1000;
/** One WebSocket message from a client. */
export const WS_MESSAGE_MAX_BYTES = 16 * KIB;
/** What may wait in one client's socket before it is resynchronised instead of buffered for. */
export const WS_CLIENT_BUDGET_BYTES = 1 * MIB;
/** Deltas kept for clients that missed some. */
export const WS_DELTA_RING = 1024;
/** Connected WebSocket clients; one more is turned away. */
export const WS_MAX_CLIENTS = 64;
/** A client that has not answered a ping by then is gone. */
export const WS_HEARTBEAT_MS = 15_000;
/** Progress of one drive is told at most this often. */
export const PROGRESS_INTERVAL_MS = 250;

/** A tool that looks at disks (`lsblk`, `udevadm`, `smartctl`, `losetup`) is abandoned after this. */
export const TOOL_DEADLINE_MS = 10_000;
/**
 * A USB device is disconnected and connected again, twice where it does not come back: the kernel waits 5 s
 * for each of the four answers, and we wait for three moments.
 */
export const USB_REPLUG_DEADLINE_MS = 30_000;
/** Output of such a tool that is kept; more is cut and counts as a failure. */
export const TOOL_OUTPUT_MAX_BYTES = 8 * MIB;
/** A copy process that gives no sign of life for this long is stuck: the attempt has failed. */
export const COPY_SILENCE_MS = 30_000;
/** The end of that: time to hear what was said while the daemon itself stood still. */
export const COPY_HEARING_MS = 5_000;
/** From asking a copy process to stop until it is killed. */
export const COPY_STOP_GRACE_MS = 5_000;
/**
 * A start that is not over after this tells the service manager its next step, and again after as long. The
 * unit gives 10 min; an emulated machine took 91 s.
 */
export const START_WORD_MS = 30_000;
/** From SIGTERM until the daemon gives up waiting and exits; the unit allows 30 s. */
export const SHUTDOWN_DEADLINE_MS = 20_000;
/** How long a copy process waits for the claim of a killed predecessor on the disk to end. */
export const DISK_CLAIM_WAIT_MS = 5_000;
/**
 * A read that the kernel has not answered for this long is given up: the disk hangs. The kernel itself
 * is done with a SCSI, SATA or USB disk after 30 s and five further tries; its answer is worth waiting for.
 */
export const READ_HANG_MS = 240_000;
/**
 * So long a drive may try to read one bad place, where it can be told: what drives for arrays do by
 * themselves, and what all with error recovery control take. `smartctl(8)`: less than 6.5 s mostly fails.
 */
export const ERROR_RECOVERY_MS = 7_000;
/**
 * So long the kernel may handle the errors of one SCSI host before it resets it. Each of its steps takes
 * ten seconds or more, for each disk in trouble, and all disks of the host wait.
 */
export const EH_DEADLINE_MS = 60_000;
/**
 * A disk that sleeps, or was just plugged in, has this long until it must read. Most spin up in 10 to 30 s,
 * and the kernel waits up to 100 s for one that it starts itself (`sd_spinup_disk`).
 */
export const SPIN_UP_MS = 60_000;
/** While a disk spins up and answers with errors, it is asked this often. */
export const SPIN_UP_POLL_MS = 1_000;
/** After a rest this long a disk may sleep: bridges put disks to sleep after minutes, whatever is set. */
export const DISK_REST_MS = 60_000;
/** When a disk is given up, the place at which it hangs is written down in this time, or not at all. */
export const HANG_NOTE_MS = 5_000;
/** A read that waits longer than this is told on the screens; a healthy disk answers in a second. */
export const HANG_SHOWN_MS = 3_000;
/** A disk that keeps a read waiting for this long leaves the lane of the healthy: spinning up takes less. */
export const HANG_LANE_MS = 10_000;
/** While a read waits, the kernel is asked this often what it knows of the disk. */
export const HANG_ASK_MS = 15_000;
/** A disk that hangs again after so many resets by the station within a day is not reset, but given up. */
export const DISK_RESETS_MAX = 3;
/** What counts as lately for the resets of a disk. */
export const DISK_RESETS_WINDOW_MS = 24 * 60 * 60_000;
/** Tries of one SCSI command before the kernel gives up: the first and five more (`sd.h`, SD_MAX_RETRIES). */
export const SCSI_TRIES = 6;
/** Messages of the kernel about a disk that are kept for the technician: the last ones. */
export const KERNEL_MESSAGES_MAX = 3;
/** A drive that was sick counts as well again when it has copied for this long without trouble. */
export const WELL_AGAIN_MS = 10_000;
/** A sick drive keeps its place for this long while another sick one waits for it. */
export const SICK_TURN_MS = 10 * 60_000;
/** Whether a disk is slow is looked at over this time of reading. */
export const SLOW_WINDOW_MS = 60_000;
/**
 * Incidents within the window that make a dock unreliable, where no disk explains them. Docks that hang
 * with UAS do so every few minutes under load (getumbrel/umbrel-os#95, raspberrypi/linux#5753).
 */
export const DOCK_INCIDENTS = 3;
/** So long an incident counts against a dock: 24 TB at 180 MB/s take 37 hours. */
export const DOCK_WINDOW_MS = 2 * 24 * 60 * 60_000;
/** The kernel's log and the error counters of disks are read this often for signs against a dock. */
export const DOCK_LOOK_MS = 1_000;
/** Lines of the kernel about a disk that is gone can be read a moment later. */
export const DOCK_NAMES_KEPT_MS = 60_000;
/**
 * A disk that left in mid-copy and is back in its place within this time, beside the time to settle, was
 * not pulled: a bridge that breaks down is there again after two or three seconds.
 */
export const DOCK_BACK_MS = 5_000;
/**
 * The station has asked for a USB replug that was given up: behind a device that hangs the kernel can carry it
 * out after several commands have timed out, 30 s each. A disk that leaves later was not taken away.
 */
export const REPLUG_EXPECTED_MS = 15 * 60_000;
/** Places of which the ledger keeps what went wrong there; a station has some dozens. */
export const DOCKS_MAX = 64;
/** Bridges of which the ledger keeps what was learned. */
export const QUIRKS_MAX = 32;
/** Processes that hang in the kernel are looked for this often until it lets them go. */
export const STUCK_POLL_MS = 1_000;
/** So many processes that hang at once are no accident of one disk: an operator is told. */
export const STUCK_ALERT = 2;
/** A copy that was killed from outside so often in a row: an operator is told. */
export const KILLED_ALERT = 3;
/**
 * A copy gets on again once it has staged for so long what none of its attempts had staged before: one that is
 * killed every few blocks would never be told of, and be begun anew without a pause.
 */
export const KILLED_OVER_MS = 10 * 60_000;
/**
 * Above this number of processes that hang, no copy is started: each keeps up to 384 MiB and its disk,
 * and what they have in common (a hub, a controller, the kernel) would hang the next one too.
 */
export const STUCK_MAX = 6;
/** A copy process says that it is alive this often, and how long its oldest read has waited. */
export const COPY_ALIVE_MS = 1_000;
/** When it says so that much later, it stood still itself: for how long the disk waited shows a second later. */
export const COPY_STANDSTILL_MS = 4_000;
/** After SIGKILL, a process that the kernel still holds is abandoned. */
export const COPY_ABANDON_MS = 2_000;
/** Free space of the state directory is looked at this often. */
export const FREE_SPACE_INTERVAL_MS = 10_000;
/**
 * Room that the station keeps for itself in the state directory and gives up when its disk is full:
 * a last change of the ledger takes 50 KiB of the write-ahead log, and there are a few for each drive.
 */
export const EMERGENCY_BYTES = 4 * MIB;
/** The ledger is backed up this often while it changes: 30 MB, for 10,000 jobs, take 0.4 s. */
export const LEDGER_BACKUP_INTERVAL_MS = 60 * 60 * 1000;
/** Backups of the ledger that are kept, the newest ones. */
export const LEDGER_BACKUPS_KEPT = 6;
/**
 * Entries that the event log of the ledger keeps, unless the configuration says otherwise: a drive without
 * trouble makes five. The ledger is backed up whole each hour, so all that it keeps is copied then.
 */
export const EVENTS_KEPT = 100_000;
/**
 * Entries that leave the event log at once, into one archive and out of the ledger in one transaction:
 * fewer would make many small files, and more would hold up whoever waits for the ledger.
 */
export const EVENT_ARCHIVE_ENTRIES = 5_000;
/** Data of the entries that leave at once; a verdict with many blobs is long. */
export const EVENT_ARCHIVE_BYTES = 16 * MIB;
/** Archives of the event log that are kept, the newest ones: a million entries. */
export const EVENT_ARCHIVES_KEPT = 200;
/** How often it is looked whether the event log is within its quota. */
export const EVENT_LOG_LOOK_MS = 10 * 60_000;
/** How often it is looked whether every secret in the ledger opens with the key of the station. */
export const SECRETS_LOOK_MS = 60_000;
/** Lines of the log that wait while nobody reads it or its disk is full; more are counted and dropped. */
export const LOG_WAITING_BYTES = 1 * MIB;
/** Connections to the HTTP port, of which each takes a descriptor; one more is closed at once. */
export const HTTP_CONNECTIONS_MAX = 512;
/** A copy log is staged in blocks of this size: one is in memory, and 50,000 of them make 48 GiB. */
export const LOG_BLOCK_BYTES = 1 * MIB;
/** XML of the Import/Export formats is at most six elements deep; deeper is not theirs. */
export const XML_DEPTH_MAX = 8;
/**
 * Elements in one blob of an XML file that is read: 262,144 are the 4 MiB ranges of the largest page
 * blob of the 2014 format, 1 TiB. Such a blob takes 150 MB for as long as it is looked at.
 */
export const XML_ITEM_MAX_ELEMENTS = 270_000;
const DAY_MS = 24 * 60 * 60 * 1000;
/**
 * The time-outs of a job's life ("Retrieving State Information for a Job"): two weeks in Creating, two
 * weeks until a parcel counts as missing and 30 days for the customer's answer, two weeks until early
 * drives are sent back, 90 days until what cannot be returned is destroyed, 10 days in one state with
 * drives here (what the service aims at for a copy), 90 days that a finished job is kept. And of its
 * storage: ten minutes of an outage until operators are told, since many last less; five days of a copy
 * on hold, two before the blob service forgets staged blocks ("Put Block", Microsoft Learn: a week). A
 * disk that was pulled in mid-copy is told of after four hours: by then no technician has it in his hands.
 */
export const LIFE_CYCLE_TIME_OUTS: TimeOuts = {
  creatingMs: 14 * DAY_MS,
  arrivalMs: 14 * DAY_MS,
  answerMs: 30 * DAY_MS,
  earlyDrivesMs: 14 * DAY_MS,
  destroyMs: 90 * DAY_MS,
  overdueMs: 10 * DAY_MS,
  finishedMs: 90 * DAY_MS,
  storageAwayMs: 10 * 60_000,
  diskMissingMs: 4 * 60 * 60_000,
  stagedHeldMs: 5 * DAY_MS,
  stagedKeptMs: 7 * DAY_MS,
};
/** How often time alone is looked at: a small part of the shortest above. */
export const LIFE_CYCLE_TICK_MS = 60_000;
/**
 * A clock that differs by so much from the time that has passed was set, and no time-out of days acts
 * until it is clear which is right. An hour is far more than a clock drifts or NTP corrects while a
 * station runs, and far less than a day.
 */
export const CLOCK_JUMP_MS = 60 * 60 * 1000;
/**
 * A clock that has gone on by so much since the last entry of the event log, over a boot of the machine,
 * is asked about: the station was switched off for long, or the clock of its board is wrong.
 */
export const CLOCK_GAP_MS = 30 * DAY_MS;
/** How long a finished job stays on the screens. */
export const FINISHED_SHOWN_MS = 2 * DAY_MS;
/** A directory store keeps blocks that were staged and not committed for as long as the service does. */
export const UNCOMMITTED_BLOCKS_MS = 7 * DAY_MS;
/** Characters of one tag, text or comment of an XML file that is read; paths are 32,767 at most. */
export const XML_RUN_MAX_LENGTH = 64 * KIB;
/**
 * A drive manifest of the 2014 format ("Import/Export service manifest file format", Microsoft Learn):
 * a block or page range has at most 4 MiB, a blob at most 50,000 blocks, and a block blob up to 64 MiB
 * may go without block ids. Newer versions of the blob service take larger blocks, but no published
 * manifest has one.
 */
export const MANIFEST_LIMITS: ManifestLimits = {
  maxRangeBytes: 4 * MIB,
  maxBlocks: 50_000,
  idlessBytes: 64 * MIB,
};
/** A metadata or properties file of a drive: the service keeps 8 KiB of what it says; XML needs room. */
export const SIDE_FILE_MAX_BYTES = 64 * KIB;

/** The array of entries of a GPT: 16 KiB by the specification; more than this is none. */
export const GPT_ARRAY_MAX_BYTES = 1 * MIB;
/** Logical partitions that are followed in the chain of an old partition table. */
export const MBR_LOGICAL_MAX = 128;
/** BitLocker keeps 64 KiB for each copy of its metadata. */
export const BITLOCKER_METADATA_MAX_BYTES = 64 * KIB;
/** Protectors that one key is tried on; each costs two seconds, and Windows makes a few. */
export const BITLOCKER_PROTECTORS_MAX = 16;
/** A tool that opens or closes a volume (`losetup`, `mount`, `cryptsetup`) is abandoned after this. */
export const VOLUME_TOOL_DEADLINE_MS = 30_000;
/** A filesystem helper that has not mounted by then is ended: the disk hangs, or is full of errors. */
export const VOLUME_MOUNT_DEADLINE_MS = 60_000;
/** From the unmount until a filesystem helper is killed, and from then until it is given up. */
export const VOLUME_CLOSE_GRACE_MS = 3_000;
/** A path on Windows with the long-path prefix, in UTF-16 code units. */
export const WINDOWS_PATH_MAX = 32_767;
/** One name in a path on NTFS, exFAT and Windows, in UTF-16 code units. */
export const WINDOWS_NAME_MAX = 255;
/** Names of the folder searched last, kept for the next search without regard to case. */
export const FOLDER_CACHE_NAMES = 20_000;
/** Times that a walk looks again at a folder or file that did not read, each from the disk itself. */
export const WALK_RETRIES = 2;
/** Time for that in one walk over a volume: where whole areas are dead, no second look finds anything. */
export const WALK_RETRY_MS = 10 * 60_000;
/** Folders inside each other that a walk goes into; each keeps one descriptor open. */
export const WALK_DEPTH_MAX = 256;
