import type { Job, JobId } from '../domain/job.ts';
import { type JobState, nextJobState, publicJobState, stateInWords } from '../domain/job-state.ts';
import {
  type JobDeletion,
  type JobUpdate,
  judgeUpdate,
  mayDelete,
  type NewDrive,
  updatedProperties,
} from '../domain/job-update.ts';
import { StationError } from '../errors.ts';
import type { Actor, JobWithDrives, NewJob, PutAnswer } from './contract.ts';
import { writeCredential } from './credential-rows.ts';
import { drivesOfJob } from './drive-rows.ts';
import { jobEntity } from './entities.ts';
import type { NewEvent } from './event-log.ts';
import { insertDrives, type ListOwner, replaceDrives } from './job-drives.ts';
import { removeJob } from './job-removal.ts';
import { addressOf, insertJob, jobAt, jobById, rewriteJob } from './job-rows.ts';
import { jobIdOf } from './rows.ts';
import type { SecretBox } from './secret-box.ts';
import type { Executor } from './tables.ts';

/**
 * The changes that a client makes to a job as a whole. Each runs inside one transaction of the caller;
 * a refusal is an entry of the event log that is kept, and is thrown once it is durable.
 */

/** What a change needs beside its own data. */
export interface ChangeContext {
  readonly station: string;
  readonly secrets: SecretBox;
  readonly actor: Actor;
  readonly at: Date;
  readonly uuid: () => string;
  append(event: NewEvent): Promise<void>;
}

/** Work that was done, or that was refused after the refusal was written down. */
export type Settled<T> = { readonly done: T } | { readonly refused: StationError };

export async function createJob(db: Executor, job: NewJob, context: ChangeContext): Promise<Job> {
  const { station, actor, at, uuid } = context;
  const stamp = {
    id: jobIdOf(uuid()),
    station,
    createdAt: at.toISOString(),
    createdBy: actor.toWellFormed(),
  };
  const made = await insertJob(db, job, stamp);
  await insertDrives(db, listOf(job), ownerOf(made.id, context));
  await writeCredential(db, { id: made.id, credential: job.credential }, context.secrets);
  const state = made.state.name;
  const data = { name: job.name, state, drives: job.drives, details: job.details };
  await context.append({ entity: jobEntity(made.id), type: 'created', data, actor });
  return made;
}

export async function putJob(
  db: Executor,
  wanted: NewJob,
  context: ChangeContext,
): Promise<Settled<PutAnswer>> {
  const job = await jobAt(db, addressOf(wanted));
  if (job === undefined) {
    const made = await createJob(db, wanted, context);
    return { done: { job: made, drives: await drivesOfJob(db, made.id), created: true } };
  }
  if (job.state.name !== 'Creating') {
    const reason = `a job can be defined anew only while it is Creating; it is ${stateInWords(job.state)}`;
    return await refuseChange(
      { job, type: 'replace-refused', property: 'properties', reason },
      context,
    );
  }
  const { cancelRequested = false } = wanted;
  // The plan is the station's own matter: a new definition by a client leaves it as it is.
  const details = { ...wanted.details, plan: job.details.plan };
  const rewritten = { state: job.state, cancelRequested, details };
  const next = await rewriteJob(db, job, { ...rewritten, ...stampOf(context) });
  await replaceDrives(db, listOf(wanted), ownerOf(job.id, context));
  // The new definition says where the blobs go: a credential for elsewhere goes with the old one.
  await writeCredential(db, { id: job.id, credential: wanted.credential }, context.secrets);
  const data = { name: job.name, state: job.state.name, drives: wanted.drives, details };
  await context.append({ entity: jobEntity(job.id), type: 'replaced', data, actor: context.actor });
  return { done: { job: next, drives: await drivesOfJob(db, job.id), created: false } };
}

export async function updateJob(
  db: Executor,
  change: { readonly id: JobId; readonly update: JobUpdate },
  context: ChangeContext,
): Promise<Settled<JobWithDrives>> {
  const { id, update } = change;
  const job = await jobById(db, id);
  const drives = (await drivesOfJob(db, id)).map(({ state }) => state.name);
  const answer = judgeUpdate({ ...job, state: publicJobState(job.state), drives }, update);
  switch (answer.kind) {
    case 'refused':
      return await refuseChange({ job, type: 'update-refused', ...answer }, context);
    case 'incomplete':
      return await refuseIncomplete(
        job,
        { missing: answer.missing, type: 'update-refused', doing: 'go to Shipping' },
        context,
      );
    case 'accepted': {
      const shipping = answer.ships ? shipped(job.state, context) : undefined;
      if (shipping !== undefined && 'reason' in shipping) {
        const refusal = { job, type: 'update-refused', property: 'state', ...shipping };
        return await refuseChange(refusal, context);
      }
      const { details, cancelRequested } = answer;
      const rewrite = {
        ...{ state: job.state, details, cancelRequested },
        ...shipping,
        ...stampOf(context),
      };
      const next = await rewriteJob(db, job, rewrite);
      if (update.driveList !== undefined) {
        await replaceDrives(db, update.driveList, ownerOf(id, context));
      }
      await tellUpdate(job, next, { update, context });
      return { done: { job: next, drives: await drivesOfJob(db, id) } };
    }
  }
}

