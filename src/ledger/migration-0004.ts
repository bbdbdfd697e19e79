import { type ExpressionBuilder, type Kysely, sql } from 'kysely';

/**
 * The life cycle: states of jobs carry data and a time, parcels are recorded, extra drives belong to
 * one, and alerts are kept until somebody resolves them.
 */

/** The columns that this migration reads and fills. */
type Schema = {
  events: { entity: string; at: string };
  jobs: {
    id: string;
    state: string;
    state_since: string;
    public_state: string;
    awaited_since: string | null;
    updated_at: string;
  };
  settings: { key: string };
};

export async function addLifeCycle(db: Kysely<unknown>): Promise<void> {
  await addJobColumns(db);
  await createParcels(db);
  await createAlerts(db);
}

async function addJobColumns(db: Kysely<unknown>): Promise<void> {
  const added = { state_data: '{}', state_since: '', public_state: '' };
  for (const [column, value] of Object.entries(added)) {
    await db.schema
      .alterTable('jobs')
      .addColumn(column, 'text', (made) => made.notNull().defaultTo(value))
      .execute();
  }
  await db.schema.alterTable('jobs').addColumn('awaited_since', 'text').execute();
  await startClocks(db.withTables<Schema>());
  await db.schema.dropIndex('jobs_by_state').execute();
  const index = (name: string, columns: string[]) =>
    db.schema.createIndex(name).on('jobs').columns(columns).execute();
  await index('jobs_by_public_state', ['public_state', 'name_key']);
  await index('jobs_by_state_since', ['state', 'state_since']);
}

/**
 * When a state was entered is in the event log only. For a missing parcel nobody was told until now, so
 * it is awaited since the ledger was last in use: its job is not closed before an operator has seen it.
 */
async function startClocks(db: Kysely<Schema>): Promise<void> {
  await db
    .updateTable('jobs')
    .set((row) => ({ state_since: row.ref('updated_at'), public_state: row.ref('state') }))
    .execute();
  const lastOf = (row: ExpressionBuilder<Schema, 'events'>) => row.fn.max('at').as('last');
  const events = db.selectFrom('events').select(lastOf);
  const ofJobs = events.select('entity').where('entity', 'like', 'job/%').groupBy('entity');
  for (const { entity, last } of await ofJobs.execute()) {
    const id = entity.slice('job/'.length);
    await db.updateTable('jobs').set({ state_since: last }).where('id', '=', id).execute();
  }
  const newest = await events.executeTakeFirst();
  await db
    .updateTable('jobs')
    .set((row) => ({ awaited_since: newest?.last ?? row.ref('updated_at') }))
    .where('state', 'in', ['Shipping', 'Transferring'])
    .execute();
}

async function createParcels(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('parcels')
    .modifyEnd(sql`strict`)
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('job_id', 'text', (column) => column.notNull().references('jobs.id'))
    .addColumn('direction', 'text', (column) => column.notNull())
    .addColumn('carrier_name', 'text')
    .addColumn('tracking_number', 'text')
    .addColumn('opened_at', 'text', (column) => column.notNull())
    .addColumn('opened_by', 'text', (column) => column.notNull())
    .addColumn('completed_at', 'text')
    .addColumn('completed_by', 'text')
    .execute();
  await db.schema.createIndex('parcels_by_job').on('parcels').column('job_id').execute();
  await db.schema.alterTable('drives').addColumn('parcel_id', 'text').execute();
  for (const column of ['parcel_id', 'ended_at', 'ended_how']) {
    await db.schema.alterTable('extra_drives').addColumn(column, 'text').execute();
  }
  // Whose parcel is being unpacked is a parcel now, and no setting.
  await db.withTables<Schema>().deleteFrom('settings').where('key', 'like', 'check-in/%').execute();
}

async function createAlerts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('alerts')
    .modifyEnd(sql`strict`)
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull().unique())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('job_id', 'text')
    .addColumn('drive_id', 'text')
    .addColumn('extra_id', 'text')
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('raised_at', 'text', (column) => column.notNull())
    .addColumn('acknowledged_at', 'text')
    .addColumn('acknowledged_by', 'text')
    .addColumn('resolved_at', 'text')
    .addColumn('resolved_by', 'text')
    .addColumn('resolution', 'text')
    .addColumn('note', 'text')
    .execute();
  await db.schema
    .createIndex('alerts_by_end')
    .on('alerts')
    .columns(['resolved_at', 'raised_at'])
    .execute();
}
