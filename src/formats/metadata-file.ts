import { type BlobMetadata, metadataProblem } from '../domain/blob-headers.ts';
import type { Many } from './drive-log.ts';
import { readSideFile, sideFileInvalid, sideFileXml } from './side-file.ts';

/**
 * Reads the metadata file of a blob: the elements’ names are the names of the metadata. Throws
 * `side-file-invalid` for what the service would refuse or lose on the way as well: a name twice or
 * that is no identifier, a value that is empty or not ASCII, more than 8 KiB of them.
 */
export async function readMetadataFile(chunks: Many<Uint8Array | string>): Promise<BlobMetadata> {
  const entries = await readSideFile('metadata', chunks);
  const pairs = entries.map(({ name, value }) => [name, value] as const);
  const found = metadataProblem(pairs);
  if (found !== undefined) {
    throw sideFileInvalid('metadata', entries[found.index]?.line ?? 1, found.problem);
  }
  // Own properties whatever their name: `__proto__` is an identifier too.
  return Object.fromEntries(pairs);
}

/** Throws a `RangeError` for metadata that could not be read back. */
export function metadataXml(metadata: BlobMetadata): string {
  const found = metadataProblem(Object.entries(metadata));
  if (found !== undefined) throw new RangeError(`it cannot be written: ${found.problem}`);
  return sideFileXml('metadata', Object.entries(metadata));
}
