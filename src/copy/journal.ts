import { z } from 'zod';
import { FramedFile, type RecordsIn, readRecords, recordsIn } from './framed-file.ts';

/**
 * The copy journal: what is safe, written the moment it is. One file a copy, append-only. It may be
 * lost: the store's block lists rebuild it. It may never claim what the store did not confirm.
 */

const header = z.object({ kind: z.literal('copy'), copyId: z.string(), nonce: z.string() });
/** No check of the disk had passed since it was read: it is sure when a `checked` follows. */
const onTrust = { isUnchecked: z.literal(true).exactOptional() };
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
  ...onTrust,
});
/** 4 KiB of the disk as they were read, by which it is known again. */
const landmark = z.object({
  kind: z.literal('landmark'),
  offsetBytes: z.int().min(0),
  /** The first half of their SHA-256. */
  sha256: z.string().regex(/^[0-9a-f]{32}$/u),
  ...onTrust,
});
/** The block counts only when it is staged again: the disk told rubbish at the next check, or when it was read again. */
const doubted = z.object({
  kind: z.literal('doubted'),
  blob: z.string(),
  index: z.int().min(0),
  /** It did not read again, and no check had passed: that is no lie of the disk. */
  isUnread: z.literal(true).exactOptional(),
});
/** The disk told the truth: all that stands before this was read before the check began. */
const checked = z.object({ kind: z.literal('checked') });
const record = z.discriminatedUnion('kind', [header, staged, landmark, doubted, checked]);

export type JournalHeader = z.output<typeof header>;
export type Staged = z.output<typeof staged>;
export type Doubted = z.output<typeof doubted>;
export type Landmark = z.output<typeof landmark>;
export type JournalRecord = z.output<typeof record>;

/** A record is a few hundred bytes. */
const SHAPE = { parse: parseRecord, maxRecordBytes: 64 * 1024 };

export class CopyJournal {
  readonly #file: FramedFile;

  private constructor(file: FramedFile) {
    this.#file = file;
  }

  /** Begins the journal of an attempt with what is confirmed, however much that is. */
  static async start(
    file: string,
    { copyId, nonce }: Omit<JournalHeader, 'kind'>,
    confirmed: AsyncIterable<JournalRecord> | Iterable<JournalRecord>,
  ): Promise<CopyJournal> {
    const records = withHeader({ kind: 'copy', copyId, nonce }, confirmed);
    return new CopyJournal(await FramedFile.start(file, records));
  }

  /** Resolves when the record is on the medium. Records that come together share one sync. */
  async append(entry: JournalRecord): Promise<void> {
    await this.#file.append(entry);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function* withHeader(
  header: JournalRecord,
  records: AsyncIterable<JournalRecord> | Iterable<JournalRecord>,
): AsyncGenerator<JournalRecord> {
  yield header;
  yield* records;
}

/**
 * What a journal holds, record by record; nothing when the file is missing. It ends at the first
 * record that is torn, damaged or not understood.
 */
export function readJournal(file: string): AsyncGenerator<JournalRecord> {
  return readRecords(file, SHAPE);
}

/** The records at the start of the bytes, how many bytes they take, and whether a bad one follows. */
export function decode(bytes: Buffer): RecordsIn<JournalRecord> {
  return recordsIn(bytes, SHAPE);
}

function parseRecord(payload: Buffer): JournalRecord | undefined {
  try {
    return record.parse(JSON.parse(payload.toString()));
  } catch {
    return undefined;
  }
}
