import type { BoundDisk, DriveRef } from '../domain/job.ts';
import { StationError } from '../errors.ts';
import type { CopyRecord } from './contract.ts';
import { copyRecordOf } from './rows.ts';
import type { CopyTable, Executor } from './tables.ts';

/** Reading and writing copies: one a drive, over however many attempts it takes. */

export async function findCopy(db: Executor, ref: DriveRef): Promise<CopyRecord | undefined> {
  const row = await db
    .selectFrom('copies')
    .selectAll()
    .where('job_id', '=', ref.jobId)
    .where('drive_id', '=', ref.driveId)
    .executeTakeFirst();
  return row === undefined ? undefined : copyRecordOf(row);
}

export interface NewCopy {
  readonly id: string;
  readonly station: string;
  readonly nonce: string;
  readonly ref: DriveRef;
  readonly disk: BoundDisk;
}

/** Makes the copy with its first attempt. */
export async function insertCopy(db: Executor, copy: NewCopy): Promise<CopyRecord> {
  const row = {
    id: copy.id,
    station: copy.station,
    job_id: copy.ref.jobId,
    drive_id: copy.ref.driveId,
    nonce: copy.nonce,
    attempts: 1,
    bound_disk: JSON.stringify(copy.disk),
    plan: null,
    progress: null,
    verdict: null,
    logs: null,
  };
  await db.insertInto('copies').values(row).execute();
  return copyRecordOf(row);
}

export type CopyChange = Partial<
  Pick<CopyTable, 'attempts' | 'plan' | 'progress' | 'verdict' | 'logs'>
>;

/** Throws `internal-error` when there is no such copy: its id comes only from the ledger itself. */
export async function updateCopy(db: Executor, copyId: string, change: CopyChange): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('copies')
    .set(change)
    .where('id', '=', copyId)
    .executeTakeFirst();
  if (numUpdatedRows > 0n) return;
  const detail = `there is no copy ${copyId}`;
  throw new StationError('internal-error', detail, { detail });
}
