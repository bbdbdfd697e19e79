import type { Job, JobDetails, JobId } from '../domain/job.ts';
import { type JobState, publicJobState } from '../domain/job-state.ts';
import { StationError } from '../errors.ts';
import type { JobPage, JobQuery, NewJob } from './contract.ts';
import { addressKey, type JobAddress, keyRange } from './job-address.ts';
import { jobOf } from './rows.ts';
import type { Executor } from './tables.ts';

/** Reading and writing jobs. */

export interface JobStamp {
  readonly id: JobId;
  readonly station: string;
  readonly createdAt: string;
  readonly createdBy: string;
}

/** Inserts the job with its drives, all `Specified`. Throws `job-exists`. */
export async function insertJob(db: Executor, job: NewJob, stamp: JobStamp): Promise<Job> {
  if ((await jobAt(db, addressOf(job))) !== undefined) {
    const { name: jobName } = job;
    throw new StationError('job-exists', `there is a job ${jobName} already`, { jobName });
  }
  const state: JobState = { name: job.shipped ? 'Shipping' : 'Creating', since: stamp.createdAt };
  const row = {
    id: stamp.id,
    station: stamp.station,
    name: job.name,
    name_key: addressKey(addressOf(job)),
    short_name_key: job.name.toLowerCase(),
    ...stateColumns(state),
    awaited_since: job.shipped ? stamp.createdAt : null,
    cancel_requested: job.cancelRequested === true ? 1 : 0,
    created_at: stamp.createdAt,
    updated_at: stamp.createdAt,
    created_by: stamp.createdBy,
    updated_by: stamp.createdBy,
    ...detailColumns(job.details),
  };
  await db.insertInto('jobs').values(row).execute();
  return jobOf(row);
}

function stateColumns(state: JobState) {
  const { name, since, ...data } = state;
  return {
    state: name,
    state_data: JSON.stringify(data),
    state_since: since,
    public_state: publicJobState(state),
  };
}

/** The details and what is searched for in them. */
function detailColumns(details: JobDetails) {
  const tracking = details.deliveryPackage?.trackingNumber;
  return {
    job_type: details.jobType,
    tracking_number: tracking === undefined ? null : String(tracking),
    details: JSON.stringify(details),
  };
}

export interface JobRewrite {
  readonly state: JobState;
  readonly awaitedSince?: string;
  readonly cancelRequested: boolean;
  readonly details: JobDetails;
  readonly updatedAt: string;
  readonly updatedBy: string;
}

export async function rewriteJob(db: Executor, job: Job, rewrite: JobRewrite): Promise<Job> {
  const { state, awaitedSince, cancelRequested, details, updatedAt, updatedBy } = rewrite;
  const columns = {
    ...stateColumns(state),
    ...(awaitedSince === undefined ? {} : { awaited_since: awaitedSince }),
    cancel_requested: cancelRequested ? 1 : 0,
    updated_at: updatedAt,
    updated_by: updatedBy,
    ...detailColumns(details),
  };
  await db.updateTable('jobs').set(columns).where('id', '=', job.id).execute();
  return { ...job, ...rewrite };
}

export function addressOf({ name, details }: Pick<NewJob, 'name' | 'details'>): JobAddress {
  return { name, subscriptionId: details.subscriptionId, resourceGroup: details.resourceGroup };
}

export async function jobAt(db: Executor, address: JobAddress): Promise<Job | undefined> {
  const row = await db
    .selectFrom('jobs')
    .selectAll()
    .where('name_key', '=', addressKey(address))
    .executeTakeFirst();
  return row === undefined ? undefined : jobOf(row);
}

/**
 * By the id, or by the name alone, whatever its case. Throws `job-name-ambiguous` when several
 * resource groups have the name.
 */
export async function findJob(db: Executor, name: string): Promise<Job | undefined> {
  const jobs = db.selectFrom('jobs').selectAll();
  const byId = await jobs.where('id', '=', name).executeTakeFirst();
  if (byId !== undefined) return jobOf(byId);
  const rows = await jobs
    .where('short_name_key', '=', name.toLowerCase())
    .orderBy('name_key')
    .execute();
  if (rows.length < 2) return rows.map(jobOf)[0];
  const ids = rows.map(({ id }) => id);
  const words = `${rows.length} jobs are called ${name}; say which by its id: ${ids.join(', ')}`;
  throw new StationError('job-name-ambiguous', words, { jobName: name, ids });
}

