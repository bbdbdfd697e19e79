import type { ExtraDrive } from './contract.ts';
import { extraDriveOf } from './rows.ts';
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
 * Flags an extra drive. One that is already known in this bay with this serial and job is the same
 * one seen again (after a restart, or pulled and put back): its row is brought up to date instead.
 */
export async function flagExtra(
  db: Executor,
  extra: Omit<ExtraDrive, 'id' | 'seenAt'>,
  stamp: ExtraStamp,
): Promise<FlaggedExtra> {
  const { id, station, seenAt } = stamp;
  const known = await knownExtra(db, extra, station);
  if (known !== undefined) {
    const change = { reason: extra.reason, seen_at: seenAt };
    await db.updateTable('extra_drives').set(change).where('id', '=', known.id).execute();
    return { flagged: { ...extra, id: known.id, seenAt }, isNew: false };
  }
  const { serial, model, bay, jobId, reason } = extra;
  const row = { id, station, serial, model, bay, job_id: jobId, reason, seen_at: seenAt };
  await db.insertInto('extra_drives').values(row).execute();
  return { flagged: extraDriveOf(row), isNew: true };
}

async function knownExtra(
  db: Executor,
  extra: Omit<ExtraDrive, 'id' | 'seenAt'>,
  station: string,
): Promise<{ id: string } | undefined> {
  const { serial, model, bay, jobId } = extra;
  return await db
    .selectFrom('extra_drives')
    .select('id')
    .where('station', '=', station)
    .where('bay', '=', bay)
    .where('serial', serial === null ? 'is' : '=', serial)
    .where('model', model === null ? 'is' : '=', model)
    .where('job_id', jobId === null ? 'is' : '=', jobId)
    .executeTakeFirst();
}

export async function allExtras(db: Executor): Promise<ExtraDrive[]> {
  const rows = await db
    .selectFrom('extra_drives')
    .selectAll()
    .orderBy('seen_at')
    .orderBy('id')
    .execute();
  return rows.map(extraDriveOf);
}
