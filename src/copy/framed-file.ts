import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { makeDirectories } from '../blobs/durable-file.ts';
import { asStateDiskError, errnoOf } from '../errors.ts';
import { syncPath } from '../sync-path.ts';

/**
 * An append-only file of JSON records, each framed by its length and checksum. A record counts when it
 * is on the medium; what follows the first torn, damaged or foreign one does not count. So after a write
 * that failed nothing more is written: it could be whole and still never be found.
 *
 * Throws `state-disk-failed` when the file system is full, read-only or failing.
 */

const FRAME_BYTES = 8;
/** Records that are written together when a file begins. */
const WRITE_BATCH = 1024;

/** Reads a payload; `undefined` for what is none. */
export type ParseRecord<T> = (payload: Buffer) => T | undefined;

export interface FrameShape<T> {
  readonly parse: ParseRecord<T>;
  /** A length beyond this is a torn or foreign file. */
  readonly maxRecordBytes: number;
}

type Many<T> = AsyncIterable<T> | Iterable<T>;

export class FramedFile {
  readonly #file: string;
  readonly #handle: FileHandle;
  #sizeBytes: number;
  #waiting: Buffer[] = [];
  #flush: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  private constructor(file: string, handle: FileHandle, sizeBytes: number) {
    this.#file = file;
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
  }

  /**
   * Begins a file with some records, however many. It takes the place of the old one when it is whole,
   * so a torn tail is gone before anything is appended, and an earlier process that still holds the old
   * file can no longer write into this one.
   */
  static async start<T extends object>(
    file: string,
    records: Many<T>,
    onWritten: (record: T, offset: number) => void = () => undefined,
  ): Promise<FramedFile> {
    const fresh = `${file}.${process.pid}.new`;
    const handle = await begin(fresh).catch((error) => {
      throw asStateDiskError(file, error);
    });
    try {
      const sizeBytes = await writeRecords(handle, records, onWritten);
      await handle.datasync();
      await rename(fresh, file);
      await syncPath(dirname(file));
      return new FramedFile(file, handle, sizeBytes);
    } catch (error) {
      await handle.close();
      await rm(fresh, { force: true });
      throw asStateDiskError(file, error);
    }
  }

  /**
   * Resolves with its place in the file when the record is on the medium. Records that come together
   * share one sync.
   */
  async append(record: object): Promise<number> {
    const frame = frameOf(record);
    const offset = this.#sizeBytes;
    this.#sizeBytes += frame.length;
    this.#waiting.push(frame);
    await this.#flush?.catch(() => undefined);
    if (this.#waiting.length > 0) this.#flush ??= this.#write();
    await this.#flush;
    return offset;
  }

  /** The payload of the record at a place that `append` or `start` gave. */
  async payloadAt(offset: number): Promise<Buffer> {
    const head = Buffer.alloc(FRAME_BYTES);
    await this.#handle.read(head, 0, FRAME_BYTES, offset);
    const payload = Buffer.alloc(head.readUInt32LE(0));
    await this.#handle.read(payload, 0, payload.length, offset + FRAME_BYTES);
    return payload;
  }

  async #write(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      if (this.#failure !== undefined) throw this.#failure.error;
      await this.#handle.appendFile(Buffer.concat(batch));
      await this.#handle.datasync();
    } catch (error) {
      this.#failure ??= { error: asStateDiskError(this.#file, error) };
      throw this.#failure.error;
    } finally {
      this.#flush = undefined;
    }
  }

  async close(): Promise<void> {
    await this.#flush?.catch(() => undefined);
    await this.#handle.close();
  }
}

async function begin(fresh: string): Promise<FileHandle> {
  await makeDirectories(dirname(fresh), 0o700);
  return await open(fresh, 'w+', 0o600);
}

function frameOf(record: object): Buffer {
  const payload = Buffer.from(JSON.stringify(record));
  const head = Buffer.alloc(FRAME_BYTES);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(crc32(payload), 4);
  return Buffer.concat([head, payload]);
}

async function writeRecords<T extends object>(
  handle: FileHandle,
  records: Many<T>,
  onWritten: (record: T, offset: number) => void,
): Promise<number> {
  let batch: Buffer[] = [];
  let sizeBytes = 0;
  for await (const record of records) {
    const frame = frameOf(record);
    onWritten(record, sizeBytes);
    sizeBytes += frame.length;
    batch.push(frame);
    if (batch.length < WRITE_BATCH) continue;
    await handle.appendFile(Buffer.concat(batch));
    batch = [];
  }
  await handle.appendFile(Buffer.concat(batch));
  return sizeBytes;
}

/** What a file holds, record by record; nothing when it is missing. */
export async function* readRecords<T>(file: string, shape: FrameShape<T>): AsyncGenerator<T> {
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of createReadStream(file)) {
      const bytes: Buffer = Buffer.concat([rest, chunk]);
      const { records, used, broken } = recordsIn(bytes, shape);
      yield* records;
      if (broken) return;
      rest = bytes.subarray(used);
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

export interface RecordsIn<T> {
  readonly records: readonly T[];
  /** How many of the bytes they take. */
  readonly used: number;
  /** A bad one follows. */
  readonly broken: boolean;
}

/** The records at the start of the bytes. */
export function recordsIn<T>(
  bytes: Buffer,
  { parse, maxRecordBytes }: FrameShape<T>,
): RecordsIn<T> {
  const records: T[] = [];
  let used = 0;
  while (used + FRAME_BYTES <= bytes.length) {
    const length = bytes.readUInt32LE(used);
    if (length > maxRecordBytes) return { records, used, broken: true };
    const payload = bytes.subarray(used + FRAME_BYTES, used + FRAME_BYTES + length);
    if (payload.length < length) break;
    const record = crc32(payload) === bytes.readUInt32LE(used + 4) ? parse(payload) : undefined;
    if (record === undefined) return { records, used, broken: true };
    records.push(record);
    used += FRAME_BYTES + length;
  }
  return { records, used, broken: false };
}
