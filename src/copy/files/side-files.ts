import { hash } from 'node:crypto';
import type { BlobHeaders, BlobMetadata } from '../../domain/blob-headers.ts';
import type { FileItem, SideFileRef } from '../../domain/file-item.ts';
import { isStationError } from '../../errors.ts';
import type { SideFileStatus } from '../../formats/drive-log.ts';
import { SIDE_FILE_MAX_BYTES, SIDE_FILES_KEPT } from '../../limits.ts';
import { fileStatusOf } from '../../volumes/copy-status.ts';
import type { DriveFiles } from './drive.ts';
import { FileReader, isBadPlace } from './file-reader.ts';
import type { Patience } from './patience.ts';

/** What a blob carries besides its bytes, and how reading that went. */
export interface SideContent {
  readonly headers: BlobHeaders;
  readonly metadata: BlobMetadata;
  /** Only where a side file failed: the blob is then written without what it says. */
  readonly failed: { readonly metadata?: SideFileStatus; readonly properties?: SideFileStatus };
}

type Read<T> =
  | { readonly status: 'Completed'; readonly value: T }
  | { readonly status: Exclude<SideFileStatus, 'Completed'> };

/** Reads metadata and properties files. Those of a blob list are read once and kept for its blobs. */
export class SideFiles {
  readonly #files: DriveFiles;
  readonly #patience: Patience | undefined;
  readonly #kept = new Map<string, Promise<Read<BlobHeaders | BlobMetadata>>>();

  /** Without patience a bad place in a side file is thrown, for the blob is not to be made without it. */
  constructor(files: DriveFiles, patience?: Patience) {
    this.#files = files;
    this.#patience = patience;
  }

  async of(item: FileItem, signal: AbortSignal): Promise<SideContent> {
    const { defaults } = item;
    const metadata = await this.#metadata(item.metadata, signal);
    const properties = await this.#properties(item.properties, signal);
    const { contentType } = defaults ?? {};
    return {
      headers: {
        ...(contentType === undefined ? {} : { contentType }),
        ...(properties?.status === 'Completed' ? properties.value : {}),
      },
      metadata: metadata?.status === 'Completed' ? metadata.value : (defaults?.metadata ?? {}),
      failed: {
        ...(metadata === undefined || metadata.status === 'Completed'
          ? {}
          : { metadata: metadata.status }),
        ...(properties === undefined || properties.status === 'Completed'
          ? {}
          : { properties: properties.status }),
      },
    };
  }

  async #metadata(ref: SideFileRef | undefined, signal: AbortSignal) {
    if (ref === undefined) return undefined;
    const { readMetadataFile } = await import('../../formats/metadata-file.ts');
    return await this.#read({ kind: 'metadata', ref, parse: readMetadataFile }, signal);
  }

  async #properties(ref: SideFileRef | undefined, signal: AbortSignal) {
    if (ref === undefined) return undefined;
    const { readPropertiesFile } = await import('../../formats/properties-file.ts');
    return await this.#read({ kind: 'properties', ref, parse: readPropertiesFile }, signal);
  }

  #read<T extends BlobHeaders | BlobMetadata>(
    order: Order<T>,
    signal: AbortSignal,
  ): Promise<Read<T>> {
    const { kind, ref } = order;
    if (!ref.isGlobal) return this.#readNow(order, signal);
    const key = `${kind} ${ref.hash.hex} ${ref.path}`;
    const kept = this.#kept.get(key);
    // The key names the kind, and with it the type of what was read.
    if (kept !== undefined) return kept as Promise<Read<T>>;
    if (this.#kept.size >= SIDE_FILES_KEPT) this.#kept.clear();
    const read = this.#readNow(order, signal);
    this.#kept.set(key, read);
    read.catch(() => this.#kept.delete(key));
    return read;
  }

  async #readNow<T>({ ref, parse }: Order<T>, signal: AbortSignal): Promise<Read<T>> {
    try {
      const bytes = await this.#bytesOf(ref.path, signal);
      if (bytes === 'unreadable') return { status: 'IOFailed' };
      if (bytes === undefined) return { status: 'XmlReadFailed' };
      const found = hash(ref.hash.algorithm, bytes, 'hex').toUpperCase();
      if (found !== ref.hash.hex) return { status: 'Corrupted' };
      return { status: 'Completed', value: await parse([bytes]) };
    } catch (error) {
      if (isStationError(error, 'side-file-invalid')) return { status: 'XmlReadFailed' };
      if (this.#patience === undefined && isBadPlace(error)) throw error;
      const status = fileStatusOf(error);
      if (status === undefined) throw error;
      return { status };
    }
  }

  /** `undefined` for a file that is too large to be one. */
  async #bytesOf(path: string, signal: AbortSignal): Promise<Buffer | 'unreadable' | undefined> {
    await using open = await this.#files.open(path, signal);
    if (open.sizeBytes > SIDE_FILE_MAX_BYTES) return undefined;
    const bytes = Buffer.alloc(open.sizeBytes);
    const filled = await new FileReader(open, this.#patience).fill(bytes, 0, signal);
    return filled === 'whole' ? bytes : 'unreadable';
  }
}

interface Order<T> {
  readonly kind: 'metadata' | 'properties';
  readonly ref: SideFileRef;
  parse(chunks: Iterable<Uint8Array>): Promise<T>;
}
