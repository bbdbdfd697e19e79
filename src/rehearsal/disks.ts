import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { StorageAccount } from '../blobs/contract.ts';
import { openContainer } from '../blobs/open.ts';
import { identityFileOf } from '../detect/identity-file.ts';
import { type BlobName, safeSegment } from '../domain/blob-name.ts';
import { type ImageSpec, writeImage } from '../loopback/image.ts';

/** Disks of a rehearsal by their serial, the job that lists them, and the blobs that they must become. */

export const MIB = 1024 * 1024;
export const ACCOUNT = 'test';
export const CONTAINER = 'drives';
/** What the station cuts a disk of these sizes into. */
export const BLOCK_BYTES = 8 * MIB;

export interface TestDisk extends Partial<ImageSpec> {
  readonly serial: string;
  readonly sizeBytes: number;
  /** What the disk says its serial is, where that is another one or `null` for none at all. */
  readonly shownSerial?: string | null;
  readonly wwn?: string;
  /** File name without `.img`; the serial unless given. */
  readonly file?: string;
}

/** Writes the image and its identity; answers the path. The content is a function of seed or serial. */
export async function makeImage(directory: string, disk: TestDisk): Promise<string> {
  const { serial, wwn, sizeBytes, seed = serial, sparseEveryBytes, file = serial } = disk;
  const shown = disk.shownSerial === undefined ? serial : (disk.shownSerial ?? undefined);
  const image = join(directory, `${file}.img`);
  const sparse = sparseEveryBytes === undefined ? {} : { sparseEveryBytes };
  await writeImage(image, { seed, sizeBytes, ...sparse });
  await writeFile(identityFileOf(image), stringify({ serial: shown, model: 'Test disk', wwn }));
  return image;
}

export function jobOf(name: string, serials: readonly string[]): object {
  return {
    name,
    jobType: 'Import',
    storageAccount: ACCOUNT,
    location: 'westus',
    deliveryPackage: { carrierName: 'FedEx', trackingNumber: '1', driveCount: serials.length },
    plan: { kind: 'image', container: CONTAINER, blobPrefix: `${name}/` },
    driveList: serials.map((driveId) => ({ driveId })),
  };
}

export function blobNameOf(job: string, serial: string): string {
  return `${job}/${safeSegment(serial)}.img`;
}

/** SHA-256 of a committed blob. Throws `blob-not-found`. */
export async function blobDigest(account: StorageAccount, name: string): Promise<string> {
  const store = await openContainer(account, CONTAINER);
  return sha256(store.read(name as BlobName, AbortSignal.timeout(180_000)));
}

export function fileDigest(file: string): Promise<string> {
  return sha256(createReadStream(file, { highWaterMark: MIB }));
}

async function sha256(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

/** The kernel's counters of a disk: reads completed and sectors read (fields 1 and 3). */
export async function kernelReads(name: string): Promise<{ reads: number; sectors: number }> {
  const fields = (await readFile(`/sys/block/${name}/stat`, 'utf8')).trim().split(/\s+/u);
  return { reads: Number(fields[0]), sectors: Number(fields[2]) };
}
