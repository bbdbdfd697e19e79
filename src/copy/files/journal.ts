import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { z } from 'zod';
import type { FileItem, FileTotals } from '../../domain/file-item.ts';
import type { FilesSummary } from '../../domain/verdict.ts';
import { FILE_RECORD_MAX_BYTES } from '../../limits.ts';
import { FramedFile, readRecords } from '../framed-file.ts';
import { doubtedJournalOf, undoubted } from './doubted-journal.ts';
import { CLEAN, classOf, isClean, type Outcome, outcomeSchema } from './outcome.ts';
import { type ReadItems, recalled, retiredJournalOf } from './retired-journal.ts';
import { readsDiffer } from './source.ts';

/**
 * The journal of a copy of files. What is going to be written under a name stands in it before the
 * request is sent, so that after any end the next attempt knows whose blob it meets; how a file ended
 * stands in it once the store has been asked again. Items are told by their index and their tag.
 */

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
  /** Stations before this one did not say it. */
  md5: md5.exactOptional(),
});
const done = z.strictObject({
  k: z.literal('done'),
  i: place.i,
  tag: place.tag,
  /** Bytes that the store holds of it and that were read back. */
  bytes: z.int().min(0),
  /** Left out when nothing is to be told. */
  outcome: outcomeSchema.exactOptional(),
});
/** The disk read as before: what stands before this was read of it while it did. */
const proved = z.strictObject({ k: z.literal('proved') });
const record = z.discriminatedUnion('k', [header, intent, made, staged, done, unmarked, proved]);
export type FilesRecord = z.output<typeof record>;
export type ItemRecord = Exclude<FilesRecord, { k: 'files' | 'proved' }>;

const SHAPE = { parse: parseRecord, maxRecordBytes: FILE_RECORD_MAX_BYTES };

/** A name that an earlier attempt was about to write, or has written, without living to say so. */
export interface Intent {
  readonly attempt: number;
  readonly replace: boolean;
  readonly at: number;
  /** A blob with this etag is ours, whatever is in it: it is of a file that ended with errors. */
  readonly etag?: string;
  /** A page blob with this sequence number is ours. */
  readonly mark?: number;
  /** Of all bytes of the blob. */
  readonly md5?: string;
}

/** What is known of an item that was begun, in this attempt or an earlier one. */
export interface Begun {
  /** The last name; of every one before it the store's answer was heard. */
  intent?: Intent;
  /** Ranges and their MD5, by the number of the name that they were staged under. */
  readonly staged: Map<number, Map<number, string>>;
}

/** Where in the journal an item's end stands. */
const OPEN = 0;
const ENDED_CLEAN = -1;

export interface Target {
  readonly attempt: number;
  readonly replace: boolean;
}

/** What is to be made: by what it is known is in the journal before it is in the store. */
export interface KnownTarget extends Target, Pick<Intent, 'etag' | 'mark' | 'md5'> {}

/** A range that the store has taken. */
export interface StagedRange {
  readonly attempt: number;
  readonly range: number;
  readonly md5: string;
}

export class FilesJournal {
  readonly #file: FramedFile;
  readonly #ends: Ends;

  private constructor(file: FramedFile, ends: Ends) {
    this.#file = file;
    this.#ends = ends;
  }

  /**
   * Begins the journal of an attempt with what the one before it knew and is still of use. Throws
   * `drive-reads-differ` when that was of other files, unless that journal was put aside for it.
   */
  static async start(
    path: string,
    { copyId, nonce }: { readonly copyId: string; readonly nonce: string },
    totals: FileTotals,
  ): Promise<FilesJournal> {
    const ends = new Ends(totals);
    const read = readerOf(path, totals);
    for await (const entry of read()) ends.learn(entry);
    const kept = keptRecords(read, { k: 'files', copyId, nonce }, ends);
    const file = await FramedFile.start(path, kept, (entry, offset) => ends.placed(entry, offset));
    for (const aside of [doubtedJournalOf(path), retiredJournalOf(path)]) {
      await rm(aside, { force: true });
    }
    return new FilesJournal(file, ends);
  }

