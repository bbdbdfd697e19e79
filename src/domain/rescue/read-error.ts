/** What is known about a disk after a read of it failed: the error, and second facts. */
export interface ReadErrorFacts {
  /**
   * The error as the kernel gave it, or `early-end` for no bytes inside of the disk's size. The disk is
   * read past the page cache, so this is the block layer's own word: `ENODATA` is a medium error,
   * `ETIMEDOUT` a timeout, `ENOLINK` a broken transport, `ENODEV` a device taken offline.
   */
  readonly errno: string;
  /** What the kernel shows behind the device number now, by its diskseq and size. */
  readonly attachment: 'same' | 'another' | 'none';
  /** The kernel has given the disk up (`device/state`), though nobody took it away. */
  readonly isOffline: boolean;
  /** What the kernel wrote into its log about the disk lately, when that can be read. */
  readonly kernelLines: readonly string[];
  /** Another place of the disk was read just now. */
  readonly readsElsewhere: boolean;
  /** The kernel has had its time to take a pulled disk away. */
  readonly graceIsOver: boolean;
}

/**
 * - `media`: the disk is there and has a bad place.
 * - `gone`: it was taken away, or something else is in its place.
 * - `given-up`: it is plugged in, and the kernel does not talk to it any more.
 * - `unclear`: look again when the kernel has had its time.
 */
export type ReadErrorMeaning = 'media' | 'gone' | 'given-up' | 'unclear';

const NO_MEDIUM = 'ENOMEDIUM';
/** Errors about the device as a whole: they are about one place only when another place reads. */
const OF_THE_DEVICE = new Set(['ENODEV', 'ENXIO', 'ENOLINK', 'ETIMEDOUT']);

/**
 * Tells a bad sector from a disk that left: an errno alone never does. A pulled disk begins with the very
 * `EIO` of a bad sector, or as a clean end; a bad sector can come as a timeout.
 */
export function meaningOf(facts: ReadErrorFacts): ReadErrorMeaning {
  if (facts.attachment !== 'same' || facts.errno === NO_MEDIUM) return 'gone';
  if (facts.isOffline) return 'given-up';
  // The size is fixed at open: an end before it is a disk that leaves, whatever else it shows.
  if (facts.errno === 'early-end') return facts.graceIsOver ? 'given-up' : 'unclear';
  if (facts.readsElsewhere) return 'media';
  if (!facts.graceIsOver) return 'unclear';
  const isOfDevice = OF_THE_DEVICE.has(facts.errno) || saysDevice(facts.kernelLines);
  return isOfDevice ? 'given-up' : 'media';
}

/**
 * The block layer names what ended a read ("blk_errors" in the kernel's `block/blk-core.c`), also where
 * the reader is told no more than `EIO`. The last word counts.
 */
function saysDevice(lines: readonly string[]): boolean {
  const told = lines.flatMap((line) => KERNEL_WORDS.exec(line)?.[0] ?? []).at(-1);
  return told !== undefined && told !== 'critical medium error';
}

const KERNEL_WORDS = /critical medium error|device offline error|timeout error|transport error/u;
