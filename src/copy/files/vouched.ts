import { type FilesRecord, type KeptRecord, proofsIn } from './journal-records.ts';
import { CLEAN, classOf } from './outcome.ts';
import { movedTo } from './retired-journal.ts';

/**
 * A disk can tell rubbish without a word, and leave before anybody notices. So an attempt takes from the one
 * before it what was read before the disk was proved the last time. What ended behind that is read again,
 * and compared with what the store has: a blob that was made of rubbish is known by what the journal says
 * of it, and is replaced.
 */
export interface Vouching {
  /** Those that the disk has now; what others proved is of no use. */
  readonly landmarks: string;
  /** Each range of the drive came with a hash: what ended well was what it had to be, whatever the disk. */
  readonly isPromised: boolean;
}

/** For so many records, from the beginning, a proof of the disk vouches. */
export async function vouchedIn(path: string, { landmarks }: Vouching): Promise<number> {
  let vouched = 0;
  for await (const proof of proofsIn(path)) {
    if (proof.landmarks === landmarks) vouched = proof.records;
  }
  return vouched;
}

/** What still holds of a journal; `proved` stands where it is no longer vouched for. */
export async function* undoubted(
  read: () => AsyncIterable<FilesRecord>,
  vouched: number,
  { landmarks, isPromised }: Vouching,
): AsyncGenerator<KeptRecord> {
  const boundary = { k: 'proved', landmarks, records: vouched } as const;
  let at = 0;
  for await (const entry of read()) {
    if (at === vouched) yield boundary;
    at++;
    if (entry.k === 'files' || entry.k === 'proved') continue;
    const isWell = entry.k === 'done' && classOf(entry.outcome ?? CLEAN) !== 'withErrors';
    if (at <= vouched || (isPromised && isWell)) yield entry;
    else yield* movedTo(entry.i, entry);
  }
  if (at <= vouched) yield boundary;
}
