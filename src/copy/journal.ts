import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { errnoOf } from '../errors.ts';

/**
 * The copy journal: what is safe, written the moment it is. One file a copy, append-only, each record
 * framed by its length and checksum. It may be lost: the store's block lists rebuild it. It may never
 * claim what the store did not confirm.
 */

const header = z.object({ kind: z.literal('copy'), copyId: z.string(), nonce: z.string() });
const staged = z.object({
  kind: z.literal('staged'),
  blob: z.string(),
  index: z.int().min(0),
  id: z.string(),
  /** MD5 of the block, for the copy log; nothing else knows it. */
  md5: z
    .string()
    .regex(/^[0-9a-f]{32}$/u)
    .exactOptional(),
});
const record = z.discriminatedUnion('kind', [header, staged]);

export type JournalHeader = z.output<typeof header>;
export type JournalRecord = z.output<typeof record>;

const FRAME_BYTES = 8;
/** A record is a few hundred bytes; a length beyond this is a torn or foreign file. */
const MAX_RECORD_BYTES = 64 * 1024;
/** Records that are written together when a journal begins. */
const WRITE_BATCH = 1024;

export class CopyJournal {
  readonly #handle: FileHandle;
  #waiting: Buffer[] = [];
  #flush: Promise<void> | undefined;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /**
   * Begins the journal of an attempt with what is confirmed, however much that is. A new file takes the
   * place of the old one when it is whole, so a torn tail is gone before anything is appended, and an
   * earlier copy process that still holds the old file can no longer write into this one.
   */
  static async start(
    file: string,
    { copyId, nonce }: Omit<JournalHeader, 'kind'>,
    confirmed: AsyncIterable<JournalRecord> | Iterable<JournalRecord>,
  ): Promise<CopyJournal> {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const fresh = `${file}.${process.pid}.new`;
    const handle = await open(fresh, 'w', 0o600);
    try {
      await writeRecords(handle, { kind: 'copy', copyId, nonce }, confirmed);
      await handle.datasync();
      await rename(fresh, file);
      await syncDirectory(dirname(file));
    } catch (error) {
      await handle.close();
      await rm(fresh, { force: true });
      throw error;
    }
    return new CopyJournal(handle);
  }

  /** Resolves when the record is on the medium. Records that come together share one sync. */
  async append(entry: JournalRecord): Promise<void> {
    this.#waiting.push(frame(entry));
    await this.#flush?.catch(() => undefined);
    if (this.#waiting.length > 0) this.#flush ??= this.#write();
    await this.#flush;
  }

  async #write(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      await this.#handle.appendFile(Buffer.concat(batch));
      await this.#handle.datasync();
    } finally {
      this.#flush = undefined;
    }
  }

  async close(): Promise<void> {
    await this.#flush;
    await this.#handle.close();
  }
}

function frame(entry: JournalRecord): Buffer {
  const payload = Buffer.from(JSON.stringify(entry));
  const head = Buffer.alloc(FRAME_BYTES);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt32LE(crc32(payload), 4);
  return Buffer.concat([head, payload]);
}

async function writeRecords(
  handle: FileHandle,
  head: JournalRecord,
  records: AsyncIterable<JournalRecord> | Iterable<JournalRecord>,
): Promise<void> {
  let batch = [frame(head)];
  for await (const entry of records) {
    batch.push(frame(entry));
    if (batch.length < WRITE_BATCH) continue;
    await handle.appendFile(Buffer.concat(batch));
    batch = [];
  }
  await handle.appendFile(Buffer.concat(batch));
}

/**
 * What a journal holds, record by record; nothing when the file is missing. It ends at the first
 * record that is torn, damaged or not understood.
 */
export async function* readJournal(file: string): AsyncGenerator<JournalRecord> {
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of createReadStream(file)) {
      const bytes: Buffer = Buffer.concat([rest, chunk]);
      const { records, used, broken } = decode(bytes);
      yield* records;
      if (broken) return;
      rest = bytes.subarray(used);
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** The records at the start of the bytes, how many bytes they take, and whether a bad one follows. */
export function decode(bytes: Buffer): {
  readonly records: readonly JournalRecord[];
  readonly used: number;
  readonly broken: boolean;
} {
  const records: JournalRecord[] = [];
  let used = 0;
  while (used + FRAME_BYTES <= bytes.length) {
    const length = bytes.readUInt32LE(used);
    if (length > MAX_RECORD_BYTES) return { records, used, broken: true };
    const payload = bytes.subarray(used + FRAME_BYTES, used + FRAME_BYTES + length);
    if (payload.length < length) break;
    const entry =
      crc32(payload) === bytes.readUInt32LE(used + 4) ? parseRecord(payload) : undefined;
    if (entry === undefined) return { records, used, broken: true };
    records.push(entry);
    used += FRAME_BYTES + length;
  }
  return { records, used, broken: false };
}

function parseRecord(payload: Buffer): JournalRecord | undefined {
  try {
    return record.parse(JSON.parse(payload.toString()));
  } catch {
    return undefined;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
