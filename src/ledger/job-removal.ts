import { driveKey, type JobId } from '../domain/job.ts';
import { drivesOfJob } from './drive-rows.ts';
import type { Executor } from './tables.ts';

/** Removes every row of a job; what refers to it without belonging to it forgets it. */
export async function removeJob(db: Executor, id: JobId): Promise<void> {
  const tasks = (await drivesOfJob(db, id)).map(({ ref }) => driveKey(ref));
  if (tasks.length > 0) await db.deleteFrom('queue').where('id', 'in', tasks).execute();
  await db.deleteFrom('copies').where('job_id', '=', id).execute();
  await db.deleteFrom('drives').where('job_id', '=', id).execute();
  const orphaned = { job_id: null, parcel_id: null };
  await db.updateTable('extra_drives').set(orphaned).where('job_id', '=', id).execute();
  await db.deleteFrom('parcels').where('job_id', '=', id).execute();
  await db.deleteFrom('alerts').where('job_id', '=', id).execute();
  await db.deleteFrom('jobs').where('id', '=', id).execute();
}
