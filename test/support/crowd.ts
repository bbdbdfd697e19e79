import { type FaultDisk, faultDisk } from '../../native-fixtures/fault-disk.ts';
import { plug } from '../../native-fixtures/loop-disk.ts';
import type { DiskFault } from '../../src/detect/identity-file.ts';
import type { DriveView } from '../../src/serve/wire.ts';
import type { Daemon } from './daemon.ts';
import { jobOf, MIB, makeImage } from './disks.ts';

/** Many drives at once: healthy ones, and beside them one that hangs, one with bad sectors, one pulled. */

const HANGS = 'HANGS-0001';
const BAD = 'BAD-0001';
const PULLED = 'PULLED-0001';
/** A job lists ten drives at most. */
const DRIVES_OF_A_JOB = 10;
/** A thousand bad sectors; a fault disk has 256 faults at most. */
const BAD_PLACES = 250;
const BAD_PLACE_BYTES = 4 * 512;
/** As long as a fault disk hangs at most. */
const HANG_MAX_S = 60;

export interface Crowd {
  readonly healthy: number;
  readonly withSick: boolean;
  readonly sizeBytes: number;
  /** Time for the copies until they count as stuck for good. */
  readonly deadlineMs: number;
}

export interface CrowdEnd {
  readonly images: ReadonlyMap<string, string>;
  /** From the moment that the jobs were there, in milliseconds, by serial. */
  readonly tookMs: ReadonlyMap<string, number>;
  /** From the pull until the screens said so. */
  readonly pullNoticedMs: number | undefined;
  /** The one that hangs as it was when it made room, the others as they are at the end. */
  readonly sick: Readonly<Record<'hangs' | 'bad' | 'pulled', DriveView | undefined>>;
}

/** Bad sectors all over the disk, four at each place. */
function badSectors(sizeBytes: number): DiskFault[] {
  const stepBytes = Math.floor(sizeBytes / BAD_PLACES / 4096) * 4096;
  return Array.from({ length: BAD_PLACES }, (_, at) => {
    const place = { offsetBytes: at * stepBytes, lengthBytes: BAD_PLACE_BYTES };
    return { kind: 'read-error', errno: 5, ...place } as const;
  });
}

/** Plugs them all in, sends the jobs, and waits until each healthy drive is `Completed`. */
export async function playCrowd(daemon: Daemon, crowd: Crowd): Promise<CrowdEnd> {
  const { healthy, sizeBytes, deadlineMs } = crowd;
  const directory = daemon.disksDirectory;
  const images = new Map<string, string>();
  for (let at = 1; at <= healthy; at++) {
    const serial = `WELL-${String(at).padStart(4, '0')}`;
    images.set(serial, await makeImage(directory, { serial, sizeBytes }));
  }
  for (const image of images.values()) await plug(image, { directory });
  await using sick = crowd.withSick ? await SickDisks.plug(daemon, sizeBytes) : undefined;
  const begun = performance.now();
  await createJobs(daemon, [...images.keys(), ...(sick?.serials ?? [])]);
  const pulling = sick?.pullInMidCopy();
  const tookMs = new Map<string, number>();
  const ends = [...images.keys()].map(async (serial) => {
    await daemon.untilDrive(serial, (d) => d.state === 'Completed', 'completed', deadlineMs);
    tookMs.set(serial, performance.now() - begun);
  });
  const hanging = sick?.madeRoom(deadlineMs);
  const [pullNoticedMs, hangs] = await Promise.all([pulling, hanging, ...ends]);
  const [bad, pulled] = [BAD, PULLED].map((serial) => daemon.drive(serial));
  return { images, tookMs, pullNoticedMs, sick: { hangs, bad, pulled } };
}

async function createJobs(daemon: Daemon, serials: readonly string[]): Promise<void> {
  for (let from = 0; from < serials.length; from += DRIVES_OF_A_JOB) {
    const listed = serials.slice(from, from + DRIVES_OF_A_JOB);
    await daemon.createJob(jobOf(`crowd-${from / DRIVES_OF_A_JOB + 1}`, listed));
  }
}

class SickDisks implements AsyncDisposable {
  readonly serials = [HANGS, BAD, PULLED];
  readonly #daemon: Daemon;
  readonly #disks: readonly FaultDisk[];

  private constructor(daemon: Daemon, disks: readonly FaultDisk[]) {
    this.#daemon = daemon;
    this.#disks = disks;
  }

  static async plug(daemon: Daemon, sizeBytes: number): Promise<SickDisks> {
    const offsetBytes = Math.floor(sizeBytes / 2);
    const hang = { kind: 'hang', offsetBytes, lengthBytes: 4096, maxSeconds: HANG_MAX_S } as const;
    const disks: FaultDisk[] = [];
    const all: [string, DiskFault[]][] = [
      [HANGS, [hang]],
      [BAD, badSectors(sizeBytes)],
      [PULLED, []],
    ];
    for (const [serial, faults] of all) {
      const image = await makeImage(daemon.disksDirectory, { serial, sizeBytes });
      disks.push(await faultDisk(image, { directory: daemon.disksDirectory, faults }));
    }
    return new SickDisks(daemon, disks);
  }

  /** Pulls one while it is copied; gives after how many milliseconds the screens said so. */
  async pullInMidCopy(): Promise<number> {
    const isUnderWay = ({ progress }: DriveView) => (progress?.stagedBytes ?? 0) > 0;
    await this.#daemon.untilDrive(PULLED, isUnderWay, 'under way', 120_000);
    const pulled = performance.now();
    const pulling = this.#disks[2]?.disk.pull('io-error');
    const isGone = ({ activity }: DriveView) => activity.kind === 'detached';
    await this.#daemon.untilDrive(PULLED, isGone, 'unplugged');
    const noticedMs = performance.now() - pulled;
    await pulling;
    return noticedMs;
  }

  /** Waits until the one that hangs holds no place any more. */
  async madeRoom(deadlineMs: number): Promise<DriveView | undefined> {
    const isHanging = ({ sick }: DriveView) => sick === 'hanging';
    const view = await this.#daemon.untilDrive(HANGS, isHanging, 'hanging', deadlineMs);
    return view.drives.find(({ driveId }) => driveId === HANGS);
  }

  /** Lets what hangs go on first, or nothing could be taken out. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const disk of this.#disks) await disk.clear().catch(() => undefined);
    for (const disk of this.#disks) await disk.close();
  }
}

/** Enough for a handful of blocks each. */
export const SMALL_DISK_BYTES = 48 * MIB;
