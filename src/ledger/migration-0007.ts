import type { Kysely } from 'kysely';

/**
 * What every round of decisions asks, and what a job takes with it when it is deleted, is found without
 * reading what ended long ago; and the list of all jobs is given in pages.
 */
export async function addLookups(db: Kysely<unknown>): Promise<void> {
  const index = (table: string, name: string, columns: string[]) =>
    db.schema.createIndex(`${table}_${name}`).on(table).columns(columns).execute();
  await index('parcels', 'by_end', ['completed_at']);
  await index('extra_drives', 'by_end', ['ended_at']);
  await index('extra_drives', 'by_job', ['job_id']);
  await index('alerts', 'by_job', ['job_id']);
  await index('jobs', 'by_age', ['created_at', 'name_key']);
}
