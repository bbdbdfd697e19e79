import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PreparedDrive } from '../../native-fixtures/prepared-drive/build.ts';
import { FuseMount } from '../../native-fixtures/prepared-drive/fuse.ts';
import { onHost } from '../../native-fixtures/prepared-drive/paths.ts';
import type { ManifestBlob } from '../../src/domain/manifest.ts';

/** A prepared drive looked into with the plain tools, read-only, and not with any code of ours. */

export interface OpenDrive extends AsyncDisposable {
  readonly root: string;
}

const MIB = 1024 * 1024;

/** Unlocks and mounts the data volume; `partitionAt` is where it begins. */
export async function openDrive(drive: PreparedDrive, partitionAt = MIB): Promise<OpenDrive> {
  const stack = new AsyncDisposableStack();
  try {
    const directory = await mkdtemp(join(tmpdir(), 'drive-station-prepared-'));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    const [unlocked, root] = [join(directory, 'unlocked'), join(directory, 'root')];
    await mkdir(unlocked);
    await mkdir(root);
    const key = drive.truth.bitLockerKey ?? '';
    const flags = ['-q', '-r', '-O', String(partitionAt), '-V', drive.imageFile, `-p${key}`];
    stack.use(await FuseMount.start('dislocker-fuse', [...flags, '--', '-f', unlocked], unlocked));
    const volume = join(unlocked, 'dislocker-file');
    stack.use(await FuseMount.start('ntfs-3g', ['-o', 'no_detach,ro', volume, root], root));
    const owned = stack.move();
    return { root, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

export function readOnDrive({ root }: OpenDrive, path: string): Promise<Buffer> {
  return readFile(onHost(root, path));
}

export async function isLink({ root }: OpenDrive, path: string): Promise<boolean> {
  return (await lstat(onHost(root, path))).isSymbolicLink();
}

/** The ranges of a blob whose bytes on the drive are not those of the manifest, by index. */
export async function changedRanges(drive: OpenDrive, blob: ManifestBlob): Promise<number[]> {
  await using file = await open(onHost(drive.root, blob.filePath));
  const changed: number[] = [];
  for (const [index, { offset, length, hash }] of blob.content.list.entries()) {
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await file.read(bytes, 0, length, offset);
    const found = createHash(hash.algorithm).update(bytes.subarray(0, bytesRead)).digest('hex');
    if (found.toUpperCase() !== hash.hex) changed.push(index);
  }
  return changed;
}

export function digestIn(algorithm: string, bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex').toUpperCase();
}
