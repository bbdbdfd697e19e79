import { type JobDetails, type JobId, plannedContainer } from '../domain/job.ts';
import {
  leadsTo,
  type OwnStorage,
  ownStorageOf,
  type StorageCredential,
} from '../domain/job-storage.ts';
import { writeCredential } from './credential-rows.ts';
import { jobEntity } from './entities.ts';
import { type ChangeContext, refuseChange, type Settled } from './job-changes.ts';
import { jobById } from './job-rows.ts';
import type { Executor } from './tables.ts';

/**
 * Renews the way into a job's own storage. Where its blobs go stays as it is: a copy that goes on
 * must find what it staged. Neither the job's state nor the customer's clock is touched.
 */
export async function replaceCredential(
  db: Executor,
  change: { readonly id: JobId; readonly credential: StorageCredential },
  context: ChangeContext,
): Promise<Settled<OwnStorage>> {
  const { id, credential } = change;
  const job = await jobById(db, id);
  const reason = refusalOf(job.details, credential);
  if (reason !== undefined) {
    const refusal = { job, type: 'credential-refused', property: 'storage', reason };
    return await refuseChange(refusal, context);
  }
  const ownStorage = ownStorageOf(credential);
  const details = { ...job.details, ownStorage };
  const row = { details: JSON.stringify(details) };
  await db.updateTable('jobs').set(row).where('id', '=', id).execute();
  await writeCredential(db, { id, credential }, context.secrets);
  const data = { from: job.details.ownStorage, to: ownStorage };
  const { actor } = context;
  await context.append({ entity: jobEntity(id), type: 'credential-replaced', data, actor });
  return { done: ownStorage };
}

function refusalOf(
  { ownStorage, storageAccount, plan }: JobDetails,
  credential: StorageCredential,
): string | undefined {
  if (ownStorage === undefined) {
    return `the job uses the storage account ${storageAccount} of the configuration; renew its secret there`;
  }
  const { blobEndpoint } = ownStorage;
  const container = plannedContainer(plan) ?? ownStorage.container;
  const to = { blobEndpoint, ...(container === undefined ? {} : { container }) };
  if (leadsTo(to, credential)) return undefined;
  const where = container === undefined ? 'the account' : `the container ${container}`;
  return `the new credential must lead to ${where} at ${blobEndpoint}, where the job’s blobs are; another place takes another job`;
}
