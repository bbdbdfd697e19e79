import {
  lstat,
  mkdir,
  open,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { runTool } from '../../src/loopback/run-tool.ts';
import { reservedRegions } from './bitlocker-regions.ts';
import type { Breakage, JobEntry } from './build.ts';
import { partitionAt } from './disk-image.ts';
import { onHost } from './paths.ts';
import type { BlobSpec, DiskSpec, DriveSpec, SideSpec, VolumeSpec } from './spec.ts';
import { BLOBS, type BlobKey, CONTAINER, fileOf } from './standard.ts';

/** The tools with which the standard drive is broken, one place at a time. */

// What the job says.

export const job = (entry: Partial<JobEntry>): Breakage => ({ job: entry });

// What the manifest says, with the job's hash made of the result.

export const xml = (change: (text: string) => string): Breakage => ({
  manifest: (bytes) => Buffer.from(change(bytes.toString())),
});

export const bytes = (change: (bytes: Buffer) => Buffer): Breakage => ({ manifest: change });

/** The text must be there: a breakage that breaks nothing is a `RangeError`. */
export const replace = (from: string | RegExp, to: string): Breakage =>
  xml((text) => {
    const changed = text.replace(from, to);
    if (changed === text) throw new RangeError(`${from} is not in the manifest`);
    return changed;
  });

/** Inside one blob. */
export const inBlob = (key: BlobKey, from: string | RegExp, to: string): Breakage =>
  xml((text) => {
    const at = text.indexOf(`<BlobPath>${CONTAINER}/${BLOBS[key].replaceAll('&', '&amp;')}<`);
    const changed = text.slice(at).replace(from, to);
    if (at < 0 || changed === text.slice(at)) throw new RangeError(`${from} is not in ${key}`);
    return text.slice(0, at) + changed;
  });

// What is on the volume.

export const files = (...steps: readonly ((root: string) => Promise<void>)[]): Breakage => ({
  files: async (root) => {
    for (const step of steps) await step(root);
  },
});

export const remove = (path: string) => (root: string) => unlink(onHost(root, path));

export const move = (from: string, to: string) => (root: string) =>
  rename(onHost(root, from), onHost(root, to));

export const cutTo = (path: string, sizeBytes: number) => (root: string) =>
  truncate(onHost(root, path), sizeBytes);

export const overwrite = (path: string, offset: number, text: string) => async (root: string) => {
  await using file = await open(onHost(root, path), 'r+');
  await file.write(text, offset);
};

export const append = (path: string, text: string) => (root: string) =>
  writeFile(onHost(root, path), text, { flag: 'a' });

export const create = (path: string, text: string) => (root: string) =>
  writeFile(onHost(root, path), text);

export const folderInstead = (path: string) => async (root: string) => {
  await rm(onHost(root, path), { recursive: true });
  await mkdir(onHost(root, path));
};

/** A symbolic link of Interix, which `ntfs-3g` shows as a link; to anywhere. */
export const linkInstead = (path: string, target: string) => async (root: string) => {
  const at = onHost(root, path);
  await rm(at, { recursive: true });
  await symlink(target, at);
};

/**
 * A junction of Windows, a reparse point on a folder; its target is a path of Windows. The mount shows
 * it as a link only when it is mounted anew, because the kernel remembers the folder.
 */
export const junctionInstead = (path: string, target: string) => async (root: string) => {
  const at = onHost(root, path);
  await rm(at, { recursive: true });
  await mkdir(at);
  const value = `0x${mountPointData(target).toString('hex')}`;
  await runTool('setfattr', ['-n', 'system.ntfs_reparse_data', '-v', value, at]);
};

const TAG_MOUNT_POINT = 0xa000_0003;

/** Layout: [MS-FSCC] 2.1.2.5, "Mount Point Reparse Data Buffer". */
function mountPointData(target: string): Buffer {
  const substitute = Buffer.from(`\\??\\${target}\0`, 'utf16le');
  const print = Buffer.from(`${target}\0`, 'utf16le');
  const head = Buffer.alloc(16);
  head.writeUInt32LE(TAG_MOUNT_POINT, 0);
  head.writeUInt16LE(8 + substitute.length + print.length, 4);
  head.writeUInt16LE(substitute.length - 2, 10);
  head.writeUInt16LE(substitute.length, 12);
  head.writeUInt16LE(print.length - 2, 14);
  return Buffer.concat([head, substitute, print]);
}

// What the drive is.

export const disk = (over: Partial<DiskSpec>): Breakage => ({
  spec: (spec) => ({ ...spec, disk: { ...spec.disk, ...over } }),
});

export const volume = (over: Partial<VolumeSpec>): Breakage => ({
  spec: (spec) => ({ ...spec, volume: { ...spec.volume, ...over } }),
});

export const drive = (over: Partial<DriveSpec>): Breakage => ({
  spec: (spec) => ({ ...spec, ...over }),
});

/** Other side files, or other settings, for one blob. */
export const blob = (key: BlobKey, over: SideSpec & Partial<BlobSpec>): Breakage => ({
  spec: (spec) => ({
    ...spec,
    lists: spec.lists.map((list) => ({
      ...list,
      blobs: list.blobs.map((each) =>
        each.file.path === fileOf(key) ? { ...each, ...over } : each,
      ),
    })),
  }),
});

/** Other side files for the first list. */
export const firstList = (over: SideSpec): Breakage => ({
  spec: (spec) => ({
    ...spec,
    lists: spec.lists.map((list, index) => (index === 0 ? { ...list, ...over } : list)),
  }),
});

/** So many of the three copies of BitLocker's metadata are no longer readable. */
export const damagedMetadata = (copies: number): Breakage => ({
  image: async (path, { disk }) => {
    await using image = await open(path, 'r+');
    const start = partitionAt(disk);
    const regions = await reservedRegions(image, start);
    for (const { offset, length } of regions.slice(0, copies)) {
      await image.write(Buffer.alloc(length, 0xa5), 0, length, start + offset);
    }
  },
});

export const wiped: Breakage = {
  image: async (path) => {
    const { size } = await lstat(path);
    await truncate(path, 0);
    await truncate(path, size);
  },
};
