import { driveKey, type JobId } from '../domain/job.ts';
import { drivesOfJob } from './drive-rows.ts';
import type { Executor } from './tables.ts';

/** Removes every row of a job; what refers to it without belonging to it forgets it. */
export async function removeJob(db: Executor, id: JobId): Promise<void> {
  const tasks = (await drivesOfJob(db, id)).map(({ ref }) => driveKey(ref));
  if (tasks.length > 0) await db.deleteFrom('queue').where('id', 'in', tasks).execute();
  await db.deleteFrom('copies').where('job_id', '=', id).execute();
  await db.deleteFrom('drives').where('job_id', '=', id).execute();
  await db.updateTable('extra_drives').set({ job_id: null }).where('job_id', '=', id).execute();
  // A check-in of its parcel, at whatever station.
  await db
    .deleteFrom('settings')
    .where('key', 'like', 'check-in/%')
    .where('value', '=', id)
    .execute();
  await db.deleteFrom('jobs').where('id', '=', id).execute();
}
