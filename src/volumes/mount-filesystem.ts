import { readFile } from 'node:fs/promises';
import { throwIfCancelled } from '../errors.ts';
import type { Filesystem } from './contract.ts';
import { DamageWatch } from './damage.ts';
import { startHelper, unmount } from './helper.ts';
import { hasFuse, hasTool, runVolumeTool, toolsMissing } from './tools.ts';

/**
 * Mounting, so that nothing is written and nothing on the volume can act: read-only, no log replayed,
 * no programs, devices or set-user-id bits. What lies beneath is read-only for the kernel as well.
 *
 * NTFS is read in user space where that is possible, because a drive is hostile input and a helper
 * that it brings down is only a helper.
 */

const CONTAINED = 'ro,nosuid,nodev,noexec';

interface Driver {
  /** The kernel's name of the filesystem. */
  readonly kernel: string;
  /** How a line of the kernel's log about damage in it begins. */
  readonly damageMark: string;
  /** What keeps it from writing, beyond `ro`, and the drive from having a say in how it is mounted. */
  readonly options?: string;
  readonly helper?: FuseDriver;
}

interface FuseDriver {
  readonly tool: string;
  readonly package: string;
  readonly preferred: boolean;
  readonly args: (device: string, mountPoint: string) => readonly string[];
}

/**
 * The superblock of an ext4 can ask for a panic of the whole machine, or a warning that some machines take
 * as one, at the first error in it. `remount-ro` over `continue`: reads go on with both, and a newer kernel
 * then marks the mount for as long as it lasts.
 */
const EXT_OPTIONS = 'noload,errors=remount-ro,nowarn_on_error';

const DRIVERS: Readonly<Record<Filesystem, Driver>> = {
  ntfs: {
    kernel: 'ntfs3',
    damageMark: 'ntfs3',
    helper: {
      tool: 'ntfs-3g',
      package: 'ntfs-3g',
      preferred: true,
      // `norecover` leaves a log that was not closed alone; streams are not shown as anything.
      args: (device, mountPoint) => [
        '-o',
        `${CONTAINED},norecover,no_detach,streams_interface=none`,
        device,
        mountPoint,
      ],
    },
  },
  exfat: {
    kernel: 'exfat',
    damageMark: 'exFAT-fs',
    helper: {
      tool: 'mount.exfat-fuse',
      package: 'exfat-fuse',
      preferred: false,
      // `-d` is its only way to stay in the foreground.
      args: (device, mountPoint) => ['-d', '-o', CONTAINED, device, mountPoint],
    },
  },
  fat: { kernel: 'vfat', damageMark: 'FAT-fs', options: 'utf8' },
  ext: { kernel: 'ext4', damageMark: 'EXT4-fs error', options: EXT_OPTIONS },
  xfs: { kernel: 'xfs', damageMark: 'XFS', options: 'norecovery,nouuid' },
};

export interface MountOrder {
  readonly filesystem: Filesystem;
  readonly path: string;
  readonly isBlockDevice: boolean;
  readonly mountPoint: string;
}

export interface Mounted {
  /** What the kernel has said of damage in it so far; nothing of a filesystem in user space, which fails. */
  damage(): Promise<readonly string[]>;
  /** Unmounts, bounded; gives what did not go away. */
  close(): Promise<readonly string[]>;
}

/** Throws `volume-tools-missing`, `tool-failed`, `tool-timed-out`, `cancelled`. */
export async function mountFilesystem(order: MountOrder, signal: AbortSignal): Promise<Mounted> {
  const driver = DRIVERS[order.filesystem];
  const helper = await usableHelper(driver);
  const inKernel = await kernelKnows(driver.kernel);
  if (helper !== undefined && (helper.preferred || !inKernel)) {
    const args = helper.args(order.path, order.mountPoint);
    const call = { tool: helper.tool, args, mountPoint: order.mountPoint };
    const { close } = await startHelper(call, signal);
    return { close, damage: async () => [] };
  }
  if (!inKernel && driver.helper !== undefined) {
    throw toolsMissing([`${driver.helper.package} with /dev/fuse, or the module ${driver.kernel}`]);
  }
  return mountInKernel(order, driver, signal);
}

async function usableHelper({ helper }: Driver): Promise<FuseDriver | undefined> {
  if (helper === undefined || !(await hasFuse())) return undefined;
  return (await hasTool(helper.tool)) ? helper : undefined;
}

/** Built in or loaded already; a module that is not loaded is loaded by the mount itself. */
async function kernelKnows(name: string): Promise<boolean> {
  const known = await readFile('/proc/filesystems', 'utf8');
  return known.split('\n').some((line) => line.trim() === name);
}

async function mountInKernel(
  { path, isBlockDevice, mountPoint }: MountOrder,
  driver: Driver,
  signal: AbortSignal,
): Promise<Mounted> {
  throwIfCancelled(signal);
  const options = [CONTAINED, driver.options, isBlockDevice ? undefined : 'loop'];
  const joined = options.filter((option) => option !== undefined).join(',');
  const args = ['--internal-only', '-t', driver.kernel, '-o', joined, path, mountPoint];
  const watch = await DamageWatch.begin(driver.damageMark);
  const close = async () => {
    await watch[Symbol.asyncDispose]();
    return await unmount(mountPoint);
  };
  try {
    await runVolumeTool({ tool: 'mount', args }, signal);
  } catch (error) {
    await close();
    throw error;
  }
  return { close, damage: () => watch.found(mountPoint) };
}
