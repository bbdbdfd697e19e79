import type { DriveId, Job, JobId } from '../domain/job.ts';
import type { JobStateName } from '../domain/job-state.ts';
import { StationError } from '../errors.ts';
import type { NewJob } from './contract.ts';
import { jobOf } from './rows.ts';
import type { Executor } from './tables.ts';

/** Reading and writing jobs and their drive lists. */

export interface JobStamp {
  readonly id: JobId;
  readonly station: string;
  readonly createdAt: string;
}

/** Inserts the job with its drives, all `Specified`. Throws `job-exists`. */
export async function insertJob(db: Executor, job: NewJob, stamp: JobStamp): Promise<Job> {
  if ((await findJob(db, job.name)) !== undefined) {
    const { name: jobName } = job;
    throw new StationError('job-exists', `there is a job ${jobName} already`, { jobName });
  }
  const state: JobStateName = job.shipped ? 'Shipping' : 'Creating';
  const row = {
    id: stamp.id,
    station: stamp.station,
    name: job.name,
    name_key: nameKey(job.name),
    state,
    cancel_requested: 0,
    created_at: stamp.createdAt,
    details: JSON.stringify(job.details),
  };
  await db.insertInto('jobs').values(row).execute();
  if (job.drives.length > 0) {
    const rows = job.drives.map((driveId, position) => driveRow(driveId, position, stamp));
    await db.insertInto('drives').values(rows).execute();
  }
  return jobOf(row);
}

function driveRow(driveId: DriveId, position: number, stamp: JobStamp) {
  return {
    job_id: stamp.id,
    drive_id: driveId,
    station: stamp.station,
    position,
    state: 'Specified',
    state_data: '{}',
  };
}

/** By name, whatever its case: names of Azure resources differ in more than case. */
export async function findJob(db: Executor, name: string): Promise<Job | undefined> {
  const row = await db
    .selectFrom('jobs')
    .selectAll()
    .where('name_key', '=', nameKey(name))
    .executeTakeFirst();
  return row === undefined ? undefined : jobOf(row);
}

export async function allJobs(db: Executor): Promise<Job[]> {
  const rows = await db
    .selectFrom('jobs')
    .selectAll()
    .orderBy('created_at')
    .orderBy('name_key')
    .execute();
  return rows.map(jobOf);
}

/** Throws `job-not-found`. */
export async function jobById(db: Executor, id: JobId): Promise<Job> {
  const row = await db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw jobNotFound(id);
  return jobOf(row);
}

export async function setJobState(db: Executor, id: JobId, state: JobStateName): Promise<void> {
  await db.updateTable('jobs').set({ state }).where('id', '=', id).execute();
}

function jobNotFound(jobName: string): StationError {
  return new StationError('job-not-found', `there is no job ${jobName}`, { jobName });
}

function nameKey(name: string): string {
  return name.toLowerCase();
}
