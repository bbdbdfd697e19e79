import { StationError } from '../errors.ts';
import { ANSWER_KEPT_MS } from '../limits.ts';
import type { OnceAnswer, OnceRequest } from './contract.ts';
import type { Executor } from './tables.ts';

/** The answers to what was asked with a key, so that asking again gets them and does nothing. */

export interface KeptStamp {
  readonly station: string;
  readonly at: Date;
}

/**
 * In the caller's transaction: the kept answer, or that of the work, which is then kept. The place is
 * taken before the work, so that of two transactions with one key the second waits for the first.
 */
export async function answerOnce(
  db: Executor,
  request: OnceRequest,
  { work, ...stamp }: KeptStamp & { work(): Promise<unknown> },
): Promise<OnceAnswer> {
  await forgetOld(db, stamp.at);
  if (!(await takePlace(db, request, stamp))) {
    return { answer: await keptAnswer(db, request, stamp), replayed: true };
  }
  const answer = JSON.stringify((await work()) ?? null);
  await db
    .updateTable('kept_answers')
    .set({ answer })
    .where('station', '=', stamp.station)
    .where('actor', '=', request.actor)
    .where('key', '=', request.key)
    .execute();
  return { answer: JSON.parse(answer), replayed: false };
}

async function forgetOld(db: Executor, at: Date): Promise<void> {
  const before = new Date(at.getTime() - ANSWER_KEPT_MS).toISOString();
  await db.deleteFrom('kept_answers').where('kept_at', '<', before).execute();
}

/** Whether the place was free. */
async function takePlace(db: Executor, request: OnceRequest, stamp: KeptStamp): Promise<boolean> {
  const { key, actor, fingerprint } = request;
  const { station, at } = stamp;
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('kept_answers')
    .values({ station, actor, key, fingerprint, answer: '', kept_at: at.toISOString() })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

/** Throws `idempotency-key-reused` when it was the answer to something else. */
async function keptAnswer(db: Executor, request: OnceRequest, stamp: KeptStamp): Promise<unknown> {
  const { key, actor, fingerprint } = request;
  const kept = await db
    .selectFrom('kept_answers')
    .select(['fingerprint', 'answer'])
    .where('station', '=', stamp.station)
    .where('actor', '=', actor)
    .where('key', '=', key)
    .executeTakeFirstOrThrow();
  if (kept.fingerprint === fingerprint) return JSON.parse(kept.answer);
  const words = `the idempotency key ${key} belongs to another request; take a new key for this one`;
  throw new StationError('idempotency-key-reused', words, { key });
}
