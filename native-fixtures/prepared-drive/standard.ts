import { type BlobSpec, type Cut, type DriveSpec, driveSpec } from './spec.ts';

/** The drive that the tests know by heart: each of its blobs is there for one thing. */

const KIB = 1024;
const MIB = 1024 * KIB;
export const CONTAINER = 'pictures';

/** What the blobs of the standard drive are called behind the container, and their files as well. */
export const BLOBS = {
  /** Three blocks, the last one short, numbered ids. */
  numbered: 'animals/koala.jpg',
  /** Blocks of 4 MiB with ids made of their MD5. */
  hashed: 'wild/canyon.raw',
  /** A page blob with holes. */
  pages: 'disks/station.vhd',
  /** No byte at all. */
  empty: 'notes/empty.txt',
  /** Metadata and properties of its own, a name beyond ASCII, and no ids. */
  described: 'notes/Grüße (2) & more.txt',
} as const;
export type BlobKey = keyof typeof BLOBS;

/** V1 of the tool copies into a folder named after the session. */
const SESSION = 'session1';

/** Where the blob's file is on the drive. */
export function fileOf(key: BlobKey): string {
  return `\\${SESSION}\\${BLOBS[key].replaceAll('/', '\\')}`;
}

export function standardDrive(seed = 'standard'): DriveSpec {
  const numbered: Cut = { kind: 'blocks', blockBytes: 32 * KIB, ids: 'counter' };
  const hashed: Cut = { kind: 'blocks', blockBytes: 4 * MIB, ids: 'md5' };
  const plain: Cut = { kind: 'blocks', blockBytes: 4 * KIB, ids: 'none' };
  const pages: Cut = { kind: 'pages', rangeBytes: 64 * KIB };
  const described = {
    disposition: 'no-overwrite',
    metadata: { Origin: 'camera 7', Taken_by: 'Alex' },
    properties: { contentType: 'text/plain', cacheControl: 'no-cache' },
  } as const;
  const first = [
    blob('numbered', 70_000, numbered),
    { ...blob('hashed', 8 * MIB + 123, hashed), disposition: 'overwrite' as const },
    blob('empty', 0, plain),
  ];
  const second = [
    blob('pages', 2 * MIB, pages, 512 * KIB),
    { ...blob('described', 5000, plain), ...described },
  ];
  return {
    ...driveSpec(seed, [
      { id: `${SESSION}#1-0`, blobs: first, metadata: { DataSetName: 'SampleData' } },
      { id: `${SESSION}#1-1`, blobs: second, properties: { contentLanguage: 'en-GB' } },
    ]),
    accountKey: Buffer.from(`not a key of anyone: ${seed}`).toString('base64'),
  };
}

function blob(key: BlobKey, sizeBytes: number, cut: Cut, sparseEveryBytes?: number): BlobSpec {
  const sparse = sparseEveryBytes === undefined ? {} : { sparseEveryBytes };
  return {
    blobPath: `${CONTAINER}/${BLOBS[key]}`,
    file: { path: fileOf(key), sizeBytes, ...sparse },
    cut,
  };
}
