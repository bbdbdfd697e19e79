import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import { scrubJson } from '../scrub.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Actor, LedgerEvent } from './contract.ts';
import { readSetting, writeSetting } from './setting-rows.ts';
import type { EventTable, Executor } from './tables.ts';

/**
 * The event log: a chain of hashes, each over the entry and the hash before it, so that an entry that
 * is changed, removed or moved breaks everything after it. The head is kept apart, in the settings,
 * so that a tail that was cut off is noticed too. Whoever can rewrite the whole file can still forge
 * a whole chain: it shows accidents and quiet edits, it is no seal against the machine's owner.
 *
 * The oldest entries leave (`event-quota.ts`). The last one that left is the anchor, kept in the settings
 * as the head is: what is left begins behind it.
 */

const GENESIS_HASH = '0'.repeat(64);
const HEAD_KEY = 'event-head';
const ANCHOR_KEY = 'event-anchor';
/** Entries read at a time, so that a long log is never in memory whole. */
const PAGE_SIZE = 256;

/** A place in the chain: an entry's number and its hash. */
export const linkSchema = z.strictObject({ sequence: z.int().min(0), hash: z.string() });
export type Link = z.output<typeof linkSchema>;
/** Before the first entry. */
const GENESIS: Link = { sequence: 0, hash: GENESIS_HASH };

export interface NewEvent {
  readonly entity: string;
  readonly type: string;
  readonly data: unknown;
  readonly actor: Actor;
}

export interface EventStamp {
  readonly station: string;
  readonly at: Date;
}

/** Appends inside the caller's transaction: the entry and the change it tells of live or die together. */
export async function appendEvent(
  db: Executor,
  event: NewEvent,
  stamp: EventStamp,
): Promise<LedgerEvent> {
  const head = await headOf(db);
  const entry = {
    sequence: head.sequence + 1,
    at: stamp.at.toISOString(),
    // A lone surrogate would come back from the database as another character.
    actor: event.actor.toWellFormed(),
    entity: event.entity.toWellFormed(),
    type: event.type.toWellFormed(),
    // An entry stays for ever: a secret that came with it would, too.
    data: canonicalJson(scrubJson(event.data)),
  };
  const hash = chainHash(head.hash, { ...entry, data: JSON.parse(entry.data) });
  const { station } = stamp;
  await db
    .insertInto('events')
    .values({ ...entry, station, hash })
    .execute();
  const value = canonicalJson({ sequence: entry.sequence, hash });
  await writeSetting(db, { key: HEAD_KEY, station, value });
  return { ...entry, data: JSON.parse(entry.data), hash };
}

/** Entries after a sequence number, oldest first, at most `limit`. */
export async function* readEvents(
  db: Executor,
  afterSequence: number,
  limit: number,
): AsyncGenerator<LedgerEvent> {
  let after = afterSequence;
  let left = limit;
  while (left > 0) {
    const page = await eventPage(db, after, Math.min(left, PAGE_SIZE));
    for (const row of page) {
      yield eventOf(row);
      after = row.sequence;
    }
    left -= page.length;
    if (page.length < PAGE_SIZE) return;
  }
}

/** The newest entry, or the newest about one entity. */
export async function lastEvent(db: Executor, entity?: string): Promise<LedgerEvent | undefined> {
  const newest = db.selectFrom('events').selectAll().orderBy('sequence', 'desc').limit(1);
  const wanted = entity === undefined ? newest : newest.where('entity', '=', entity);
  const row = await wanted.executeTakeFirst();
  return row === undefined ? undefined : eventOf(row);
}

function eventOf({ station: _, data, ...row }: Selectable<EventTable>): LedgerEvent {
  return { ...row, data: JSON.parse(data) };
}

/** Recomputes the chain; the first entry that does not fit, or `undefined` when all do. */
export async function firstBrokenEvent(db: Executor): Promise<number | undefined> {
  let last = await anchorOf(db);
  // The first page begins below zero, so that an entry put before the first one is seen.
  for (let after = Number.MIN_SAFE_INTEGER; ; after = last.sequence) {
    const page = await eventPage(db, after, PAGE_SIZE);
    for (const row of page) {
      const expected = last.sequence + 1;
      const data = parseCanonical(row.data);
      if (row.sequence !== expected || data === undefined) return expected;
      const { station: _, ...entry } = row;
      if (!follows(last, { ...entry, data: data.value })) return expected;
      last = { sequence: expected, hash: row.hash };
    }
    if (page.length < PAGE_SIZE) break;
  }
  return brokenAtHead(last, await headOf(db));
}

function brokenAtHead(last: Link, head: Link): number | undefined {
  if (head.sequence > last.sequence) return last.sequence + 1;
  if (head.sequence < last.sequence) return head.sequence + 1;
  return head.hash === last.hash ? undefined : last.sequence;
}

async function eventPage(db: Executor, after: number, limit: number) {
  return await db
    .selectFrom('events')
    .selectAll()
    .where('sequence', '>', after)
    .orderBy('sequence')
    .limit(limit)
    .execute();
}

/** The newest entry. */
export async function headOf(db: Executor): Promise<Link> {
  return linkOf(await readSetting(db, HEAD_KEY));
}

/** The last entry that left. */
export async function anchorOf(db: Executor): Promise<Link> {
  return linkOf(await readSetting(db, ANCHOR_KEY));
}

function linkOf(value: string | undefined): Link {
  return value === undefined ? GENESIS : linkSchema.parse(JSON.parse(value));
}

/** Takes out everything up to an entry, inside the caller's transaction. */
export async function removeEventsUpTo(db: Executor, anchor: Link, station: string): Promise<void> {
  await db.deleteFrom('events').where('sequence', '<=', anchor.sequence).execute();
  await writeSetting(db, { key: ANCHOR_KEY, station, value: canonicalJson(anchor) });
}

/** Whether an entry is the next one after a place in the chain. */
export function follows(
  { sequence, hash: previous }: Link,
  { hash, ...entry }: LedgerEvent,
): boolean {
  return entry.sequence === sequence + 1 && hash === chainHash(previous, entry);
}

function chainHash(previous: string, entry: Omit<LedgerEvent, 'hash'>): string {
  return createHash('sha256').update(previous).update(canonicalJson(entry)).digest('hex');
}

/** The value of text that is canonical JSON; anything else was not written here. */
function parseCanonical(text: string): { value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return canonicalJson(value) === text ? { value } : undefined;
  } catch {
    return undefined;
  }
}
