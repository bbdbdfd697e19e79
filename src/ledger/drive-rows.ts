import type { DriveState } from '../domain/drive-state.ts';
import type { Drive, DriveRef, JobId } from '../domain/job.ts';
import type { ParcelId } from '../domain/parcel.ts';
import { StationError } from '../errors.ts';
import { driveOf } from './rows.ts';
import type { Executor } from './tables.ts';

/** Reading and writing drives. */

/** A drive with its job's name and with what its copy knows; never with its secret. */
function drivesJoined(db: Executor) {
  return db
    .selectFrom('drives')
    .innerJoin('jobs', 'jobs.id', 'drives.job_id')
    .leftJoin('copies', (join) =>
      join
        .onRef('copies.job_id', '=', 'drives.job_id')
        .onRef('copies.drive_id', '=', 'drives.drive_id'),
    )
    .select([
      'drives.job_id',
      'drives.drive_id',
      'drives.station',
      'drives.position',
      'drives.state',
      'drives.state_data',
      'drives.listed',
      'drives.parcel_id',
      'jobs.name as job_name',
      'copies.bound_disk as bound_disk',
      'copies.progress as progress',
      'copies.verdict as verdict',
      'copies.logs as logs',
    ]);
}

/** The drives of a job in the order of its list. */
export async function drivesOfJob(db: Executor, jobId: JobId): Promise<Drive[]> {
  const rows = await drivesJoined(db)
    .where('drives.job_id', '=', jobId)
    .orderBy('drives.position')
    .execute();
  return rows.map(driveOf);
}

/** A statement takes a limited number of values: 32,766 in SQLite, 65,535 in PostgreSQL. */
const IDS_PER_QUERY = 1000;

/** The drives of several jobs, for lists, by as few queries as statements can hold. */
export async function drivesOfJobs(
  db: Executor,
  ids: readonly JobId[],
): Promise<ReadonlyMap<JobId, readonly Drive[]>> {
  const found = new Map<JobId, Drive[]>(ids.map((id) => [id, []]));
  for (let at = 0; at < ids.length; at += IDS_PER_QUERY) {
    const rows = await drivesJoined(db)
      .where('drives.job_id', 'in', ids.slice(at, at + IDS_PER_QUERY))
      .orderBy('drives.job_id')
      .orderBy('drives.position')
      .execute();
    for (const drive of rows.map(driveOf)) found.get(drive.ref.jobId)?.push(drive);
  }
  return found;
}

export async function findDrive(db: Executor, ref: DriveRef): Promise<Drive | undefined> {
  const row = await drivesJoined(db)
    .where('drives.job_id', '=', ref.jobId)
    .where('drives.drive_id', '=', ref.driveId)
    .executeTakeFirst();
  return row === undefined ? undefined : driveOf(row);
}

/** Throws `drive-not-found`. */
export async function driveByRef(db: Executor, ref: DriveRef): Promise<Drive> {
  const found = await findDrive(db, ref);
  if (found !== undefined) return found;
  const { jobId: jobName, driveId } = ref;
  const words = `there is no drive ${driveId} in job ${jobName}`;
  throw new StationError('drive-not-found', words, { jobName, driveId });
}

export async function setParcel(db: Executor, ref: DriveRef, parcelId: ParcelId): Promise<void> {
  await db
    .updateTable('drives')
    .set({ parcel_id: parcelId })
    .where('job_id', '=', ref.jobId)
    .where('drive_id', '=', ref.driveId)
    .execute();
}

export async function setDriveState(db: Executor, ref: DriveRef, state: DriveState): Promise<void> {
  const { name, ...data } = state;
  await db
    .updateTable('drives')
    .set({ state: name, state_data: JSON.stringify(data) })
    .where('job_id', '=', ref.jobId)
    .where('drive_id', '=', ref.driveId)
    .execute();
}
