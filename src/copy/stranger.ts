import { readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { unlessMissing, writeAll, writeDurably } from '../blobs/durable-file.ts';
import { asStateDiskError } from '../errors.ts';
import { syncPath } from '../sync-path.ts';

/**
 * A disk that does not hold what its copy began with. That is another disk, or the first one when it told
 * rubbish at first, or has lost these places: only a person can tell. So it is written down how it read;
 * when the drive is durably faulted the person counts as asked; and a disk that was plugged in anew since
 * then and still reads the same, as far as it reads, is taken for the right one, with nothing believed of
 * what was copied before.
 */

const schema = z.strictObject({
  /** By what the disk is known that it is not: of files the landmarks, of an image the nonce of its blocks. */
  landmarks: z.string(),
  /** Of the attachment that was seen. */
  diskseq: z.int().min(0),
  /** What it holds at places that are the same each time, as `landmarkDigest` makes it; null where it does not read. */
  found: z.array(z.string().nullable()),
});
export type Stranger = z.output<typeof schema>;

function strangerFile(journalFile: string): string {
  return `${journalFile}.stranger`;
}

function askedFile(journalFile: string): string {
  return `${journalFile}.asked`;
}

/** Whether a person has said that it is the right disk; else it is written down, to be asked about. */
export async function isConfirmed(journalFile: string, stranger: Stranger): Promise<boolean> {
  const text = await unlessMissing(readFile(askedFile(journalFile), 'utf8'));
  const asked = text === undefined ? undefined : parsed(text);
  if (asked !== undefined && isSame(asked, stranger) && asked.diskseq !== stranger.diskseq) {
    return true;
  }
  const bytes = Buffer.from(JSON.stringify(stranger));
  const file = strangerFile(journalFile);
  try {
    await writeDurably(file, (handle) => writeAll(handle, bytes));
  } catch (error) {
    throw asStateDiskError(file, error);
  }
  return false;
}

/** A place that does not read this time says nothing; one that reads both times must not differ. */
function isSame(asked: Stranger, { landmarks, found }: Stranger): boolean {
  if (asked.landmarks !== landmarks) return false;
  const isDead = [...asked.found, ...found].every((place) => place === null);
  const readTwice = found.flatMap((place, index) => {
    const before = asked.found[index] ?? null;
    return place === null || before === null ? [] : [place === before];
  });
  return isDead || (readTwice.length > 0 && readTwice.every((isEqual) => isEqual));
}

function parsed(text: string): Stranger | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** To be called once the fault is durable: whatever leads on from there is a person's Retry. */
export async function noteAsked(journalFile: string): Promise<void> {
  await unlessMissing(rename(strangerFile(journalFile), askedFile(journalFile)));
  await syncPath(dirname(journalFile));
}

/** The first disk is back: what a person says of another one must not hold for the next. */
export async function forgetStranger(journalFile: string): Promise<void> {
  for (const file of [strangerFile(journalFile), askedFile(journalFile)]) {
    await rm(file, { force: true });
  }
  await unlessMissing(syncPath(dirname(journalFile)));
}
