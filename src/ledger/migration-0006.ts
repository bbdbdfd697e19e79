import type { Kysely } from 'kysely';

/** Jobs that bring their own storage: the sealed credential, none for all jobs before. */
export async function addStorageCredentials(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('jobs').addColumn('storage_credential', 'text').execute();
}
