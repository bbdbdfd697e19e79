import { constants } from 'node:fs';
import { mkdir, mkdtemp, open, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { identityFileOf } from '../../src/detect/identity-file.ts';
import type { BlobHeaders, BlobMetadata } from '../../src/domain/blob-headers.ts';
import { DEFAULT_DISPOSITION, type Disposition } from '../../src/domain/import-disposition.ts';
import { allows, onPath } from '../fuse-helper/machine.ts';
import { digestOf, isAllZeros, piecesOf } from './content.ts';
import { writeDisk } from './disk-image.ts';
import { digest, manifestOf, type WrittenManifest } from './manifest.ts';
import { onHost } from './paths.ts';
import type { BlobSpec, DriveSpec, ListSpec } from './spec.ts';
import { makeVolume } from './volume.ts';

/** Builds a prepared Import/Export drive as the image of a disk, whole or broken in one place. */

/** What a job says of the drive. */
export interface JobEntry {
  readonly driveId: string;
  readonly manifestFile: string;
  /** In hex. */
  readonly manifestHash: string;
  /** Absent for a drive without BitLocker, and for one that has no recovery key. */
  readonly bitLockerKey?: string;
}

/** A blob as it is to be when the drive is whole. */
export interface ExpectedBlob {
  readonly blobPath: string;
  readonly filePath: string;
  readonly kind: 'block' | 'page';
  readonly lengthBytes: number;
  /** MD5 of the whole blob in hex; what no range covers is zeros. */
  readonly md5: string;
  readonly disposition: Disposition;
  readonly metadata: BlobMetadata;
  readonly properties: BlobHeaders;
}

export interface PreparedDrive {
  readonly imageFile: string;
  /** What a job that is right says; `job` may say something else. */
  readonly truth: JobEntry;
  readonly job: JobEntry;
  /** Logical sector size with which the disk is to be plugged in. */
  readonly sectorBytes: 512 | 4096;
  readonly blobs: readonly ExpectedBlob[];
}

/** The places at which a drive can be broken, in the order in which it is made. */
export interface Breakage {
  readonly spec?: (spec: DriveSpec) => DriveSpec;
  /** The manifest as it goes onto the drive; the job's hash is that of the result. */
  readonly manifest?: (xml: Buffer) => Buffer;
  /** Gets the root of the mounted volume, with everything on it. */
  readonly files?: (root: string) => Promise<void>;
  /** Gets the path of the finished image. */
  readonly image?: (path: string, spec: DriveSpec) => Promise<void>;
  /** What the job says instead. */
  readonly job?: Partial<JobEntry>;
}

export interface BuildOptions {
  /** The image; its identity file is written beside it. Existing files are an error (`EEXIST`). */
  readonly imageFile: string;
  readonly breakage?: Breakage;
}

export async function buildPreparedDrive(
  whole: DriveSpec,
  { imageFile, breakage = {} }: BuildOptions,
): Promise<PreparedDrive> {
  const spec = breakage.spec?.(whole) ?? whole;
  const manifest = await brokenManifest(spec, breakage);
  const directory = await mkdtemp(join(tmpdir(), 'prepared-drive-'));
  try {
    const fill = async (root: string) => {
      await fillVolume(root, spec, manifest);
      await breakage.files?.(root);
    };
    const { file, recoveryKey } = await makeVolume(spec.volume, { directory, fill });
    const { disk, driveId } = spec;
    await writeDisk(imageFile, file, disk);
    await breakage.image?.(imageFile, spec);
    await writeFile(identityFileOf(imageFile), stringify({ serial: driveId, model: 'Prepared' }));
    const truth = entryOf(spec, manifest, recoveryKey);
    const blobs = await expectedBlobs(spec);
    const { sectorBytes } = disk;
    return { imageFile, truth, job: { ...truth, ...breakage.job }, sectorBytes, blobs };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function brokenManifest(spec: DriveSpec, breakage: Breakage): Promise<WrittenManifest> {
  const made = await manifestOf(spec);
  return { ...made, xml: breakage.manifest?.(made.xml) ?? made.xml };
}

function entryOf(spec: DriveSpec, { xml }: WrittenManifest, recoveryKey?: string): JobEntry {
  return {
    driveId: spec.driveId,
    manifestFile: spec.manifestPath,
    manifestHash: digest(spec.hash, xml).hex,
    ...(recoveryKey === undefined ? {} : { bitLockerKey: recoveryKey }),
  };
}

/** Files on the drive are as old as this. */
const WRITTEN_AT = new Date('2024-05-06T07:08:09Z');

async function fillVolume(root: string, spec: DriveSpec, manifest: WrittenManifest) {
  for (const { blobs } of spec.lists) {
    for (const { file } of blobs) await writeBlobFile(root, spec.seed, file);
  }
  for (const { path, text } of manifest.sideFiles) await writeSmall(onHost(root, path), text);
  await writeSmall(onHost(root, spec.manifestPath), manifest.xml);
}

async function writeSmall(path: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await utimes(path, WRITTEN_AT, WRITTEN_AT);
}

async function writeBlobFile(root: string, seed: string, file: BlobSpec['file']): Promise<void> {
  const path = onHost(root, file.path);
  await mkdir(dirname(path), { recursive: true });
  {
    await using handle = await open(path, 'w');
    for await (const { offset, bytes } of piecesOf(seed, file)) {
      if (!isAllZeros(bytes)) await handle.write(bytes, 0, bytes.length, offset);
    }
    await handle.truncate(file.sizeBytes);
  }
  await utimes(path, WRITTEN_AT, WRITTEN_AT);
}

async function expectedBlobs({ seed, lists }: DriveSpec): Promise<ExpectedBlob[]> {
  const expected = lists.flatMap((list) =>
    list.blobs.map((blob) => expectedBlob(seed, list, blob)),
  );
  return Promise.all(expected);
}

async function expectedBlob(seed: string, list: ListSpec, blob: BlobSpec): Promise<ExpectedBlob> {
  const { file, cut } = blob;
  return {
    blobPath: blob.blobPath,
    filePath: file.path,
    kind: cut.kind === 'blocks' ? 'block' : 'page',
    lengthBytes: file.sizeBytes,
    md5: await digestOf(seed, file, 'md5'),
    disposition: blob.disposition ?? DEFAULT_DISPOSITION,
    metadata: sideOf(blob.metadata ?? list.metadata),
    properties: sideOf(blob.properties ?? list.properties),
  };
}

/** A side file that is given as text is one that cannot be read. */
function sideOf<T extends object>(given: T | string | undefined): T | Record<string, never> {
  return given === undefined || typeof given === 'string' ? {} : given;
}

const TOOLS = ['ntfs-3g', 'mkntfs', 'dislocker-fuse', 'fusermount3', 'setpriv', 'setfattr', 'xz'];

/** Why this machine cannot build prepared drives, in words for a skipped test. */
export function preparedDriveUnavailable(): string | undefined {
  if (process.platform !== 'linux') return 'prepared drives need Linux';
  if (process.getuid?.() !== 0) return 'prepared drives need root, to mount';
  if (!allows('/dev/fuse', constants.R_OK | constants.W_OK)) return '/dev/fuse cannot be used';
  const missing = TOOLS.filter((tool) => !onPath(tool));
  return missing.length > 0 ? `not installed: ${missing.join(', ')}` : undefined;
}
