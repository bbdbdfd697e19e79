import type { Kysely } from 'kysely';
import { z } from 'zod';

/**
 * Jobs of clients: two resource groups may use one name, lists are asked by subscription and filter,
 * drive lists carry what the customer says of each drive. The unique key of a job becomes its whole
 * address; no table is rebuilt.
 */

/** The rows as they were before, and the columns that this migration adds. */
type Schema = {
  jobs: {
    id: string;
    name: string;
    name_key: string;
    short_name_key: string;
    created_at: string;
    updated_at: string;
    job_type: string;
    tracking_number: string | null;
    details: string;
  };
};

const oldDetails = z.object({
  jobType: z.string(),
  subscriptionId: z.string(),
  resourceGroup: z.string(),
  deliveryPackage: z.object({ trackingNumber: z.string().optional() }).optional(),
});

export async function addJobsOfClients(db: Kysely<unknown>): Promise<void> {
  const added = ['short_name_key', 'updated_at', 'job_type'] as const;
  for (const column of added) await addText(db, column, '');
  // Who made the older jobs is in the event log only.
  for (const column of ['created_by', 'updated_by']) await addText(db, column, 'station');
  await db.schema.alterTable('jobs').addColumn('tracking_number', 'text').execute();
  await db.schema.alterTable('drives').addColumn('listed', 'text').execute();
  await db.schema.alterTable('drives').addColumn('bit_locker_key', 'text').execute();
  await fillJobs(db.withTables<Schema>());
  await createIndexes(db);
}

async function addText(db: Kysely<unknown>, column: string, value: string): Promise<void> {
  await db.schema
    .alterTable('jobs')
    .addColumn(column, 'text', (made) => made.notNull().defaultTo(value))
    .execute();
}

async function fillJobs(db: Kysely<Schema>): Promise<void> {
  const jobs = await db
    .selectFrom('jobs')
    .select(['id', 'name', 'details', 'created_at'])
    .execute();
  for (const { id, name, details, created_at } of jobs) {
    const old = oldDetails.parse(JSON.parse(details));
    const change = {
      name_key: `${old.subscriptionId}/${old.resourceGroup}/${name}`.toLowerCase(),
      short_name_key: name.toLowerCase(),
      updated_at: created_at,
      job_type: old.jobType,
      tracking_number: old.deliveryPackage?.trackingNumber ?? null,
    };
    await db.updateTable('jobs').set(change).where('id', '=', id).execute();
  }
}

/** Each ends with the key that lists are ordered by. */
async function createIndexes(db: Kysely<unknown>): Promise<void> {
  const wanted = {
    jobs_by_short_name: 'short_name_key',
    jobs_by_state: 'state',
    jobs_by_type: 'job_type',
    jobs_by_tracking_number: 'tracking_number',
  };
  for (const [name, column] of Object.entries(wanted)) {
    await db.schema.createIndex(name).on('jobs').columns([column, 'name_key']).execute();
  }
}
