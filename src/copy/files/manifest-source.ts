import { createHash } from 'node:crypto';
import { type Digest, parseDigest } from '../../domain/digest.ts';
import type { FileItem, FileTotals, SideFileRef } from '../../domain/file-item.ts';
import type { ManifestBlob, SideFile } from '../../domain/manifest.ts';
import type { Extent } from '../../domain/plan.ts';
import { normaliseSerial } from '../../domain/serial.ts';
import { isStationError, StationError, throwIfCancelled } from '../../errors.ts';
import type { ManifestList } from '../../formats/manifest.ts';
import { proveManifestHash } from '../../formats/manifest-hash.ts';
import { FILE_PIECE_BYTES } from '../../limits.ts';
import type { DriveFiles, OpenFile } from './drive.ts';
import type { Patience } from './patience.ts';
import { driveRefused, manifestRefusal } from './refusal.ts';
import { type FileSource, readsDiffer, totalsOf } from './source.ts';

export interface ManifestOrder {
  /** As the job has it. */
  readonly manifestFile: string;
  /** As the job has it, in hex. */
  readonly manifestHash: string;
  /** As the job lists the drive: the serial that the disk was matched with. */
  readonly driveId: string;
}

/**
 * The files that a drive's manifest names. The first pass proves the whole manifest (its bytes against
 * the job's hash, its grammar, its serial) before anything is copied; each later one hashes it again.
 */
export class ManifestSource implements FileSource {
  readonly #order: ManifestOrder;
  readonly #files: DriveFiles;
  readonly #patience: Patience;

  constructor(order: ManifestOrder, files: DriveFiles, patience: Patience) {
    this.#order = order;
    this.#files = files;
    this.#patience = patience;
  }

  async totals(signal: AbortSignal): Promise<FileTotals> {
    throwIfCancelled(signal);
    try {
      return await this.#firstPass(signal);
    } catch (error) {
      throw manifestRefusal(error) ?? error;
    }
  }

  items(signal: AbortSignal): AsyncIterable<FileItem> {
    return this.#pass(signal, (_found) => {
      throw readsDiffer(`the manifest ${this.#order.manifestFile}`);
    });
  }

  /** The bytes of the manifest file, for its backup. */
  async *bytes(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    await using file = await this.#files.open(this.#order.manifestFile, signal);
    yield* this.#piecesOf(file, signal);
  }

  /** From the beginning; each piece is overwritten by the next one. Without all of it nothing is known. */
  async *#piecesOf(file: OpenFile, signal: AbortSignal): AsyncGenerator<Buffer> {
    const piece = Buffer.allocUnsafe(FILE_PIECE_BYTES);
    for (let offsetBytes = 0; offsetBytes < file.sizeBytes; offsetBytes += piece.length) {
      const buffer = piece.subarray(0, Math.min(piece.length, file.sizeBytes - offsetBytes));
      const [lost] = await this.#patience.fill({ file, offsetBytes, buffer }, signal);
      if (lost !== undefined) throw this.#unreadable(lost);
      yield buffer;
    }
  }

  #unreadable({ offsetBytes, lengthBytes }: Extent): StationError<'file-read-failed'> {
    const path = this.#order.manifestFile;
    const words = `${path} cannot be read at bytes ${offsetBytes}-${offsetBytes + lengthBytes - 1}`;
    return new StationError('file-read-failed', words, { path, errno: 'EIO' });
  }

  async #firstPass(signal: AbortSignal): Promise<FileTotals> {
    const expected = this.#expected();
    try {
      const items = this.#pass(signal, (found) => {
        throw corrupted(expected, found);
      });
      return await totalsOf(items, () => 0);
    } catch (error) {
      // Bytes that are not those of the job are corrupted, whatever they look like.
      const isOfContent = isStationError(error, 'manifest-invalid', 'drive-refused');
      if (isOfContent) await this.#proveHash(expected, signal);
      throw error;
    }
  }

  async #proveHash(expected: Digest, signal: AbortSignal): Promise<void> {
    await proveManifestHash(this.bytes(signal), expected, hasherOf);
  }

  #expected(): Digest {
    const digest = parseDigest(this.#order.manifestHash);
    if (digest !== undefined) return digest;
    const words = "the job's hash of the manifest is neither an MD5 nor a SHA-256 in hex";
    throw driveRefused('ManifestCorrupted', words);
  }

  async *#pass(
    signal: AbortSignal,
    onOtherHash: (found: string) => never,
  ): AsyncGenerator<FileItem> {
    const { readDriveManifest } = await import('../../formats/manifest-reader.ts');
    const expected = this.#expected();
    const hasher = createHash(expected.algorithm);
    let list: ManifestList = {};
    let index = 0;
    for await (const item of readDriveManifest(hashed(this.bytes(signal), hasher))) {
      throwIfCancelled(signal);
      if (item.kind === 'head') this.#checkDrive(item.driveId);
      else if (item.kind === 'list') list = item;
      else yield fileItemOf(item, list, index++);
    }
    const found = hasher.digest('hex').toUpperCase();
    if (found !== expected.hex) onOtherHash(found);
  }

  #checkDrive(driveId: string): void {
    if (normaliseSerial(driveId) === normaliseSerial(this.#order.driveId)) return;
    const words = `the manifest is that of another drive (${JSON.stringify(driveId.slice(0, 100))})`;
    throw driveRefused('ManifestDriveIdMismatch', words);
  }
}

function hasherOf(algorithm: Digest['algorithm']) {
  const hash = createHash(algorithm);
  return {
    update: (bytes: Uint8Array) => void hash.update(bytes),
    digest: () => hash.digest('hex'),
  };
}

function corrupted({ algorithm, hex }: Digest, found: string) {
  const words = `the drive's manifest has the ${algorithm} ${found}, the job says ${hex}`;
  return driveRefused('ManifestCorrupted', words);
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  hasher: { update(bytes: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hasher.update(chunk);
    yield chunk;
  }
}

function fileItemOf(blob: ManifestBlob, list: ManifestList, index: number): FileItem {
  const metadata = sideRef(blob.metadata, list.metadata);
  const properties = sideRef(blob.properties, list.properties);
  return {
    index,
    ...blob.path,
    filePath: blob.filePath,
    lengthBytes: blob.length,
    kind: blob.content.kind === 'blocks' ? 'block' : 'page',
    disposition: blob.disposition,
    ranges: blob.content.list,
    ...(metadata === undefined ? {} : { metadata }),
    ...(properties === undefined ? {} : { properties }),
  };
}

function sideRef(own: SideFile | undefined, ofList: SideFile | undefined): SideFileRef | undefined {
  if (own !== undefined) return { ...own, isGlobal: false };
  return ofList === undefined ? undefined : { ...ofList, isGlobal: true };
}