/** In the order of their addresses, which no insert changes for the others. */
export async function jobPage(db: Executor, query: JobQuery): Promise<JobPage> {
  const { subscriptionId, resourceGroup, filter, top, after } = query;
  const [from, below] = keyRange(subscriptionId, resourceGroup);
  let wanted = db.selectFrom('jobs').selectAll().where('name_key', '<', below);
  wanted =
    after !== undefined && after >= from
      ? wanted.where('name_key', '>', after)
      : wanted.where('name_key', '>=', from);
  if (filter.state !== undefined) wanted = wanted.where('public_state', '=', filter.state);
  if (filter.jobType !== undefined) wanted = wanted.where('job_type', '=', filter.jobType);
  if (filter.trackingNumber !== undefined) {
    wanted = wanted.where('tracking_number', '=', filter.trackingNumber);
  }
  const rows = await wanted
    .orderBy('name_key')
    .limit(top + 1)
    .execute();
  const page = rows.slice(0, top);
  const last = page.at(-1)?.name_key;
  const next = rows.length > top && last !== undefined ? { next: last } : {};
  return { jobs: page.map(jobOf), ...next };
}

export async function allJobs(db: Executor): Promise<Job[]> {
  return (await byAge(db).execute()).map(jobOf);
}

/** Some of all jobs; `after` is the `next` of the page before, whose last job may be gone by now. */
export async function allJobsPage(
  db: Executor,
  { top, after }: Pick<JobQuery, 'top' | 'after'>,
): Promise<JobPage> {
  let wanted = byAge(db).limit(top + 1);
  if (after !== undefined) {
    const [createdAt = '', key = ''] = after.split(PLACE_SEPARATOR);
    wanted = wanted.where((row) =>
      row(row.refTuple('created_at', 'name_key'), '>', row.tuple(createdAt, key)),
    );
  }
  const rows = await wanted.execute();
  const page = rows.slice(0, top);
  const last = rows.length > top ? page.at(-1) : undefined;
  const next = last === undefined ? {} : { next: placeOf(last) };
  return { jobs: page.map(jobOf), ...next };
}

/** In neither a time nor an address. */
const PLACE_SEPARATOR = '|';

function placeOf({ created_at, name_key }: { created_at: string; name_key: string }): string {
  return `${created_at}${PLACE_SEPARATOR}${name_key}`;
}

function byAge(db: Executor) {
  return db.selectFrom('jobs').selectAll().orderBy('created_at').orderBy('name_key');
}

const FINISHED = ['Completed', 'Closed'];
/** The states of jobs that have something to come. */
export const OPEN_STATES = [
  'Creating',
  'Shipping',
  'Received',
  'Transferring',
  'Packaging',
  'Faulted',
];
/** What is swept in one round; the rest comes in the next. */
const FINISHED_PER_ROUND = 100;

/** Two queries, each by an index, so that years of finished jobs cost nothing. */
export async function openJobs(db: Executor, finishedAfter: string): Promise<Job[]> {
  const jobs = db.selectFrom('jobs').selectAll();
  const open = await jobs.where('state', 'in', OPEN_STATES).execute();
  const finished = await jobs
    .where('state', 'in', FINISHED)
    .where('state_since', '>', finishedAfter)
    .execute();
  const rows = [...open, ...finished].sort(
    (a, b) => compare(a.created_at, b.created_at) || compare(a.name_key, b.name_key),
  );
  return rows.map(jobOf);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export async function finishedJobs(db: Executor, before: string): Promise<Job[]> {
  const rows = await db
    .selectFrom('jobs')
    .selectAll()
    .where('state', 'in', FINISHED)
    .where('state_since', '<=', before)
    .orderBy('state_since')
    .limit(FINISHED_PER_ROUND)
    .execute();
  return rows.map(jobOf);
}

/** Throws `job-not-found`. */
export async function jobById(db: Executor, id: JobId): Promise<Job> {
  const row = await db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw jobNotFound(id);
  return jobOf(row);
}

export async function setJobState(db: Executor, id: JobId, state: JobState): Promise<void> {
  await db.updateTable('jobs').set(stateColumns(state)).where('id', '=', id).execute();
}

export async function setAwaitedSince(db: Executor, id: JobId, since: string): Promise<void> {
  await db.updateTable('jobs').set({ awaited_since: since }).where('id', '=', id).execute();
}

export async function setDetails(db: Executor, id: JobId, details: JobDetails): Promise<void> {
  await db.updateTable('jobs').set(detailColumns(details)).where('id', '=', id).execute();
}

function jobNotFound(jobName: string): StationError {
  return new StationError('job-not-found', `there is no job ${jobName}`, { jobName });
}
