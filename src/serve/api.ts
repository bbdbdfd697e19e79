import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { DiskKey } from '../domain/disk.ts';
import { type Drive, driveKey, type Job } from '../domain/job.ts';
import { StationError } from '../errors.ts';
import type { Actor, Ledger, LedgerEvent } from '../ledger/contract.ts';
import type { StationActions } from './actions.ts';
import { parsed } from './problem.ts';
import type { Routes } from './routes.ts';
import { type DriveNow, driveView, jobView } from './view.ts';
import type { DriveView, StationView } from './wire.ts';

export interface ApiDependencies {
  readonly ledger: Ledger;
  readonly actions: StationActions;
  /** The view of this moment; the feed's may be a fraction of a second older. */
  view(): StationView;
}

const EVENTS_DEFAULT = 100;
const EVENTS_MAX = 1000;

const name = z.string().min(1).max(300);
const jobParams = z.object({ name });
const driveParams = z.object({ name, driveId: name });
const count = z
  .string()
  .regex(/^\d{1,15}$/u, 'a whole number')
  .transform(Number);
const eventsQuery = z.strictObject({
  after: count.default(0),
  limit: count.pipe(z.int().min(1).max(EVENTS_MAX)).default(EVENTS_DEFAULT),
});
const confirmBody = z.strictObject({
  disk: name.transform((key): DiskKey => key as DiskKey),
  jobName: name,
  driveId: name,
});
const checkInBody = z.strictObject({ jobName: name });
/** `station` is the daemon itself; nobody else may write under that name. */
const actorHeader = z
  .string()
  .regex(/^[\x21-\x7e]{1,64}$/u, '1-64 printable ASCII characters without blanks')
  .refine((actor) => actor !== 'station', 'the name "station" is the daemon’s own')
  .default('local');

/** The station API, version 1: what is true, and the few things a person may ask for. */
export function apiRoutes(dependencies: ApiDependencies): Routes {
  return { ...readRoutes(dependencies), ...actionRoutes(dependencies.actions) };
}

function readRoutes({ ledger, view, actions }: ApiDependencies): Routes {
  return {
    '/api/v1/station': { GET: () => view().station },
    '/api/v1/drives': { GET: () => ({ drives: view().drives }) },
    '/api/v1/disks': { GET: () => ({ disks: view().disks }) },
    '/api/v1/extras': { GET: async () => ({ extras: await ledger.parcels.extras('here') }) },
    '/api/v1/events': { GET: (request) => eventsPage(ledger, request) },
    '/api/v1/jobs': {
      GET: async () => ({ jobs: await Promise.all((await ledger.jobs()).map(viewOf)) }),
      POST: async (request, reply) => {
        const job = await actions.createJob(request.body, actorOf(request));
        reply.code(201).header('location', `/api/v1/jobs/${encodeURIComponent(job.name)}`);
        return { ...(await viewOf(job)), details: job.details };
      },
    },
    '/api/v1/jobs/:name': {
      GET: async (request) => {
        const job = await jobNamed(ledger, parsed(jobParams, request.params).name);
        return { ...(await viewOf(job)), details: job.details };
      },
    },
    '/api/v1/jobs/:name/drives': {
      GET: async (request) => {
        const job = await jobNamed(ledger, parsed(jobParams, request.params).name);
        const drives = await ledger.drivesOf(job.id);
        return { drives: drives.map((drive) => liveView(drive, view())) };
      },
    },
    '/api/v1/jobs/:name/drives/:driveId': {
      GET: async (request) => {
        const drive = await driveNamed(ledger, parsed(driveParams, request.params));
        const { verdict = null, boundDisk = null } = drive;
        return { ...liveView(drive, view()), verdict, boundDisk };
      },
    },
  };

  async function viewOf(job: Job) {
    return jobView(job, await ledger.drivesOf(job.id));
  }
}

function actionRoutes(actions: StationActions): Routes {
  return {
    '/api/v1/disks/confirm': {
      POST: async (request) => {
        await actions.confirmDisk(parsed(confirmBody, request.body), actorOf(request));
        return { ok: true };
      },
    },
    '/api/v1/jobs/:name/drives/:driveId/retry': {
      POST: async (request) => {
        const { name: jobName, driveId } = parsed(driveParams, request.params);
        await actions.retryDrive({ jobName, driveId }, actorOf(request));
        return { ok: true };
      },
    },
    '/api/v1/check-in': {
      PUT: async (request) => {
        const { jobName } = parsed(checkInBody, request.body);
        await actions.setCheckIn(jobName, actorOf(request));
        return { checkIn: jobName };
      },
      DELETE: async (request) => {
        await actions.setCheckIn(null, actorOf(request));
        return { checkIn: null };
      },
    },
  };
}

function actorOf(request: FastifyRequest): Actor {
  return parsed(actorHeader, request.headers['x-drive-station-actor']);
}

async function jobNamed(ledger: Ledger, jobName: string): Promise<Job> {
  const job = await ledger.jobByName(jobName);
  if (job !== undefined) return job;
  throw new StationError('job-not-found', `There is no job ${jobName}.`, { jobName });
}

async function driveNamed(
  ledger: Ledger,
  { name: jobName, driveId }: z.output<typeof driveParams>,
): Promise<Drive> {
  const job = await jobNamed(ledger, jobName);
  const drives = await ledger.drivesOf(job.id);
  const drive = drives.find((candidate) => candidate.ref.driveId === driveId);
  if (drive !== undefined) return drive;
  const words = `Job ${jobName} lists no drive ${driveId}.`;
  throw new StationError('drive-not-found', words, { jobName, driveId });
}

/** A drive as it is on the screens; from its row alone when it is of no active job. */
function liveView(drive: Drive, view: StationView): DriveView {
  const live = view.drives.find((candidate) => candidate.key === driveKey(drive.ref));
  return live ?? driveView(drive, AT_REST);
}

const AT_REST: DriveNow = {
  activity: { kind: 'idle' },
  bay: null,
  rateBytesPerSecond: 0,
  eta: null,
  blobs: [],
};

/** Some entries of the event log and the number to ask from for the next ones. */
async function eventsPage(
  ledger: Ledger,
  request: FastifyRequest,
): Promise<{ events: LedgerEvent[]; next: number }> {
  const { after, limit } = parsed(eventsQuery, request.query);
  const events: LedgerEvent[] = [];
  for await (const event of ledger.events(after, limit)) events.push(event);
  return { events, next: events.at(-1)?.sequence ?? after };
}
