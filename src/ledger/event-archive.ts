import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { asStateDiskError, messageOf } from '../errors.ts';
import { syncPath } from '../sync-path.ts';
import { canonicalJson } from './canonical-json.ts';
import type { LedgerEvent } from './contract.ts';
import { follows, type Link, linkSchema } from './event-log.ts';

/**
 * Entries of the event log that left the ledger: gzip of a line for each, as the chain of hashes has it,
 * after one that says where they begin. So each file proves by itself that none of its entries was
 * changed, and with its neighbours that none is missing between them.
 */

const FORMAT = 'drive-station-events-1';
const PIECE_CHARACTERS = 64 * 1024;
/** The numbers of the first and the last entry, and the beginning of the last hash. */
const NAME = /^events-(\d{12})-(\d{12})-[0-9a-f]{8}\.jsonl\.gz$/u;

const headSchema = z.strictObject({
  format: z.literal(FORMAT),
  station: z.string(),
  after: linkSchema,
});
const entrySchema = z.strictObject({
  sequence: z.int(),
  at: z.string(),
  actor: z.string(),
  entity: z.string(),
  type: z.string(),
  data: z.unknown(),
  hash: z.string(),
});

export function archiveDirectoryOf(stateDirectory: string): string {
  return join(stateDirectory, 'event-archive');
}

export function isArchiveName(file: string): boolean {
  return NAME.test(basename(file));
}

/** The archives in a directory, those with the oldest entries first. */
export async function archivesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter(isArchiveName)
    .sort()
    .map((name) => join(directory, name));
}

export interface Leaving {
  readonly station: string;
  /** The entry before the first one. */
  readonly after: Link;
  readonly last: Link;
  readonly entries: AsyncIterable<LedgerEvent>;
}

/**
 * Writes entries into a file of their own, which is on the medium with its name when this resolves.
 * Written again it replaces itself. Throws `state-disk-failed`, and what reading the entries throws.
 */
export async function writeArchive(directory: string, leaving: Leaving): Promise<string> {
  const file = join(directory, nameOf(leaving));
  const draft = join(directory, 'events.new');
  try {
    const made = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncPath(dirname(directory));
    const text = Readable.from(textOf(leaving));
    await pipeline(text, createGzip(), createWriteStream(draft, { mode: 0o600 }));
    await syncPath(draft);
    await rename(draft, file);
    await syncPath(directory);
    return file;
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw asStateDiskError(directory, error);
  }
}

function nameOf({ after, last }: Leaving): string {
  const number = (sequence: number) => String(sequence).padStart(12, '0');
  // Two histories of one ledger, after a backup was restored, have the same numbers.
  const mark = last.hash.slice(0, 8);
  return `events-${number(after.sequence + 1)}-${number(last.sequence)}-${mark}.jsonl.gz`;
}

/** A line for each entry, many lines at a time. */
async function* textOf({ station, after, entries }: Leaving): AsyncGenerator<string> {
  let text = `${canonicalJson({ format: FORMAT, station, after })}\n`;
  for await (const entry of entries) {
    text += `${canonicalJson(entry)}\n`;
    if (text.length < PIECE_CHARACTERS) continue;
    yield text;
    text = '';
  }
  yield text;
}

/** What an archive holds, from the entry before its first one to its last one that can be read. */
export interface ArchiveReport {
  readonly file: string;
  readonly after: Link | undefined;
  readonly last: Link | undefined;
  /** What is wrong with it; `undefined` when it is whole. */
  readonly problem: string | undefined;
}

/** Recomputes the chain of one archive. */
export async function verifyArchive(file: string): Promise<ArchiveReport> {
  let after: Link | undefined;
  let last: Link | undefined;
  try {
    for await (const line of readLines(file)) {
      const value: unknown = JSON.parse(line);
      if (last === undefined) {
        after = headSchema.parse(value).after;
        last = after;
        continue;
      }
      const entry = entrySchema.parse(value);
      if (!follows(last, { ...entry, data: entry.data })) {
        return { file, after, last, problem: `entry ${last.sequence + 1} breaks the chain` };
      }
      last = { sequence: entry.sequence, hash: entry.hash };
    }
  } catch (error) {
    const words = error instanceof z.ZodError ? 'a line is no entry' : messageOf(error);
    return {
      file,
      after,
      last,
      problem: `cannot be read behind entry ${last?.sequence ?? 0}: ${words}`,
    };
  }
  const expected = Number(NAME.exec(basename(file))?.[2] ?? last?.sequence);
  const isCut = last === undefined || last.sequence !== expected;
  return { file, after, last, problem: isCut ? 'it ends before its last entry' : undefined };
}

/**
 * Recomputes all archives of a directory and what they follow. The oldest ones are missing once they were
 * too many. One may hold entries that the ledger still has, after a kill, and two the same numbers, after
 * a backup was restored. But where the ledger goes on, an archive must end: at `anchor`.
 */
export async function verifyArchives(directory: string, anchor: Link): Promise<ArchiveReport[]> {
  const found: ArchiveReport[] = [];
  for (const file of await archivesIn(directory)) found.push(await verifyArchive(file));
  const ends = new Set(found.map(({ last }) => linkText(last)));
  const first = Math.min(...found.map(({ after }) => after?.sequence ?? Number.POSITIVE_INFINITY));
  const reports = found.map((report) => {
    const isNext = report.after?.sequence === first || ends.has(linkText(report.after));
    const problem = report.problem ?? (isNext ? undefined : 'the archive before it is missing');
    return { ...report, problem };
  });
  const newest = reports.at(-1);
  const isJoined = anchor.sequence === 0 || ends.has(linkText(anchor));
  if (newest === undefined || isJoined) return reports;
  const problem =
    newest.problem ?? `no archive ends at entry ${anchor.sequence}, where the ledger goes on`;
  return [...reports.slice(0, -1), { ...newest, problem }];
}

function linkText(link: Link | undefined): string {
  return link === undefined ? '' : `${link.sequence} ${link.hash}`;
}

async function* readLines(file: string): AsyncGenerator<string> {
  const text = createGunzip();
  // What fails on the way ends the text too, and is thrown where that is read.
  pipeline(createReadStream(file), text).catch(() => undefined);
  let rest = '';
  try {
    for await (const piece of text.setEncoding('utf8')) {
      const lines = `${rest}${piece}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
    if (rest !== '') yield rest;
  } finally {
    text.destroy();
  }
}
