import type { DiskIdentityFile } from '../detect/identity-file.ts';
import type { LoopAttachment } from './loop-device.ts';

/**
 * A loopback disk: an image file that the kernel shows as a read-only disk, for tests, for the demo
 * and for rehearsal. What is plugged in is never the image itself but `plugged-<bay>.img` in the
 * loopback directory, with `plugged-<bay>.disk.yaml` beside it, so that the detector finds the
 * identity from the path of the backing file and a pull cannot harm the image.
 */
export interface LoopDisk extends AsyncDisposable {
  /** For example `/dev/loop3`. */
  readonly device: string;
  /** For example `loop3`, the name under `/sys/block`. */
  readonly name: string;
  readonly bay: string;
  /** Kernel sequence number of this attachment. */
  readonly diskseq: number;
  /** The backing file: `plugged-<bay>.img` in the loopback directory. */
  readonly pluggedPath: string;
  /**
   * Takes the disk out in order; waits until the kernel has let go and removes the plugged files.
   * A disk that a program still holds open is pulled instead, and if it is held even then, throws
   * `disk-busy` (nothing is left behind: the kernel frees the device at the last close).
   */
  unplug(): Promise<void>;
  /** Pulls the disk while it may be in use. */
  pull(kind: PullKind): Promise<PullOutcome>;
}

/**
 * What an open reader sees of a pulled disk. `clean-eof`: 0 bytes and no error (without `perl`, a read
 * at that very moment can meet EIO instead). `io-error`: EIO for a short while, then 0 bytes, as with a
 * USB disk. In both cases the size in sysfs becomes 0.
 */
export type PullKind = 'clean-eof' | 'io-error';

/** `still-open`: a program keeps the device open; the kernel lets go when that program closes it. */
export type PullOutcome = 'released' | 'still-open';

export interface PlugOptions {
  /** The loopback directory of the station; unless given, the one that holds the image. */
  readonly directory?: string;
  /** Unless given, the identity's bay, else the first of `bay-1`, `bay-2` … that is empty. */
  readonly bay?: string;
  /** Instead of the identity file beside the image. */
  readonly identity?: DiskIdentityFile;
  /** Logical sector size that the disk reports; 512 unless given. */
  readonly sectorBytes?: 512 | 4096;
  /** Names (`loop3`) that must not be used again, for a replug under another name. */
  readonly avoid?: readonly string[];
  /** How the backing file comes to be; unless given, a private copy of the image. */
  readonly attach?: AttachStrategy;
}

/** Makes the file at `pluggedPath` that the loop device is then attached to. */
export type AttachStrategy = (order: AttachOrder) => Promise<Backing>;

export interface AttachOrder {
  readonly imagePath: string;
  readonly pluggedPath: string;
  readonly identity: DiskIdentityFile;
}

/** The file behind a loop device, with the ways in which it can go away. */
export interface Backing {
  /** From now on reads fail with EIO; the size stays. */
  fail(): Promise<void>;
  /** From now on the device has size 0; reads before this are not disturbed. */
  vanish(loop: LoopAttachment): Promise<void>;
  /** Ends whatever keeps a read waiting, so that the device can be detached. */
  release(): Promise<void>;
  /** Removes the file at `pluggedPath` and all that was set up for it. Safe to call twice. */
  close(): Promise<void>;
}