/**
 * A job whose drives came before it was shipped is led out of its fault by the customer's own update.
 * One that an operator put aside stays so, and goes on in Shipping when the operator lets it.
 */
function shipped(
  state: JobState,
  { at }: ChangeContext,
): { readonly reason: string } | { readonly state: JobState; readonly awaitedSince: string } {
  if (state.name === 'Faulted' && state.fault.code === 'put-aside') {
    const fault = { ...state.fault, publicState: 'Shipping' } as const;
    return { state: { ...state, fault }, awaitedSince: at.toISOString() };
  }
  const event = state.name === 'Faulted' ? 'back-to-shipping' : 'shipped';
  const answer = nextJobState(state, event);
  if (!answer.allowed) return { reason: answer.reason };
  const since = at.toISOString();
  return { state: { name: 'Shipping', since }, awaitedSince: since };
}

/** One entry for what was changed, and one for the transition, as any other transition has it. */
async function tellUpdate(
  before: Job,
  after: Job,
  { update, context }: { readonly update: JobUpdate; readonly context: ChangeContext },
): Promise<void> {
  const { actor } = context;
  const entity = jobEntity(before.id);
  const { driveList, ...changes } = update;
  const drives = driveList?.map(({ driveId }) => driveId);
  const data = { properties: updatedProperties(update), changes, drives };
  await context.append({ entity, type: 'updated', data, actor });
  if (before.state.name === after.state.name) return;
  const moved = { from: before.state.name, to: after.state.name };
  const type = before.state.name === 'Faulted' ? 'back-to-shipping' : 'shipped';
  await context.append({ entity, type, data: moved, actor });
}

export async function deleteJob(
  db: Executor,
  deletion: { readonly id: JobId; readonly why: JobDeletion },
  context: ChangeContext,
): Promise<Settled<undefined>> {
  const { id, why } = deletion;
  const job = await jobById(db, id);
  if (!mayDelete(job.state.name, why)) {
    const reason = `a job can be deleted only in Creating or Completed; it is ${stateInWords(job.state)}`;
    return await refuseChange({ job, type: 'delete-refused', property: 'state', reason }, context);
  }
  await removeJob(db, id);
  const data = { name: job.name, state: job.state.name, why };
  await context.append({ entity: jobEntity(id), type: 'deleted', data, actor: context.actor });
  return { done: undefined };
}

interface Refusal {
  readonly job: Job;
  readonly type: string;
  readonly property: string;
  readonly reason: string;
}

/** Writes a refusal down; it is thrown once that is durable. */
export async function refuseChange(
  refusal: Refusal,
  context: ChangeContext,
): Promise<Settled<never>> {
  const { job, type, property, reason } = refusal;
  const data = { from: job.state.name, property, reason };
  await context.append({ entity: jobEntity(job.id), type, data, actor: context.actor });
  const payload = { jobName: job.name, state: job.state.name, property, reason };
  return {
    refused: new StationError('job-change-refused', `job ${job.name}: ${reason}`, payload),
  };
}

export async function refuseIncomplete(
  job: Job,
  what: { readonly missing: readonly string[]; readonly type: string; readonly doing: string },
  context: ChangeContext,
): Promise<Settled<never>> {
  const { missing, type, doing } = what;
  const data = { from: job.state.name, property: 'state', missing };
  const entity = jobEntity(job.id);
  await context.append({ entity, type, data, actor: context.actor });
  const words = `job ${job.name} cannot ${doing} without ${missing.join(' and ')}`;
  const payload = { jobName: job.name, missing };
  return { refused: new StationError('job-change-incomplete', words, payload) };
}

/** The list with what it says of each drive; a job file says nothing beside the ids. */
function listOf({ drives, driveList = [] }: NewJob): NewDrive[] {
  const said = new Map(driveList.map((entry) => [entry.driveId, entry]));
  return drives.map((driveId) => said.get(driveId) ?? { driveId });
}

function ownerOf(jobId: JobId, { station, secrets }: ChangeContext): ListOwner {
  return { jobId, station, secrets };
}

/** When a job was changed last, and by whom. */
export function stampOf({ at, actor }: ChangeContext) {
  return { updatedAt: at.toISOString(), updatedBy: actor.toWellFormed() };
}