  get summary(): FilesSummary {
    return this.#ends.summary;
  }

  /** Bytes of items that have ended well. */
  get heldBytes(): number {
    return this.#ends.heldBytes;
  }

  hasEnded({ index }: FileItem): boolean {
    return this.#ends.at[index] !== OPEN;
  }

  begun({ index }: FileItem): Begun | undefined {
    return this.#ends.begun.get(index);
  }

  /** Resolves when it is on the medium: only then may the request be sent. */
  async intend(item: FileItem, target: KnownTarget, at: number): Promise<void> {
    const entry = { k: 'intent', ...this.#of(item), ...recordOf(target), at } as const;
    await this.#append({ ...entry, ...knownIn(target) });
  }

  async staged(item: FileItem, range: StagedRange): Promise<void> {
    await this.#append({ k: 'staged', ...this.#of(item), ...range });
  }

  /** The disk was proved after all of which the journal says that it ended was read. */
  async proved(): Promise<void> {
    await this.#file.append({ k: 'proved' });
  }

  async end(item: FileItem, outcome: Outcome, bytes: number): Promise<void> {
    const told = isClean(outcome) ? {} : { outcome };
    const entry = { k: 'done', ...this.#of(item), bytes, ...told } as const;
    const offset = await this.#append(entry);
    this.#ends.placed(entry, offset);
  }

  /** The page blob of an item that has ended, as long as it may have our mark. */
  marked({ index }: FileItem): Intent | undefined {
    return this.#ends.marked.get(index);
  }

  async unmarked(item: FileItem, target: Target, etag: string | undefined): Promise<void> {
    const known = etag === undefined ? {} : { etag };
    await this.#append({ k: 'unmarked', ...this.#of(item), ...recordOf(target), ...known });
  }

  /** How an item ended; `undefined` when it has not. */
  async outcomeOf({ index }: FileItem): Promise<Outcome | undefined> {
    const at = this.#ends.at[index] ?? OPEN;
    if (at === OPEN) return undefined;
    if (at === ENDED_CLEAN) return CLEAN;
    const entry = parseRecord(await this.#file.payloadAt(at));
    return entry?.k === 'done' ? entry.outcome : undefined;
  }

  #of({ index }: FileItem) {
    return { i: index, tag: this.#ends.tagOf(index) };
  }

  async #append(entry: ItemRecord): Promise<number> {
    const offset = await this.#file.append(entry);
    this.#ends.learn(entry);
    return offset;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function recordOf({ attempt, replace }: Target) {
  return { attempt, ...(replace ? { replace: true as const } : {}) };
}

/** What a journal says of all items: a place in the file for each, and more for those in between. */
class Ends {
  readonly at: Float64Array;
  readonly begun = new Map<number, Begun>();
  /** Items that have ended and whose page blob may have our mark. */
  readonly marked = new Map<number, Intent>();
  readonly #tags: Uint32Array;
  readonly #counts: { -readonly [Key in keyof FilesSummary]: number };
  heldBytes = 0;

  constructor({ files, tags }: FileTotals) {
    this.at = new Float64Array(files);
    this.#tags = tags;
    const none = { completed: 0, withErrors: 0, skipped: 0, renamed: 0, overwritten: 0 };
    this.#counts = { planned: files, ...none };
  }

  get summary(): FilesSummary {
    return { ...this.#counts };
  }

  tagOf(index: number): number {
    return this.#tags[index] ?? 0;
  }

  learn(entry: ItemRecord): void {
    if (this.#tags[entry.i] !== entry.tag) throw readsDiffer(`file ${entry.i + 1} of the plan`);
    if (entry.k === 'unmarked') this.marked.delete(entry.i);
    else if (this.at[entry.i] !== OPEN) return;
    else if (entry.k === 'done') this.#end(entry);
    else this.#learnBegun(entry);
  }

  /** A record of an item that has ended is of use only when it says how, or what is left to do. */
  isOfUse({ k, i }: ItemRecord): boolean {
    if (k === 'done' || k === 'unmarked') return true;
    return this.at[i] === OPEN || (k === 'intent' && this.marked.has(i));
  }

  placed(entry: FilesRecord, offset: number): void {
    if (entry.k === 'done' && entry.outcome !== undefined) this.at[entry.i] = offset;
  }

  #end({ i, bytes, outcome = CLEAN }: z.output<typeof done>): void {
    const intent = this.begun.get(i)?.intent;
    if (intent?.mark !== undefined) this.marked.set(i, intent);
    this.at[i] = ENDED_CLEAN;
    this.begun.delete(i);
    this.heldBytes += bytes;
    const counts = this.#counts;
    counts[classOf(outcome)]++;
    if (outcome.status === 'Completed' && outcome.disposition === 'Renamed') counts.renamed++;
    if (outcome.status === 'Completed' && outcome.disposition === 'Overwritten') {
      counts.overwritten++;
    }
  }

  #learnBegun(entry: Exclude<ItemRecord, { k: 'done' | 'unmarked' }>): void {
    const begun: Begun = this.begun.get(entry.i) ?? { staged: new Map() };
    this.begun.set(entry.i, begun);
    const { attempt } = entry;
    if (entry.k === 'staged') {
      const ranges = begun.staged.get(attempt) ?? new Map();
      // What nobody can compare with the disk is staged again.
      if (entry.md5 !== undefined) begun.staged.set(attempt, ranges.set(entry.range, entry.md5));
      return;
    }
    if (entry.k === 'made') return;
    const known = { ...knownUnder(attempt, begun.intent), ...knownIn(entry) };
    begun.intent = { attempt, replace: entry.replace ?? false, at: entry.at, ...known };
  }
}

/** What is about to be replaced is ours until it is. */
function knownUnder(attempt: number, before: Intent | undefined) {
  return before?.attempt === attempt ? knownIn(before) : {};
}

function knownIn({ etag, mark, md5 }: Pick<Intent, 'etag' | 'mark' | 'md5'>) {
  return {
    ...(etag === undefined ? {} : { etag }),
    ...(mark === undefined ? {} : { mark }),
    ...(md5 === undefined ? {} : { md5 }),
  };
}

/** How to go through what an earlier attempt left, in whatever state it left it. */
function readerOf(path: string, { tags }: FileTotals): ReadItems {
  const [doubted, retired] = [doubtedJournalOf(path), retiredJournalOf(path)];
  const isThere = existsSync(path);
  // A person was asked: for all that is known, the list of files was misread as well.
  if (!isThere && existsSync(doubted))
    return () => recalled(() => undoubted(() => allIn(doubted)), tags);
  if (!isThere && existsSync(retired)) return () => recalled(() => itemsIn(retired), tags);
  return () => itemsIn(path);
}

function allIn(path: string): AsyncGenerator<FilesRecord> {
  return readRecords(path, SHAPE);
}

async function* itemsIn(path: string): AsyncGenerator<ItemRecord> {
  for await (const entry of allIn(path)) {
    if (entry.k !== 'files' && entry.k !== 'proved') yield entry;
  }
}

async function* keptRecords(
  read: () => AsyncIterable<ItemRecord>,
  head: z.output<typeof header>,
  ends: Ends,
): AsyncGenerator<FilesRecord> {
  yield head;
  for await (const entry of read()) if (ends.isOfUse(entry)) yield entry;
  // No attempt begins before the disk was proved to be the one of those before it.
  yield { k: 'proved' };
}

function parseRecord(payload: Buffer): FilesRecord | undefined {
  try {
    return record.parse(JSON.parse(payload.toString()));
  } catch {
    return undefined;
  }
}
