import { execFile } from 'node:child_process';
import { access, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parseVolumeKey } from '../src/volumes/bitlocker-key.ts';
import { readBitLockerMetadata } from '../src/volumes/bitlocker-metadata.ts';
import { type HelperCall, startHelper } from '../src/volumes/helper.ts';
import { type Opened, openProtector } from '../src/volumes/master-key.ts';
import { secretFile } from '../src/volumes/secret-file.ts';
import { readerOf } from '../src/volumes/unlock.ts';

/**
 * Real volumes for tests: filesystems made by their own tools and filled through a writable mount, and
 * BitLocker volumes made by Windows, which are given a filesystem of ours inside their encryption.
 */

const run = promisify(execFile);
const never = new AbortController().signal;
const ARCHIVE = resolve('native-fixtures/bitlocker/bitlocker-images.tar.xz');
const MIB = 1024 * 1024;

/** Puts files into a mounted, writable filesystem. */
export type Fill = (directory: string) => Promise<void>;

/** Why volumes cannot be opened here, for the tests that then have to be left out; else `undefined`. */
export async function volumesUnavailable(...tools: readonly string[]): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'not root';
  const needed = ['/dev/fuse', '/dev/loop-control', ...tools.map((tool) => `tool ${tool}`)];
  for (const thing of needed) {
    const isThere = thing.startsWith('tool ') ? await hasTool(thing.slice(5)) : await exists(thing);
    if (!isThere) return `no ${thing}`;
  }
  return undefined;
}

async function hasTool(name: string): Promise<boolean> {
  const places = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  return (await Promise.all(places.map((place) => exists(join(place, name))))).includes(true);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whether the kernel has a filesystem, built in or loaded. */
export async function kernelHas(filesystem: string): Promise<boolean> {
  const known = await readFile('/proc/filesystems', 'utf8');
  return known.split('\n').some((line) => line.trim() === filesystem);
}

export async function emptyImage(file: string, sizeBytes: number): Promise<void> {
  await using handle = await open(file, 'w');
  await handle.truncate(sizeBytes);
}

export async function makeNtfs(file: string, sizeBytes: number, fill: Fill): Promise<void> {
  await emptyImage(file, sizeBytes);
  await formatNtfs(file, fill);
}

/** Gives an image file, or a file in a FUSE mount, a new NTFS. */
async function formatNtfs(file: string, fill: Fill): Promise<void> {
  await run('mkntfs', ['--force', '--quick', '--quiet', '--label', 'Data', file]);
  await fillNtfs(file, fill);
}

/** The same with exFAT, whose helper takes block devices only. */
export async function makeExfat(file: string, sizeBytes: number, fill: Fill): Promise<void> {
  await emptyImage(file, sizeBytes);
  await run('mkfs.exfat', [file]);
  const mountPoint = mountPointFor(file);
  const { stdout } = await run('losetup', ['--find', '--show', file]);
  const device = stdout.trim();
  try {
    const args = ['-d', device, mountPoint];
    await fillMount({ tool: 'mount.exfat-fuse', args, mountPoint }, fill);
  } finally {
    await run('losetup', ['--detach', device]);
  }
}

function mountPointFor(file: string): string {
  return `${file}.mount`.replace(/.*\//u, `${process.env.TMPDIR ?? '/tmp'}/fill-${process.pid}-`);
}

/** Mounts an NTFS for writing while `fill` runs. */
async function fillNtfs(file: string, fill: Fill): Promise<void> {
  const mountPoint = mountPointFor(file);
  const args = ['-o', 'no_detach', file, mountPoint];
  await fillMount({ tool: 'ntfs-3g', args, mountPoint }, fill);
}

async function fillMount(call: HelperCall, fill: Fill): Promise<void> {
  const { mountPoint } = call;
  await mkdir(mountPoint);
  const helper = await startHelper(call, never);
  try {
    await fill(mountPoint);
  } finally {
    await helper.close();
    await rm(mountPoint, { recursive: true });
  }
}

export interface BitLockerImage {
  readonly name: string;
  readonly file: string;
  readonly recoveryKey: string;
  readonly passphrase: string;
  /** Of the decrypted volume; empty where it cannot be decrypted. */
  readonly sha256: string;
}

/** Unpacks the volumes that Windows made into an existing directory. */
export async function unpackBitLockerImages(directory: string): Promise<readonly BitLockerImage[]> {
  await run('tar', ['--sparse', '-xJf', ARCHIVE, '-C', directory]);
  const list = await readFile(join(directory, 'images.conf'), 'utf8');
  const images = list.split(/\n(?=\[)/u).map((section) => imageOf(section, directory));
  const there = await Promise.all(images.map(({ file }) => exists(file)));
  return images.filter((_, index) => there[index]);
}

function imageOf(section: string, directory: string): BitLockerImage {
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'mu').exec(section)?.[1] ?? '';
  const name = /\[(.*)\]/u.exec(section)?.[1] ?? '';
  const file = join(directory, `${name}.img`);
  const keys = { recoveryKey: value('RP'), passphrase: value('PW') };
  return { name, file, ...keys, sha256: value('SHA256SUM') };
}

/** Opens a protector of a whole-disk BitLocker image. */
export async function openImage(file: string, key: string): Promise<Opened> {
  await using handle = await open(file, 'r');
  const result = await readBitLockerMetadata(readerOf(handle, file));
  if (result.kind !== 'whole') throw new Error(`${file} is ${result.kind}`);
  const opened = await openProtector(result.metadata.protectors, parseVolumeKey(key), never);
  if (opened === undefined) throw new Error(`the key does not open ${file}`);
  return opened;
}

/**
 * Makes a prepared drive of a BitLocker image: NTFS, filled, under the encryption that Windows made.
 * Keep the content small: what would lie on BitLocker's own metadata cannot be written.
 */
export async function prepareDrive(file: string, key: string, fill: Fill): Promise<void> {
  const mountPoint = `${file}.decrypted`;
  await mkdir(mountPoint);
  const secret = await secretFile((await openImage(file, key)).masterKey);
  const args = ['--volume', file, '--vmk', '/proc/self/fd/3', '--', mountPoint, '-f'];
  const call = { tool: 'dislocker-fuse', args, mountPoint, keyFd: secret.fd };
  const helper = await startHelper(call, never);
  try {
    await formatNtfs(join(mountPoint, 'dislocker-file'), fill);
  } finally {
    await helper.close();
    await secret.close();
    await rm(mountPoint, { recursive: true });
  }
}

/** Copies a volume into a partition of a new disk image, holes kept. */
export async function placeInPartition(
  volume: string,
  disk: { readonly file: string; readonly offsetBytes: number; readonly sizeBytes: number },
): Promise<void> {
  await emptyImage(disk.file, disk.sizeBytes);
  const seek = disk.offsetBytes / MIB;
  const place = [`if=${volume}`, `of=${disk.file}`, `seek=${seek}`, 'bs=1M'];
  await run('dd', [...place, 'conv=notrunc,sparse', 'status=none']);
}
