import type { FileTotals } from '../../domain/file-item.ts';
import type { FilesSummary } from '../../domain/verdict.ts';
import type {
  DoneRecord,
  FilesRecord,
  IntentRecord,
  ItemRecord,
  StagedRecord,
  UnmarkedRecord,
} from './journal-records.ts';
import { CLEAN, classOf } from './outcome.ts';
import { readsDiffer } from './source.ts';

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

/** What was staged or written of a range. */
export interface HeldRange {
  readonly md5: string;
  /** It was read from a disk for which nobody vouches. */
  readonly isUnsure: boolean;
}

/** What is known of an item that was begun, in this attempt or an earlier one. */
export interface Begun {
  /** The last name; of every one before it the store's answer was heard. */
  intent?: Intent;
  /** By the number of the name that they were staged under, and by range. */
  readonly staged: Map<number, Map<number, HeldRange>>;
}

export interface Target {
  readonly attempt: number;
  readonly replace: boolean;
}

/** What is to be made: by what it is known is in the journal before it is in the store. */
export interface KnownTarget extends Target, Pick<Intent, 'etag' | 'mark' | 'md5'> {}

/** When a blob was intended whose item had ended: it was read back then. */
export const ANY_AGE = 0;
const OPEN = 0;
const ENDED_CLEAN = -1;

/**
 * What a journal says of all items: a place in the file for each, and more for those in between. The place
 * is where its end stands or, as a negative number, by what a blob is known that is no longer believed.
 */
export class Ends {
  readonly #at: Float64Array;
  readonly begun = new Map<number, Begun>();
  /** Items that have ended and whose page blob may have our mark. */
  readonly marked = new Map<number, Intent>();
  readonly #tags: Uint32Array;
  readonly #counts: { -readonly [Key in keyof FilesSummary]: number };
  heldBytes = 0;

  constructor({ files, tags }: FileTotals) {
    this.#at = new Float64Array(files);
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

  hasEnded(index: number): boolean {
    const at = this.#at[index] ?? OPEN;
    return at > OPEN || at === ENDED_CLEAN;
  }

  /** Where the end of an item that has one stands; `clean` where nothing is to be told. */
  endOf(index: number): number | 'clean' {
    const at = this.#at[index] ?? OPEN;
    return at === ENDED_CLEAN ? 'clean' : at;
  }

  /** Where it stands by what the blob of an item is known that is to be read again. */
  doubtOf(index: number): number | undefined {
    const at = this.#at[index] ?? OPEN;
    return at < ENDED_CLEAN ? -at : undefined;
  }

  learn(entry: ItemRecord): void {
    if (this.#tags[entry.i] !== entry.tag) throw readsDiffer(`file ${entry.i + 1} of the plan`);
    if (entry.k === 'unmarked') this.marked.delete(entry.i);
    if (this.hasEnded(entry.i)) return;
    if (entry.k === 'done') this.#end(entry);
    else if (entry.k === 'doubted') this.begun.delete(entry.i);
    else if (entry.k === 'staged') this.#learnStaged(entry);
    else if (entry.k !== 'made') this.#learnIntent(entry);
  }

  /** A record of an item that has ended is of use only when it says how, or what is left to do. */
  isOfUse({ k, i }: ItemRecord): boolean {
    if (k === 'done' || k === 'unmarked') return true;
    return !this.hasEnded(i) || (k === 'intent' && this.marked.has(i));
  }

  placed(entry: FilesRecord, offset: number): void {
    if (entry.k === 'done' && entry.outcome !== undefined) this.#at[entry.i] = offset;
    if (entry.k === 'doubted') this.#at[entry.i] = -offset;
  }

  #end({ i, bytes, outcome = CLEAN }: DoneRecord): void {
    const intent = this.begun.get(i)?.intent;
    if (intent?.mark !== undefined) this.marked.set(i, intent);
    this.#at[i] = ENDED_CLEAN;
    this.begun.delete(i);
    this.heldBytes += bytes;
    const counts = this.#counts;
    counts[classOf(outcome)]++;
    if (outcome.status === 'Completed' && outcome.disposition === 'Renamed') counts.renamed++;
    if (outcome.status === 'Completed' && outcome.disposition === 'Overwritten') {
      counts.overwritten++;
    }
  }

  #learnStaged({ i, attempt, range, md5, unsure }: StagedRecord): void {
    const begun = this.#begunAt(i);
    const ranges = begun.staged.get(attempt) ?? new Map();
    begun.staged.set(attempt, ranges);
    // What nobody can compare with the disk is staged again.
    if (md5 === undefined) ranges.delete(range);
    else ranges.set(range, { md5, isUnsure: unsure === true });
  }

  #learnIntent(entry: IntentRecord | UnmarkedRecord): void {
    const begun = this.#begunAt(entry.i);
    const { attempt } = entry;
    const known = { ...knownUnder(attempt, begun.intent), ...knownIn(entry) };
    const at = entry.k === 'intent' ? entry.at : ANY_AGE;
    begun.intent = { attempt, replace: entry.replace ?? false, at, ...known };
  }

  #begunAt(index: number): Begun {
    const begun = this.begun.get(index) ?? { staged: new Map() };
    this.begun.set(index, begun);
    return begun;
  }
}

type Known = { readonly [Key in 'etag' | 'mark' | 'md5']?: Intent[Key] | undefined };

/** What is about to be replaced is ours until it is. */
function knownUnder(attempt: number, before: Intent | undefined) {
  return before?.attempt === attempt ? knownIn(before) : {};
}

export function knownIn({ etag, mark, md5 }: Known) {
  return {
    ...(etag === undefined ? {} : { etag }),
    ...(mark === undefined ? {} : { mark }),
    ...(md5 === undefined ? {} : { md5 }),
  };
}
