import type { Job, JobId } from '../domain/job.ts';
import { isFinished, type JobState, nextJobState, publicJobState } from '../domain/job-state.ts';
import { StationError } from '../errors.ts';
import type { JobChange } from './contract.ts';
import { jobEntity } from './entities.ts';
import { type ChangeContext, refuseChange, type Settled, stampOf } from './job-changes.ts';
import { jobById, rewriteJob, setAwaitedSince, setJobState } from './job-rows.ts';
import { endParcel, parcelsOf } from './parcel-rows.ts';
import type { Executor } from './tables.ts';

/** The moves of a job along its life cycle, each inside one transaction of the caller. */

/** The one way a job changes state; a refusal is written down, then thrown. */
export async function moveJob(
  db: Executor,
  { id, change }: { readonly id: JobId; readonly change: JobChange },
  context: ChangeContext,
): Promise<Settled<Job>> {
  const job = await jobById(db, id);
  const { event } = change;
  const entity = jobEntity(id);
  const answer = nextJobState(job.state, event);
  if (!answer.allowed) {
    const { reason } = answer;
    const data = { from: job.state.name, reason };
    await context.append({ entity, type: `${event}-refused`, data, actor: context.actor });
    const payload = { entity, event, reason };
    return { refused: new StationError('transition-refused', `${entity}: ${reason}`, payload) };
  }
  const state = stateAfter(job.state, answer.to, { change, since: context.at.toISOString() });
  await setJobState(db, id, state);
  // One that an operator took as shipped is waited for from then on; the others were before.
  const isNewOnTheWay = state.name === 'Shipping' && job.awaitedSince === undefined;
  const awaited = isNewOnTheWay ? { awaitedSince: state.since } : {};
  if (isNewOnTheWay) await setAwaitedSince(db, id, state.since);
  const { event: _, ...carried } = change;
  const data = { from: job.state.name, to: state.name, ...carried };
  await context.append({ entity, type: event, data, actor: context.actor });
  if (isFinished(state.name)) await endCheckIns(db, id, context);
  return { done: { ...job, state, ...awaited } };
}

/** Nothing more comes for a finished job: what is plugged in from now on is of no parcel of it. */
async function endCheckIns(db: Executor, id: JobId, context: ChangeContext): Promise<void> {
  const open = (await parcelsOf(db, id)).filter(({ completedAt }) => completedAt === undefined);
  const { at, actor } = context;
  for (const { id: parcelId } of open) {
    await endParcel(db, parcelId, { at: at.toISOString(), by: actor });
    const data = { parcelId, why: 'the job is finished' };
    await context.append({ entity: jobEntity(id), type: 'check-in-ended', data, actor });
  }
}

function stateAfter(
  before: JobState,
  to: JobState['name'],
  { change, since }: { readonly change: JobChange; readonly since: string },
): JobState {
  if (change.event === 'faulted') {
    return {
      name: 'Faulted',
      since,
      fault: { ...change.fault, publicState: publicJobState(before) },
    };
  }
  // The table leads to Faulted by that event alone.
  return { name: to === 'Faulted' ? publicJobState(before) : to, since };
}

export async function waitLonger(
  db: Executor,
  id: JobId,
  context: ChangeContext,
): Promise<Settled<Job>> {
  const job = await jobById(db, id);
  if (job.awaitedSince === undefined || isFinished(job.state.name)) {
    const reason = `nothing is awaited for a job that is ${job.state.name}`;
    const refusal = { job, type: 'wait-refused', property: 'state', reason };
    return await refuseChange(refusal, context);
  }
  const awaitedSince = context.at.toISOString();
  await setAwaitedSince(db, id, awaitedSince);
  const data = { from: job.awaitedSince, to: awaitedSince };
  const entity = jobEntity(id);
  await context.append({ entity, type: 'wait-extended', data, actor: context.actor });
  return { done: { ...job, awaitedSince } };
}

export async function setReturnAddress(
  db: Executor,
  change: { readonly id: JobId; readonly address: Readonly<Record<string, string>> },
  context: ChangeContext,
): Promise<Settled<Job>> {
  const job = await jobById(db, change.id);
  if (isFinished(job.state.name)) {
    const reason = `the job is ${job.state.name}: nothing of it is sent any more`;
    const refusal = { job, type: 'update-refused', property: 'returnAddress', reason };
    return await refuseChange(refusal, context);
  }
  const details = { ...job.details, returnAddress: change.address };
  const { state, cancelRequested } = job;
  const next = await rewriteJob(db, job, { state, cancelRequested, details, ...stampOf(context) });
  const data = { properties: ['returnAddress'], changes: { returnAddress: change.address } };
  const entity = jobEntity(change.id);
  await context.append({ entity, type: 'updated', data, actor: context.actor });
  return { done: next };
}
