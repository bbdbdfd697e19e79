import { z } from 'zod';
import { FILE_RECORD_MAX_BYTES } from '../../limits.ts';
import { readRecords } from '../framed-file.ts';
import { outcomeSchema } from './outcome.ts';

/** What stands in the journal of a copy of files. Items are told by their index and their tag. */

const header = z.strictObject({ k: z.literal('files'), copyId: z.string(), nonce: z.string() });
const md5 = z.string().regex(/^[0-9a-f]{32}$/u);
const place = { i: z.int().min(0), tag: z.int().min(0), attempt: z.int().min(1) };
/** A blob is about to be made under this name; `at` is this station's clock, in ms. */
const intent = z.strictObject({
  k: z.literal('intent'),
  ...place,
  at: z.number(),
  replace: z.literal(true).exactOptional(),
  /** Of the blob that was made under it, when that is known to be of less than the file. */
  etag: z.string().exactOptional(),
  /** The sequence number of the page blob that is made under it. */
  mark: z.int().min(1).exactOptional(),
  md5: md5.exactOptional(),
});
/** Of stations before this one. It said that a page blob is ours, and not by what it is known. */
const made = z.strictObject({
  k: z.literal('made'),
  ...place,
  replace: z.literal(true).exactOptional(),
});
/** The page blob of an item that has ended has our mark no more. */
const unmarked = z.strictObject({
  k: z.literal('unmarked'),
  ...place,
  replace: z.literal(true).exactOptional(),
  /** Of the blob since then; nothing when it was not ours to change. */
  etag: z.string().exactOptional(),
});
/** A block is staged under this name, or pages are written. */
const staged = z.strictObject({
  k: z.literal('staged'),
  ...place,
  range: z.int().min(0),
  /** Nothing while another reading of the range takes its place; stations before this one did not say it. */
  md5: md5.exactOptional(),
  /** Nobody vouches for the disk that it was read from. */
  unsure: z.literal(true).exactOptional(),
});
const done = z.strictObject({
  k: z.literal('done'),
  i: place.i,
  tag: place.tag,
  /** Bytes that the store holds of it and that were read back. */
  bytes: z.int().min(0),
  /** Left out when nothing is to be told. */
  outcome: outcomeSchema.exactOptional(),
  /** Of the blob that was intended last. */
  mark: z.int().min(1).exactOptional(),
  md5: md5.exactOptional(),
});
/** It had ended, and is to be read again: by what its blob is known, if it made one. */
const doubted = z.strictObject({
  k: z.literal('doubted'),
  ...place,
  replace: z.literal(true).exactOptional(),
  etag: z.string().exactOptional(),
  mark: z.int().min(1).exactOptional(),
  md5: md5.exactOptional(),
});
/**
 * The disk was found to be what it was, by these landmarks. What it vouches for was read before that began:
 * so many records from the beginning.
 */
const proved = z.strictObject({
  k: z.literal('proved'),
  landmarks: z.string().default(''),
  records: z.int().min(0).default(0),
});
const record = z.discriminatedUnion('k', [
  header,
  intent,
  made,
  staged,
  done,
  doubted,
  unmarked,
  proved,
]);
export type FilesRecord = z.output<typeof record>;
export type HeaderRecord = z.output<typeof header>;
export type DoneRecord = z.output<typeof done>;
export type IntentRecord = z.output<typeof intent>;
export type StagedRecord = z.output<typeof staged>;
export type UnmarkedRecord = z.output<typeof unmarked>;
export type ProvedRecord = z.output<typeof proved>;
/** What one attempt takes over from another. */
export type KeptRecord = Exclude<FilesRecord, { k: 'files' }>;
export type ItemRecord = Exclude<KeptRecord, { k: 'proved' }>;

const BOUND = { maxRecordBytes: FILE_RECORD_MAX_BYTES };
const PROVED = Buffer.from('{"k":"proved"');
const OTHER = { k: 'other' } as const;

/** All records, in order. */
export function recordsOf(path: string): AsyncGenerator<FilesRecord> {
  return readRecords(path, { ...BOUND, parse: parseRecord });
}

/** The proofs alone: a journal has millions of records, and few of these. */
export async function* proofsIn(path: string): AsyncGenerator<ProvedRecord> {
  const parse = (payload: Buffer) =>
    payload.subarray(0, PROVED.length).equals(PROVED) ? parseRecord(payload) : OTHER;
  for await (const entry of readRecords(path, { ...BOUND, parse })) {
    if (entry.k === 'proved') yield entry;
  }
}

export function parseRecord(payload: Buffer): FilesRecord | undefined {
  try {
    return record.parse(JSON.parse(payload.toString()));
  } catch {
    return undefined;
  }
}
