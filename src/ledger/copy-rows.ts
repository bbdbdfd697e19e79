import type { BoundDisk, DriveRef } from '../domain/job.ts';
import type { Verdict } from '../domain/verdict.ts';
import { StationError } from '../errors.ts';
import type { CopyRecord, DriveChange } from './contract.ts';
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

export async function idsOfOpenCopies(db: Executor): Promise<ReadonlySet<string>> {
  const rows = await db.selectFrom('copies').select('id').where('verdict', 'is', null).execute();
  return new Set(rows.map(({ id }) => id));
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

/** Changes of a drive that bring a verdict on its copy. */
export type SettlingChange = Extract<DriveChange, { verdict: Verdict }>;

/** Keeps the verdict. What a drive that is given up has staged and not committed never will be. */
export async function settleCopy(
  db: Executor,
  { id, progress }: CopyRecord,
  change: SettlingChange,
): Promise<void> {
  const { event, verdict, logs } = change;
  const isGivenUp = event === 'resolved-without-copy' && progress !== undefined;
  const left = isGivenUp ? { ...progress, stagedBytes: progress.verifiedBytes } : undefined;
  await updateCopy(db, id, {
    verdict: JSON.stringify(verdict),
    logs: logs === undefined ? null : JSON.stringify(logs),
    ...(left === undefined ? {} : { progress: JSON.stringify(left) }),
  });
}
