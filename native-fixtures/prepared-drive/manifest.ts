import { createHash } from 'node:crypto';
import { parseBlobPath } from '../../src/domain/blob-path.ts';
import { type Digest, parseDigest } from '../../src/domain/digest.ts';
import { DEFAULT_DISPOSITION } from '../../src/domain/import-disposition.ts';
import type {
  ManifestBlob,
  ManifestBlock,
  ManifestContent,
  ManifestRange,
  SideFiles,
} from '../../src/domain/manifest.ts';
import { driveManifestXml, MANIFEST_VERSION } from '../../src/formats/manifest-writer.ts';
import { metadataXml } from '../../src/formats/metadata-file.ts';
import { propertiesXml } from '../../src/formats/properties-file.ts';
import { isAllZeros, piecesOf } from './content.ts';
import type { BlobSpec, DriveSpec, ListSpec, SideSpec } from './spec.ts';

/** The manifest of a drive, and the small files that it names, from what the drive is to be. */

export interface TextFile {
  /** On the drive. */
  readonly path: string;
  readonly text: string;
}

export interface WrittenManifest {
  readonly xml: Buffer;
  readonly sideFiles: readonly TextFile[];
}

export async function manifestOf(spec: DriveSpec): Promise<WrittenManifest> {
  const sideFiles: TextFile[] = [];
  const lists = [];
  for (const [index, list] of spec.lists.entries()) {
    lists.push(await listOf(spec, list, { index, sideFiles }));
  }
  const { driveId, accountKey } = spec;
  const credential =
    accountKey === undefined
      ? {}
      : { credential: { kind: 'account-key' as const, secret: accountKey } };
  const clientCreator = 'prepared-drive fixture';
  const document = { version: MANIFEST_VERSION, driveId, clientCreator, ...credential, lists };
  const pieces = await Array.fromAsync(driveManifestXml(document));
  return { xml: Buffer.from(pieces.join('')), sideFiles };
}

interface Found {
  readonly index: number;
  readonly sideFiles: TextFile[];
}

async function listOf(spec: DriveSpec, list: ListSpec, { index, sideFiles }: Found) {
  const blobs: ManifestBlob[] = [];
  for (const blob of list.blobs) blobs.push(await blobOf(spec, blob, sideFiles));
  const id = list.id === undefined ? {} : { id: list.id };
  return { ...id, ...sideFilesOf(spec, `\\list-${index}`, list, sideFiles), blobs };
}

async function blobOf(spec: DriveSpec, blob: BlobSpec, files: TextFile[]): Promise<ManifestBlob> {
  const answer = parseBlobPath(blob.blobPath);
  if (!answer.ok) throw new RangeError(`${blob.blobPath} ${answer.problem}`);
  const { path: filePath, sizeBytes: length } = blob.file;
  return {
    path: answer.path,
    filePath,
    length,
    disposition: blob.disposition ?? DEFAULT_DISPOSITION,
    content: await contentOf(spec, blob),
    ...sideFilesOf(spec, filePath, blob, files),
  };
}

async function contentOf(spec: DriveSpec, { file, cut }: BlobSpec): Promise<ManifestContent> {
  return cut.kind === 'blocks'
    ? { kind: 'blocks', list: await blocksOf(spec, file, cut) }
    : { kind: 'pages', list: await pagesOf(spec, file, cut.rangeBytes) };
}

async function blocksOf(
  { seed, hash }: DriveSpec,
  file: BlobSpec['file'],
  { blockBytes, ids }: Extract<BlobSpec['cut'], { kind: 'blocks' }>,
): Promise<ManifestBlock[]> {
  const blocks: ManifestBlock[] = [];
  for await (const { offset, bytes } of piecesOf(seed, file, blockBytes)) {
    const id = ids === 'none' ? {} : { id: idOf(ids, blocks.length, bytes) };
    blocks.push({ offset, length: bytes.length, hash: digest(hash, bytes), ...id });
  }
  return blocks;
}

async function pagesOf(
  { seed, hash }: DriveSpec,
  file: BlobSpec['file'],
  rangeBytes: number,
): Promise<ManifestRange[]> {
  const ranges: ManifestRange[] = [];
  for await (const { offset, bytes } of piecesOf(seed, file, rangeBytes)) {
    if (isAllZeros(bytes)) continue;
    ranges.push({ offset, length: bytes.length, hash: digest(hash, bytes) });
  }
  return ranges;
}

/** As in the published samples: the block's number, little end first, or `MD5/` and its MD5. */
function idOf(pattern: 'counter' | 'md5', index: number, bytes: Buffer): string {
  if (pattern === 'md5') return `MD5/${createHash('md5').update(bytes).digest('base64')}`;
  const number = Buffer.alloc(4);
  number.writeUInt32LE(index);
  return number.toString('base64');
}

function sideFilesOf(
  { hash }: DriveSpec,
  base: string,
  { metadata, properties }: SideSpec,
  files: TextFile[],
): SideFiles {
  const written = (path: string, text: string) => {
    files.push({ path, text });
    return { path, hash: digest(hash, Buffer.from(text)) };
  };
  const text = <T>(given: T | string, make: (value: T) => string) =>
    typeof given === 'string' ? given : make(given);
  return {
    ...(metadata === undefined
      ? {}
      : { metadata: written(`${base}.metadata`, text(metadata, metadataXml)) }),
    ...(properties === undefined
      ? {}
      : { properties: written(`${base}.properties`, text(properties, propertiesXml)) }),
  };
}

export function digest(algorithm: Digest['algorithm'], bytes: Buffer): Digest {
  const found = parseDigest(createHash(algorithm).update(bytes).digest('hex'));
  if (found === undefined) throw new TypeError('a digest that is none');
  return found;
}
