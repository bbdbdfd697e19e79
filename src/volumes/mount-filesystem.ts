import { readFile } from 'node:fs/promises';
import type { FilesystemDamage } from '../domain/files-verdict.ts';
import { throwIfCancelled } from '../errors.ts';
import type { Filesystem } from './contract.ts';
import { DamageWatch, type Telling } from './damage.ts';
import { startHelper, unmount } from './helper.ts';
import { hasFuse, hasTool, runVolumeTool, toolsMissing } from './tools.ts';

/**
 * Mounting, so that nothing is written and nothing on the volume can act: read-only, no log replayed,
 * no programs, devices or set-user-id bits. What lies beneath is read-only for the kernel as well.
 *
 * NTFS and exFAT are read in user space where that is possible: a drive is hostile input, a helper that it
 * brings down is only a helper, and the kernel's drivers pass over what does not read of a folder.
 */

const CONTAINED = 'ro,nosuid,nodev,noexec';

interface Driver {
  /** The kernel's name of the filesystem. */
  readonly kernel: string;
  readonly telling: Telling;
  /** What keeps it from writing, beyond `ro`, and the drive from having a say in how it is mounted. */
  readonly options?: string;
  readonly helper?: FuseDriver;
}

interface FuseDriver {
  readonly tool: string;
  readonly package: string;
  /** It mounts no file, such as the one that `dislocker` gives. */
  readonly needsBlockDevice?: boolean;
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
    telling: { mark: 'ntfs3', onlyInLog: true, passesOver: true },
    helper: {
      tool: 'ntfs-3g',
      package: 'ntfs-3g',
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
    telling: { mark: 'exFAT-fs', onlyInLog: true, passesOver: true },
    helper: {
      tool: 'mount.exfat-fuse',
      package: 'exfat-fuse',
      needsBlockDevice: true,
      // `-d` is its only way to stay in the foreground.
      args: (device, mountPoint) => ['-d', '-o', CONTAINED, device, mountPoint],
    },
  },
  fat: { kernel: 'vfat', telling: { mark: 'FAT-fs', onlyInLog: true }, options: 'utf8' },
  ext: { kernel: 'ext4', telling: { mark: 'EXT4-fs error' }, options: EXT_OPTIONS },
  xfs: { kernel: 'xfs', telling: { mark: 'XFS' }, options: 'norecovery,nouuid' },
};

export interface MountOrder {
  readonly filesystem: Filesystem;
  readonly path: string;
  readonly isBlockDevice: boolean;
  readonly mountPoint: string;
}

export interface Mounted {
  /** What is known so far of damage in it; nothing of a filesystem in user space, which fails. */
  damage(): Promise<FilesystemDamage>;
  /** Unmounts, bounded; gives what did not go away. */
  close(): Promise<readonly string[]>;
}

/** Throws `volume-tools-missing`, `tool-failed`, `tool-timed-out`, `cancelled`. */
export async function mountFilesystem(order: MountOrder, signal: AbortSignal): Promise<Mounted> {
  const driver = DRIVERS[order.filesystem];
  const helper = await usableHelper(driver, order);
  if (helper !== undefined) {
    const args = helper.args(order.path, order.mountPoint);
    const call = { tool: helper.tool, args, mountPoint: order.mountPoint };
    const { close } = await startHelper(call, signal);
    return { close, damage: async () => ({ said: [] }) };
  }
  if (driver.helper !== undefined && !(await kernelKnows(driver.kernel))) {
    throw toolsMissing([`${driver.helper.package} with /dev/fuse, or the module ${driver.kernel}`]);
  }
  return mountInKernel(order, driver, signal);
}

async function usableHelper(
  { helper }: Driver,
  { isBlockDevice }: MountOrder,
): Promise<FuseDriver | undefined> {
  if (helper === undefined || !(await hasFuse())) return undefined;
  if (helper.needsBlockDevice === true && !isBlockDevice) return undefined;
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
  const watch = await DamageWatch.begin(driver.telling);
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
  watch.follow(mountPoint);
  return { close, damage: () => watch.found(mountPoint) };
}
