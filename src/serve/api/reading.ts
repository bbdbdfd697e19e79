import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { type Drive, driveKey, type Job } from '../../domain/job.ts';
import type { Ledger, LedgerEvent } from '../../ledger/contract.ts';
import { driveNamed, jobNamed } from '../../ledger/named.ts';
import { type DriveNow, driveView as driveShown, jobView as jobShown } from '../view.ts';
import {
  type DriveView,
  diskView,
  driveView,
  type JobView,
  jobView,
  type StationView,
  stationInfo,
} from '../wire.ts';
import { extraDrive } from '../wire-parcels.ts';
import { OF_JOB } from './fields.ts';
import { defineRead, type ReadRoute } from './route.ts';
import { driveInFull, jobInFull, ledgerEvent } from './shapes.ts';

/** The routes that show what is true. */

const JOBS_MAX = 1000;
/** 50 ms or so, with ten drives each. */
const JOBS_PER_READ = 100;
const EVENTS_DEFAULT = 100;
const EVENTS_MAX = 1000;

export const name = z.string().min(1).max(300);
export const jobName = name.describe(
  'The job’s name in any case, or its id, where several resource groups have the name.',
);
export const jobParams = z.object({ name: jobName });
export const driveParams = z.object({
  name: jobName,
  driveId: name.describe('As in the job’s drive list.'),
});
const count = z
  .string()
  .regex(/^\d{1,15}$/u, 'a whole number')
  .transform(Number);
/** Text in an address, but a number to those who read the OpenAPI document. */
const number = { type: 'integer', pattern: undefined };
const eventsQuery = z.strictObject({
  after: count
    .default(0)
    .meta({ ...number, minimum: 0, default: 0, description: 'The entries after this number.' }),
  limit: count
    .pipe(z.int().min(1).max(EVENTS_MAX))
    .default(EVENTS_DEFAULT)
    .meta({ ...number, minimum: 1, maximum: EVENTS_MAX, default: EVENTS_DEFAULT }),
});

const jobsQuery = z.strictObject({
  after: z.string().max(600).exactOptional().describe('The jobs after this place: a `next`.'),
  limit: count
    .pipe(z.int().min(1).max(JOBS_MAX))
    .exactOptional()
    .meta({ ...number, minimum: 1, maximum: JOBS_MAX, description: 'All of them when left out.' }),
});

export function readRoutes(view: () => StationView): ReadRoute[] {
  return [...stationReads(view), ...jobReads(view)];
}

function stationReads(view: () => StationView): ReadRoute[] {
  return [
    defineRead({
      path: '/api/v1/station',
      id: 'getStation',
      tag: 'station',
      summary: 'The station itself',
      answer: stationInfo,
      handle: () => view().station,
    }),
    defineRead({
      path: '/api/v1/drives',
      id: 'listDrives',
      tag: 'jobs',
      summary: 'The drives of all jobs at work',
      answer: z.object({ drives: z.array(driveView).readonly() }),
      handle: () => ({ drives: view().drives }),
    }),
    defineRead({
      path: '/api/v1/disks',
      id: 'listDisks',
      tag: 'disks',
      summary: 'The disks that are plugged in',
      answer: z.object({ disks: z.array(diskView).readonly() }),
      handle: () => ({ disks: view().disks }),
    }),
    defineRead({
      path: '/api/v1/extras',
      id: 'listExtraDrives',
      tag: 'disks',
      summary: 'Disks on no list that were seen',
      answer: z.object({ extras: z.array(extraDrive).readonly() }),
      handle: async (_input, ledger) => ({ extras: await ledger.parcels.extras('here') }),
    }),
    defineRead({
      path: '/api/v1/events',
      id: 'listEvents',
      tag: 'events',
      summary: 'Some entries of the event log, oldest first',
      description: 'Ask again with `after` set to `next` for those that follow.',
      query: eventsQuery,
      answer: z.object({ events: z.array(ledgerEvent).readonly(), next: z.int().min(0) }),
      handle: ({ query }, ledger) => eventsPage(ledger, query),
    }),
  ];
}

