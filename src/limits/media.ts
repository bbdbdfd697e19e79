/** Bounds on what is done about a disk that does not read well. */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** After a read error, the kernel gets this long to take a pulled disk away. */
export const DISK_GONE_GRACE_MS = 2_000;
/**
 * While nothing of a disk can be read, its errors count as those of bad sectors for this long after the
 * kernel had its time; then it gets that time again. Nothing is kept of them before.
 */
export const DISK_UNPROVEN_MS = 10_000;
/**
 * A read of the fast copy: past the speed of hashing on any disk, and small enough that the sectors of
 * one that fails can all be tried one by one, so that no read of another size meets the bad ones again.
 */
export const FAST_READ_BYTES = 1 * MIB;
/** A read near a bad place: what GNU ddrescue reads at once, so that its advice holds for us. */
export const RESCUE_CLUSTER_BYTES = 64 * KIB;
/**
 * Passes over single bad sectors after the first. Each sector is then tried four times in all: in a
 * larger read, alone, and twice again. What the medium holds in one piece is alone as a physical sector,
 * and in the last retry by logical ones, for bridges that are wrong about it.
 */
export const RESCUE_RETRIES = 2;
/**
 * A run of bad sectors this long is a scratch or a dead head: when all of it failed in a larger read,
 * alone and once again, it is not tried any more. Shorter ones have both retries.
 */
export const RESCUE_DEAD_RUN_BYTES = 32 * KIB;
/** After an error the fast copy reads in clusters, until so much was read without another. */
export const CAREFUL_BYTES = 4 * GIB;
/**
 * The smallest read of a file near a bad place. A filesystem reads through the page cache, and asks the
 * disk for whole pages whatever it is asked for itself.
 */
export const FILE_PAGE_BYTES = 4 * KIB;
/** Time for one bad area in one pass; the next ones have their turn then. */
export const RESCUE_AREA_MS = 10 * 60_000;
/** Time for one pass over the bad areas of a drive. */
export const RESCUE_PASS_MS = 8 * 60 * 60_000;
/** Time for all bad areas of a drive: what is not read by then is given up, and the log says so. */
export const RESCUE_DRIVE_MS = 24 * 60 * 60_000;
/**
 * Where a disk hangs, each try costs minutes and a person who pulls it. So what is left out is a page at
 * first, since disks hang at physical sectors; then 1 MiB on both sides, which is all that a read of the
 * fast copy can leave; then 16 times as much each time, so that the largest area takes a handful of tries.
 */
export const HUNG_PLACE = { grainBytes: 4 * KIB, besideBytes: 1 * MIB, growth: 16 } as const;
/**
 * Areas in the map of a drive's bad places: 24 MB of memory and 4 MB of text. A disk that has more is
 * not read in finer detail.
 */
export const RESCUE_AREAS_MAX = 100_000;
/**
 * The map of bad places is written this often while all reads come; what a crash makes the station read
 * once more are good places then.
 */
export const RESCUE_SAVE_MS = 5_000;
/**
 * After a read that failed, and after one that came at a retry, the map is written at once, unless that
 * takes more than one part in so many of the time: a crash repeats a handful of them and no more.
 */
export const RESCUE_SAVE_SHARE = 4;
/**
 * What was read of blocks with bad places waits in the state directory until they are whole: of one drive
 * never more than this, however sick its disk. So much of it is rescued at a time.
 */
export const RESCUE_SCRATCH_BYTES = 4 * GIB;
/**
 * Nor does one drive take more than one part in so many of the room above the reserve. Each further sick
 * drive takes its part of what is left, so that all of them together never come to the reserve.
 */
export const RESCUE_SCRATCH_SHARE = 16;
/**
 * The fast copy takes at most one part in so many of that for what it read in front of bad places. It can
 * read it again; what a rescue needs at one time it has to keep.
 */
export const RESCUE_SCRATCH_FAST_SHARE = 2;
/** A read below this rate, in bytes a second, is slow; a worn disk gives 30 MB/s, a USB 2 stick 5. */
export const SLOW_READ_BYTES_PER_S = 1 * MIB;
/** So many slow reads in a row make an area that is left for later; one is a disk that spins up. */
export const SLOW_READS = 2;
/** The kernel's log is read this often for damage in a mounted filesystem; a bad disk can fill it in seconds. */
export const DAMAGE_LOOK_MS = 1_000;
/** Records of the kernel log that are looked through after a disk failed; a log has some thousands. */
export const KERNEL_RECORDS_MAX = 20_000;
/** Of those about the disk, so many are told. */
export const KERNEL_LINES_KEPT = 4;
/** Places that were read well, 4 KiB each, of which one is read again and compared after each error. */
export const GOOD_PLACES = 8;
/**
 * Blocks of a disk with bad places that may wait for a check of a good place until they count as safe:
 * then one is due. It takes two seeks, and the ring has two buffers more.
 */
export const UNSURE_BLOCKS_MAX = 6;
/**
 * Blocks that are written down between two checks of a good place while a disk reads without an error: of
 * these and no more it has to be asked again what they are, when a check finds rubbish or never comes.
 */
export const UNCHECKED_BLOCKS_MAX = 128;
/**
 * After so long a check of a good place is due, however few blocks came: what no check has passed is read
 * again when a copy goes on, and a slow disk that drops out now and then has to get further each time.
 */
export const UNCHECKED_MS = 15_000;
/**
 * Landmarks of a disk that a copy journal keeps, 4 KiB each: by them it is known again on resume, also
 * where no block of it can be read whole any more.
 */
export const LANDMARKS = 64;
/**
 * Landmarks of a disk that are chosen before its files are copied, and all read again when the copy goes
 * on, after errors, from time to time without one and before the verdict: a tenth of a second on any disk.
 */
export const VOLUME_LANDMARKS = 8;
/** So many of them are compared each time that something of a doubtful disk is to be taken for good. */
export const LANDMARKS_IN_TURN = 2;
/**
 * While no read fails, all those landmarks are read again when files of so many bytes have ended, or so many,
 * and each so many bytes within a file: some seconds of reading. That is what a copy reads again, and does
 * not send again, when its disk left or it was killed before the next check.
 */
export const UNPROVED_FILES_MAX = { bytes: 1 * GIB, files: 1024 } as const;
/** Places that are looked at to find those: a blank one proves little, and a volume may be mostly blank. */
export const LANDMARK_TRIES = 64;
/**
 * Places all over a disk, 4 KiB each, that are read when its image cannot be proved by what was copied: how
 * a disk reads that a person is asked about, and whether one reads at all. A tenth of a second on any disk.
 */
export const PLACES_ALL_OVER = 8;
/** Unreadable ranges that a verdict tells one by one; the map has all. */
export const UNREADABLE_RANGES_TOLD = 8;
