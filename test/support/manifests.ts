import { readFile } from 'node:fs/promises';
import { isStationError } from '../../src/errors.ts';
import type { Many } from '../../src/formats/drive-log.ts';
import type { ManifestItem } from '../../src/formats/manifest.ts';
import { readDriveManifest } from '../../src/formats/manifest-reader.ts';
import { all } from './drive-logs.ts';

/** Manifests as text, to be broken in one place. */

export const MD5 = 'AA2585F6F6FD01C4AD4256E018240CD4';

const SAMPLES = new URL('../../native-fixtures/azure-samples/', import.meta.url);

export function azureSample(name: string): Promise<string> {
  return readFile(new URL(name, SAMPLES), 'utf8');
}

export const block = (offset: number | string, length: number | string, more = '') =>
  `<Block Offset="${offset}" Length="${length}" Hash="${MD5}"${more}/>`;

export const page = (offset: number | string, length: number | string) =>
  `<PageRange Offset="${offset}" Length="${length}" Hash="${MD5}"/>`;

export const blocks = (inner: string) => `<BlockList>${inner}</BlockList>`;
export const pages = (inner: string) => `<PageRangeList>${inner}</PageRangeList>`;

export interface BlobText {
  readonly path?: string;
  readonly file?: string;
  readonly length?: number | string;
  readonly content?: string;
  readonly more?: string;
}

/** A blob of one block of five bytes, but for what is given. */
export function blobText(over: BlobText = {}): string {
  const { path = 'pictures/a.jpg', file = '\\a.jpg', length = 5, more = '' } = over;
  const content = over.content ?? blocks(block(0, 5));
  return `<Blob><BlobPath>${path}</BlobPath><FilePath>${file}</FilePath><Length>${length}</Length>${more}${content}</Blob>`;
}

export const HEAD = '<DriveManifest Version="2014-11-01"><Drive><DriveId>WD-1</DriveId>';
export const TAIL = '</Drive></DriveManifest>';

export const listText = (inner: string) => `<BlobList>${inner}</BlobList>`;
export const manifestText = (lists: string) => `${HEAD}${lists}${TAIL}`;

/** A manifest with one list of these blobs. */
export const ofBlobs = (...blobs: readonly string[]) => manifestText(listText(blobs.join('')));

export function itemsOf(chunks: Many<Uint8Array | string>): Promise<ManifestItem[]> {
  return all(readDriveManifest(chunks));
}

export async function blobsOf(text: string) {
  return (await itemsOf([text])).flatMap((item) => (item.kind === 'blob' ? [item] : []));
}

/** The error that a manifest ends with; throws when it ends well or with another. */
export async function refusalOf(chunks: Many<Uint8Array | string>) {
  try {
    await itemsOf(chunks);
  } catch (error) {
    if (isStationError(error, 'manifest-invalid')) return error;
    throw error;
  }
  throw new TypeError('the manifest was not refused');
}
