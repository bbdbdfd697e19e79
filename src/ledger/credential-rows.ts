import { z } from 'zod';
import type { JobId } from '../domain/job.ts';
import type { StorageCredential } from '../domain/job-storage.ts';
import { StationError } from '../errors.ts';
import type { SecretBox } from './secret-box.ts';
import type { Executor } from './tables.ts';

/** The sealed credentials of jobs that bring their own storage. */

const credentialSchema: z.ZodType<StorageCredential> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('account-key'),
    blobEndpoint: z.string(),
    accountName: z.string(),
    accountKey: z.string(),
  }),
  z.strictObject({ kind: z.literal('sas'), blobEndpoint: z.string(), sasToken: z.string() }),
  z.strictObject({
    kind: z.literal('container-sas'),
    blobEndpoint: z.string(),
    container: z.string(),
    sasToken: z.string(),
  }),
]);

/** Keeps the credential of a job, in the place of any earlier one; `undefined` leaves it without. */
export async function writeCredential(
  db: Executor,
  job: { readonly id: JobId; readonly credential: StorageCredential | undefined },
  secrets: SecretBox,
): Promise<void> {
  const { id, credential } = job;
  const sealed =
    credential === undefined ? null : secrets.seal(JSON.stringify(credential), credentialPlace(id));
  const row = { storage_credential: sealed };
  await db.updateTable('jobs').set(row).where('id', '=', id).execute();
}

export async function credentialOf(
  db: Executor,
  id: JobId,
  secrets: SecretBox,
): Promise<StorageCredential | undefined> {
  const row = await db
    .selectFrom('jobs')
    .select('storage_credential')
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined) {
    throw new StationError('job-not-found', `there is no job ${id}`, { jobName: id });
  }
  if (row.storage_credential === null) return undefined;
  return credentialSchema.parse(
    JSON.parse(secrets.open(row.storage_credential, credentialPlace(id))),
  );
}

/** What a sealed credential is bound to. */
function credentialPlace(id: JobId): string {
  return `job/${id}/storageCredential`;
}