function jobReads(view: () => StationView): ReadRoute[] {
  return [
    defineRead({
      path: '/api/v1/jobs',
      id: 'listJobs',
      tag: 'jobs',
      summary: 'All jobs, closed ones included, oldest first',
      description:
        'Ask again with `after` set to `next`, while there is one, for those that follow.',
      query: jobsQuery,
      answer: z.object({ jobs: z.array(jobView).readonly(), next: z.string().nullable() }),
      handle: ({ query }, ledger) => jobsAfter(ledger, query),
    }),
    defineRead({
      path: '/api/v1/jobs/:name',
      id: 'getJob',
      tag: 'jobs',
      summary: 'A job with what the customer said of it',
      params: jobParams,
      answer: jobInFull,
      errors: OF_JOB,
      handle: async ({ params }, ledger) => inFull(ledger, await jobNamed(ledger, params.name)),
    }),
    defineRead({
      path: '/api/v1/jobs/:name/drives',
      id: 'listDrivesOfJob',
      tag: 'jobs',
      summary: 'The drives of a job',
      params: jobParams,
      answer: z.object({ drives: z.array(driveView).readonly() }),
      errors: OF_JOB,
      handle: async ({ params }, ledger) => {
        const drives = await ledger.drivesOf((await jobNamed(ledger, params.name)).id);
        return { drives: drives.map((drive) => liveView(drive, view())) };
      },
    }),
    defineRead({
      path: '/api/v1/jobs/:name/drives/:driveId',
      id: 'getDrive',
      tag: 'jobs',
      summary: 'A drive with its evidence',
      params: driveParams,
      answer: driveInFull,
      errors: [...OF_JOB, 'drive-not-found'],
      handle: async ({ params }, ledger) => {
        const drive = await driveNamed(ledger, { jobName: params.name, driveId: params.driveId });
        const { verdict = null, boundDisk = null } = drive;
        return { ...liveView(drive, view()), verdict, boundDisk };
      },
    }),
  ];
}

export async function inFull(ledger: Ledger, job: Job): Promise<z.input<typeof jobInFull>> {
  return { ...jobShown(job, await ledger.drivesOf(job.id)), details: job.details };
}

interface JobsPage {
  readonly jobs: readonly JobView[];
  readonly next: string | null;
}

async function pageOfJobs(
  ledger: Ledger,
  top: number,
  after: string | undefined,
): Promise<JobsPage> {
  const page = await ledger.jobsPage({ top, ...(after === undefined ? {} : { after }) });
  const drives = await ledger.drivesOfJobs(page.jobs.map(({ id }) => id));
  const jobs = page.jobs.map((job) => jobShown(job, drives.get(job.id) ?? []));
  return { jobs, next: page.next ?? null };
}

/** A page, or all that follow: read in parts, between which everybody else has a turn. */
async function jobsAfter(
  ledger: Ledger,
  { after, limit }: z.output<typeof jobsQuery>,
): Promise<JobsPage> {
  if (limit !== undefined) return await pageOfJobs(ledger, limit, after);
  const jobs: JobView[] = [];
  let from = after;
  do {
    const page = await pageOfJobs(ledger, JOBS_PER_READ, from);
    jobs.push(...page.jobs);
    from = page.next ?? undefined;
    await nextTurn();
  } while (from !== undefined);
  return { jobs, next: null };
}

/** A drive as it is on the screens; from its row alone when it is of no active job. */
function liveView(drive: Drive, view: StationView): DriveView {
  const live = view.drives.find((candidate) => candidate.key === driveKey(drive.ref));
  return live ?? driveShown(drive, AT_REST);
}

const AT_REST: DriveNow = {
  activity: { kind: 'idle' },
  hang: null,
  sick: null,
  bay: null,
  rateBytesPerSecond: 0,
  eta: null,
  blobs: [],
};

/** Some entries of the event log and the number to ask from for the next ones. */
async function eventsPage(
  ledger: Ledger,
  { after, limit }: z.output<typeof eventsQuery>,
): Promise<{ events: LedgerEvent[]; next: number }> {
  const events: LedgerEvent[] = [];
  for await (const event of ledger.events(after, limit)) events.push(event);
  return { events, next: events.at(-1)?.sequence ?? after };
}
