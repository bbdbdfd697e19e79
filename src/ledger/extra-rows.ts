import type { JobId } from '../domain/job.ts';
import type { ExtraDrive, SeenExtra } from './contract.ts';
import { extraDriveOf } from './operator-rows.ts';
import type { Executor } from './tables.ts';

/** Reading and writing extra drives. */

export interface ExtraStamp {
  readonly id: string;
  readonly station: string;
  readonly seenAt: string;
}

export interface FlaggedExtra {
  readonly flagged: ExtraDrive;
  readonly isNew: boolean;
}

/**
 * Flags an extra drive. One that is here already is the same one seen again (after a restart, or in
 * another bay): its row is brought up to date, and it stays with the parcel that it came in.
 */
export async function flagExtra(
  db: Executor,
  extra: SeenExtra,
  stamp: ExtraStamp,
): Promise<FlaggedExtra> {
  const known = await knownExtra(db, extra, stamp.station);
  const { jobId, parcelId, reason, bay, serial, model } = extra;
  if (known !== undefined) {
    const job = known.jobId === null ? { job_id: jobId, parcel_id: parcelId } : {};
    const change = { reason, bay, seen_at: stamp.seenAt, ...job };
    await db.updateTable('extra_drives').set(change).where('id', '=', known.id).execute();
    return { flagged: await extraById(db, known.id), isNew: false };
  }
  const { id, station, seenAt } = stamp;
  const origin = { job_id: jobId, parcel_id: parcelId, seen_at: seenAt };
  const here = { ended_at: null, ended_how: null };
  const row = { id, station, serial, model, bay, reason, ...origin, ...here };
  await db.insertInto('extra_drives').values(row).execute();
  return { flagged: extraDriveOf(row), isNew: true };
}

/** By serial wherever it is; one that shows none, by its bay. */
async function knownExtra(
  db: Executor,
  { serial, model, bay }: SeenExtra,
  station: string,
): Promise<ExtraDrive | undefined> {
  const here = db
    .selectFrom('extra_drives')
    .selectAll()
    .where('station', '=', station)
    .where('ended_at', 'is', null)
    .where('model', model === null ? 'is' : '=', model);
  const same =
    serial === null
      ? here.where('serial', 'is', null).where('bay', '=', bay)
      : here.where('serial', '=', serial);
  const row = await same.executeTakeFirst();
  return row === undefined ? undefined : extraDriveOf(row);
}

export async function extraById(db: Executor, id: string): Promise<ExtraDrive> {
  const rows = db.selectFrom('extra_drives').selectAll();
  return extraDriveOf(await rows.where('id', '=', id).executeTakeFirstOrThrow());
}

export async function findExtra(db: Executor, id: string): Promise<ExtraDrive | undefined> {
  const rows = db.selectFrom('extra_drives').selectAll();
  const row = await rows.where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : extraDriveOf(row);
}

export async function extraRows(db: Executor, which: 'here' | 'all'): Promise<ExtraDrive[]> {
  const all = db.selectFrom('extra_drives').selectAll().orderBy('seen_at').orderBy('id');
  const rows = await (which === 'here' ? all.where('ended_at', 'is', null) : all).execute();
  return rows.map(extraDriveOf);
}

export async function extrasHereOf(db: Executor, jobId: JobId): Promise<ExtraDrive[]> {
  const extras = await extraRows(db, 'here');
  return extras.filter((extra) => extra.jobId === jobId);
}

export async function endExtra(
  db: Executor,
  id: string,
  end: { readonly at: string; readonly how: NonNullable<ExtraDrive['end']>['how'] },
): Promise<void> {
  await db
    .updateTable('extra_drives')
    .set({ ended_at: end.at, ended_how: end.how })
    .where('id', '=', id)
    .execute();
}
