import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { linkTarget, namesIn, readAttribute } from './attribute.ts';

/** One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export interface Mount {
  /** `major:minor`; the major is 0 for file systems such as btrfs, overlay and tmpfs. */
  readonly deviceNumber: string;
  readonly mountpoint: string;
  /** What was mounted: `/dev/sda2`, or a name without meaning to us. */
  readonly source: string;
}

const DEVICE_FIELD = 2;
const MOUNTPOINT_FIELD = 4;

/** Optional fields end at a lone `-`; a line that is no mount is passed over. */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const separator = fields.indexOf('-', MOUNTPOINT_FIELD + 1);
    const source = fields[separator + 2];
    const [deviceNumber, mountpoint] = [fields[DEVICE_FIELD], fields[MOUNTPOINT_FIELD]];
    if (separator < 0 || source === undefined || !deviceNumber || !mountpoint) continue;
    mounts.push({ deviceNumber, mountpoint: decodeOctal(mountpoint), source: decodeOctal(source) });
  }
  return mounts;
}

/** The devices and files of `/proc/swaps`; its first line is a heading. */
export function parseSwaps(text: string): string[] {
  const lines = text.split('\n').slice(1);
  return lines.map((line) => decodeOctal(line.split(/\s/u)[0] ?? '')).filter((name) => name !== '');
}

/** The kernel prints blanks, tabs, newlines and backslashes in these files as octal escapes. */
function decodeOctal(text: string): string {
  const decode = (run: string) =>
    Buffer.from(run.match(/[0-7]{3}/gu)?.map((octal) => Number.parseInt(octal, 8)) ?? []);
  return text.replace(/(?:\\[0-7]{3})+/gu, (run) => decode(run).toString('utf8'));
}

/** One block device, whole or partition, and what it is built of. */
export interface BlockNode {
  readonly name: string;
  readonly deviceNumber: string;
  /** The whole disk that it is a partition of. */
  readonly parent?: string;
  /** The devices below a device-mapper, RAID or similar device. */
  readonly slaves: readonly string[];
  /** `/dev/mapper` name. */
  readonly mapperName?: string;
  /** What a loop device is attached to: a file, or another block device. */
  readonly backingFile?: string;
}

/** Everything that says who uses which block device. */
export interface UsageInput {
  readonly nodes: readonly BlockNode[];
  readonly mounts: readonly Mount[];
  readonly swaps: readonly string[];
  /** Block devices with a mounted file system that announces itself in `/sys/fs`. */
  readonly mountedDevices: readonly string[];
  readonly stateDirectory: string;
}

export interface UsageRoots {
  readonly sysRoot: string;
  readonly procRoot: string;
  readonly stateDirectory: string;
}

/** Reads who uses what. Opens no device. Throws when the kernel's mount table cannot be read. */
export async function readUsage(roots: UsageRoots): Promise<UsageInput> {
  const { sysRoot, procRoot } = roots;
  const [own, first, swaps, nodes, mountedDevices, stateDirectory] = await Promise.all([
    readFile(join(procRoot, 'self/mountinfo'), 'utf8'),
    // The service runs in a mount namespace of its own; what others mounted counts as well.
    readAttribute(join(procRoot, '1/mountinfo')),
    readAttribute(join(procRoot, 'swaps')),
    readNodes(sysRoot),
    readMountedDevices(sysRoot),
    realpath(roots.stateDirectory).catch(() => roots.stateDirectory),
  ]);
  const mounts = [...parseMountinfo(own), ...parseMountinfo(first ?? '')];
  return { nodes, mounts, swaps: parseSwaps(swaps ?? ''), mountedDevices, stateDirectory };
}

async function readNodes(sysRoot: string): Promise<BlockNode[]> {
  const directory = join(sysRoot, 'dev/block');
  const numbers = await namesIn(directory);
  const places = await Promise.all(
    numbers.map(async (deviceNumber) => {
      const path = (await linkTarget(join(directory, deviceNumber)))?.split('/') ?? [];
      return { deviceNumber, name: path.at(-1) ?? '', above: path.at(-2) ?? '' };
    }),
  );
  const names = new Set(places.map((place) => place.name));
  const isNode = (place: { name: string }) => place.name !== '';
  return Promise.all(
    places.filter(isNode).map(async ({ name, deviceNumber, above }) => ({
      name,
      deviceNumber,
      ...(names.has(above) ? { parent: above } : await readStack(sysRoot, name)),
      slaves: names.has(above) ? [] : await readSlaves(sysRoot, name),
    })),
  );
}

const STACKED = /^(?:dm-|md|bcache|drbd)/u;

function readSlaves(sysRoot: string, name: string): Promise<string[]> | string[] {
  return STACKED.test(name) ? namesIn(join(sysRoot, 'block', name, 'slaves')) : [];
}

async function readStack(sysRoot: string, name: string) {
  const text = (path: string) => readAttribute(join(sysRoot, 'block', name, path));
  if (name.startsWith('dm-')) {
    const mapperName = await text('dm/name');
    return mapperName === undefined ? {} : { mapperName };
  }
  if (!name.startsWith('loop')) return {};
  const backingFile = await text('loop/backing_file');
  return backingFile === undefined ? {} : { backingFile };
}

/** Each of these has a directory per mounted device. */
const ANNOUNCING = ['ext4', 'xfs', 'f2fs', 'erofs'];

/**
 * A mount can be out of every visible mount table: the root below an overlay after `switch_root`, or
 * one in another mount namespace. Several file systems still name their device in `/sys/fs`.
 */
async function readMountedDevices(sysRoot: string): Promise<string[]> {
  const fs = join(sysRoot, 'fs');
  const plain = await Promise.all(ANNOUNCING.map((kind) => namesIn(join(fs, kind))));
  const pools = await namesIn(join(fs, 'btrfs'));
  const members = await Promise.all(
    pools.map((pool) => namesIn(join(fs, 'btrfs', pool, 'devices'))),
  );
  return [...plain, ...members].flat();
}
