import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { FileItem, FileTotals } from '../../domain/file-item.ts';
import type { FilesSummary } from '../../domain/verdict.ts';
import { FramedFile } from '../framed-file.ts';
import {
  ANY_AGE,
  type Begun,
  Ends,
  type Intent,
  type KnownTarget,
  knownIn,
  type Target,
} from './journal-ends.ts';
import {
  type FilesRecord,
  type HeaderRecord,
  type ItemRecord,
  parseRecord,
  recordsOf,
} from './journal-records.ts';
import { CLEAN, isClean, type Outcome } from './outcome.ts';
import { asideOf, type ReadKept, recalled, without } from './retired-journal.ts';
import { undoubted, type Vouching, vouchedIn } from './vouched.ts';

export type { HeldRange, Intent, KnownTarget, Target } from './journal-ends.ts';

/**
 * The journal of a copy of files. What is going to be written under a name stands in it before the
 * request is sent, so that after any end the next attempt knows whose blob it meets; how a file ended
 * stands in it once the store has been asked again. Items are told by their index and their tag.
 */

/** A range that the store has taken. */
export interface StagedRange {
  readonly attempt: number;
  readonly range: number;
  readonly md5: string;
}

interface CopyIdentity {
  readonly copyId: string;
  readonly nonce: string;
  /** A mark for each item, by its index, of which nothing holds any more. */
  readonly lost?: Uint8Array | undefined;
}

interface Started {
  readonly file: FramedFile;
  readonly ends: Ends;
  readonly records: number;
  readonly landmarks: string;
}

export class FilesJournal {
  readonly #file: FramedFile;
  readonly #ends: Ends;
  readonly #landmarks: string;
  #records: number;

  private constructor({ file, ends, records, landmarks }: Started) {
    this.#file = file;
    this.#ends = ends;
    this.#records = records;
    this.#landmarks = landmarks;
  }

  /**
   * Begins the journal of an attempt with what the one before it knew and is still of use. Throws
   * `drive-reads-differ` when that was of other files, unless that journal was put aside for it.
   */
  static async start(
    path: string,
    { copyId, nonce, lost, ...vouching }: CopyIdentity & Vouching,
    totals: FileTotals,
  ): Promise<FilesJournal> {
    const ends = new Ends(totals);
    const read = without(lost, await readerOf(path, totals, vouching));
    for await (const entry of read()) if (entry.k !== 'proved') ends.learn(entry);
    const kept = keptRecords(read, { k: 'files', copyId, nonce }, ends);
    let records = 0;
    const file = await FramedFile.start(path, kept, (entry, offset) => {
      records++;
      ends.placed(entry, offset);
    });
    for (const aside of asideOf(path)) await rm(aside, { force: true });
    return new FilesJournal({ file, ends, records, landmarks: vouching.landmarks });
  }

  get summary(): FilesSummary {
    return this.#ends.summary;
  }

  /** Bytes of items that have ended well. */
  get heldBytes(): number {
    return this.#ends.heldBytes;
  }

  hasEnded({ index }: FileItem): boolean {
    return this.#ends.hasEnded(index);
  }

  begun({ index }: FileItem): Begun | undefined {
    return this.#ends.begun.get(index);
  }

  /** Brings back by what the blob of an item is known that is to be read again; before it is copied. */
  async recall({ index }: FileItem): Promise<void> {
    const at = this.#ends.doubtOf(index);
    // What was intended since then says more.
    if (at === undefined || this.#ends.begun.get(index)?.intent !== undefined) return;
    const entry = parseRecord(await this.#file.payloadAt(at));
    if (entry?.k === 'doubted') this.#ends.learn({ ...entry, k: 'intent', at: ANY_AGE });
  }

  /** Resolves when it is on the medium: only then may the request be sent. */
  async intend(item: FileItem, target: KnownTarget, at: number): Promise<void> {
    const entry = { k: 'intent', ...this.#of(item), ...recordOf(target), at } as const;
    await this.#append({ ...entry, ...knownIn(target) });
  }

  /** The blob of an item is there, as it is to be. */
  async found(item: FileItem, target: Target & { readonly md5: string }): Promise<void> {
    if (this.begun(item)?.intent?.md5 !== target.md5) await this.intend(item, target, ANY_AGE);
  }

  /**
   * Resolves when a range may be sent under a name: what stood there of another reading of it, under the
   * same id, is no longer what the journal says.
   */
  async staging(item: FileItem, { attempt, range, md5 }: StagedRange): Promise<void> {
    const held = this.begun(item)?.staged.get(attempt)?.get(range);
    if (held === undefined || held.md5 === md5) return;
    await this.#append({ k: 'staged', ...this.#of(item), attempt, range });
  }

  async staged(item: FileItem, range: StagedRange): Promise<void> {
    await this.#append({ k: 'staged', ...this.#of(item), ...range });
  }

  /**
   * To be called before the disk is proved; what it gives writes down that it was. What is told to have ended
   * in between may have been read in between as well, and is not vouched for.
   */
  proving(): () => Promise<void> {
    const records = this.#records;
    return async () => {
      await this.#write({ k: 'proved', landmarks: this.#landmarks, records });
    };
  }

  async end(item: FileItem, outcome: Outcome, bytes: number): Promise<void> {
    const told = isClean(outcome) ? {} : { outcome };
    const { mark, md5 } = this.begun(item)?.intent ?? {};
    const known = knownIn({ mark, md5 });
    const entry = { k: 'done', ...this.#of(item), bytes, ...told, ...known } as const;
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
    if (!this.#ends.hasEnded(index)) return undefined;
    const at = this.#ends.endOf(index);
    if (at === 'clean') return CLEAN;
    const entry = parseRecord(await this.#file.payloadAt(at));
    return entry?.k === 'done' ? entry.outcome : undefined;
  }

  #of({ index }: FileItem) {
    return { i: index, tag: this.#ends.tagOf(index) };
  }

  async #append(entry: ItemRecord): Promise<number> {
    const offset = await this.#write(entry);
    this.#ends.learn(entry);
    return offset;
  }

  #write(entry: FilesRecord): Promise<number> {
    this.#records++;
    return this.#file.append(entry);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function recordOf({ attempt, replace }: Target) {
  return { attempt, ...(replace ? { replace: true as const } : {}) };
}

/** How to go through what an earlier attempt left, in whatever state it left it. */
async function readerOf(path: string, { tags }: FileTotals, vouching: Vouching): Promise<ReadKept> {
  const aside = existsSync(path) ? undefined : asideOf(path).find((file) => existsSync(file));
  const left = aside ?? path;
  const vouched = await vouchedIn(left, vouching);
  const read = () => undoubted(() => recordsOf(left), vouched, vouching);
  // A person was asked: for all that is known, the list of files was misread as well.
  return aside === undefined ? read : () => recalled(read, tags);
}

async function* keptRecords(
  read: ReadKept,
  head: HeaderRecord,
  ends: Ends,
): AsyncGenerator<FilesRecord> {
  yield head;
  let records = 1;
  for await (const entry of read()) {
    if (entry.k === 'proved') yield { ...entry, records };
    else if (ends.isOfUse(entry)) yield entry;
    else continue;
    records++;
  }
}
