import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from '../../src/loopback/run-tool.ts';
import { type Region, reservedRegions } from './bitlocker-regions.ts';
import { FuseMount } from './fuse.ts';
import { unpackImage } from './lab.ts';
import { reserveClusters } from './ntfs-bitmap.ts';
import type { VolumeSpec } from './spec.ts';

const MIB = 1024 * 1024;
const PLAIN_BYTES = 64 * MIB;
const CLUSTER_BYTES = 4096;
const FORMAT_DEADLINE_MS = 60_000;

export interface VolumeOrder {
  /** An empty directory for everything on the way. */
  readonly directory: string;
  /** Puts the files in; gets the root of the mounted filesystem. Not called for other than NTFS. */
  readonly fill: (root: string) => Promise<void>;
}

export interface MadeVolume {
  readonly file: string;
  readonly recoveryKey?: string;
}

/** Makes the volume as a file: encrypted or not, formatted, filled. */
export async function makeVolume(spec: VolumeSpec, order: VolumeOrder): Promise<MadeVolume> {
  if (spec.bitlocker === 'none') {
    const file = join(order.directory, 'volume.img');
    await truncateNew(file, spec.sizeBytes ?? PLAIN_BYTES);
    await formatAndFill(spec, file, { ...order, reserved: [] });
    return { file };
  }
  const { file, recoveryKey } = await unpackImage(spec.bitlocker, order.directory);
  if (recoveryKey === undefined) return { file };
  await using image = await open(file);
  const reserved = await reservedRegions(image);
  await using opened = await unlocked(file, recoveryKey, order.directory);
  await formatAndFill(spec, join(opened.mountPoint, 'dislocker-file'), { ...order, reserved });
  return { file, recoveryKey };
}

async function truncateNew(file: string, sizeBytes: number): Promise<void> {
  await using handle = await open(file, 'wx');
  await handle.truncate(sizeBytes);
}

async function unlocked(file: string, key: string, directory: string): Promise<FuseMount> {
  const mountPoint = join(directory, 'unlocked');
  await mkdir(mountPoint);
  const args = ['-q', '-V', file, `-p${key}`, '--', '-f', mountPoint];
  return FuseMount.start('dislocker-fuse', args, mountPoint);
}

interface Formatting extends VolumeOrder {
  readonly reserved: readonly Region[];
}

async function formatAndFill(spec: VolumeSpec, file: string, order: Formatting): Promise<void> {
  switch (spec.filesystem) {
    case 'none':
      return wipe(file);
    case 'ext4':
      return formatExt4(file);
    case 'ntfs':
      return ntfs(file, order);
  }
}

/** Some images have the beginning of an older filesystem in them. */
async function wipe(file: string): Promise<void> {
  await using handle = await open(file, 'r+');
  await handle.write(Buffer.alloc(8192), 0, 8192, 0);
}

async function formatExt4(file: string): Promise<void> {
  await wipe(file);
  // What fits before BitLocker's own places in any of the images.
  await runTool(
    'mke2fs',
    ['-q', '-F', '-t', 'ext4', '-O', '^has_journal', file, '2M'],
    FORMAT_DEADLINE_MS,
  );
}

async function ntfs(file: string, { directory, reserved, fill }: Formatting): Promise<void> {
  const flags = ['-F', '-Q', '-q', '-T', '-s', '512', '-c', String(CLUSTER_BYTES), '-L', 'DATA'];
  await runTool('mkntfs', [...flags, file], FORMAT_DEADLINE_MS);
  {
    await using volume = await open(file, 'r+');
    await reserveClusters(volume, reserved);
  }
  const root = join(directory, 'root');
  await mkdir(root);
  await using mounted = await FuseMount.start(
    'ntfs-3g',
    ['-o', 'no_detach,big_writes', file, root],
    root,
  );
  await fill(mounted.mountPoint);
}
