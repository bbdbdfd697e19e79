import { type CreateTableBuilder, type Kysely, sql } from 'kysely';
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import { addJobsOfClients } from './migration-0002.ts';
import { addLifeCycle } from './migration-0004.ts';
import { addKeptAnswers } from './migration-0005.ts';
import { addStorageCredentials } from './migration-0006.ts';
import { addLookups } from './migration-0007.ts';
import { addDocks } from './migration-0008.ts';
import type { Database } from './tables.ts';

/** The table in which Kysely keeps the names of the migrations that ran. */
export const MIGRATION_TABLE = 'kysely_migration';

/** The schema versions in order; a name is never changed once it was released. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-first-tables': { up: createFirstTables },
  '0002-jobs-of-clients': { up: addJobsOfClients },
  '0003-copy-logs': { up: addCopyLogs },
  '0004-life-cycle': { up: addLifeCycle },
  '0005-kept-answers': { up: addKeptAnswers },
  '0006-storage-credentials': { up: addStorageCredentials },
  '0007-lookups': { up: addLookups },
  '0008-docks': { up: addDocks },
};

/** Brings the schema up to date, all pending versions in one transaction. */
export async function migrateToLatest(
  db: Database,
  migrations: Readonly<Record<string, Migration>> = MIGRATIONS,
): Promise<void> {
  const provider: MigrationProvider = { getMigrations: async () => ({ ...migrations }) };
  const { error } = await new Migrator({
    db,
    provider,
    migrationTableName: MIGRATION_TABLE,
  }).migrateToLatest();
  if (error !== undefined) throw error;
}

/** Migrations see the schema as it was, never today's table types. */
type Schema = Kysely<unknown>;

async function createFirstTables(db: Schema): Promise<void> {
  await createJobTables(db);
  await createCopyTables(db);
  await createLogTables(db);
}

/** SQLite checks column types only in strict tables; PostgreSQL always does. */
function strict<Name extends string>(table: CreateTableBuilder<Name, never>) {
  return table.modifyEnd(sql`strict`);
}

async function createJobTables(db: Schema): Promise<void> {
  await strict(db.schema.createTable('jobs'))
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('name_key', 'text', (column) => column.notNull().unique())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('cancel_requested', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('details', 'text', (column) => column.notNull())
    .execute();
  await strict(db.schema.createTable('drives'))
    .addColumn('job_id', 'text', (column) => column.notNull().references('jobs.id'))
    .addColumn('drive_id', 'text', (column) => column.notNull())
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('state_data', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('drives_key', ['job_id', 'drive_id'])
    .execute();
}

async function createCopyTables(db: Schema): Promise<void> {
  await strict(db.schema.createTable('copies'))
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('job_id', 'text', (column) => column.notNull())
    .addColumn('drive_id', 'text', (column) => column.notNull())
    .addColumn('nonce', 'text', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('bound_disk', 'text', (column) => column.notNull())
    .addColumn('plan', 'text')
    .addColumn('progress', 'text')
    .addColumn('verdict', 'text')
    .addUniqueConstraint('copies_drive', ['job_id', 'drive_id'])
    .addForeignKeyConstraint('copies_of_drive', ['job_id', 'drive_id'], 'drives', [
      'job_id',
      'drive_id',
    ])
    .execute();
  await strict(db.schema.createTable('queue'))
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('task', 'text', (column) => column.notNull())
    .addColumn('priority', 'integer', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('lock_id', 'text')
    .addColumn('after_run', 'text')
    .addColumn('failures', 'integer', (column) => column.notNull())
    .addColumn('due_at_ms', 'integer')
    .addPrimaryKeyConstraint('queue_key', ['station', 'id'])
    .execute();
}

async function addCopyLogs(db: Schema): Promise<void> {
  await db.schema.alterTable('copies').addColumn('logs', 'text').execute();
}

async function createLogTables(db: Schema): Promise<void> {
  await strict(db.schema.createTable('events'))
    .addColumn('sequence', 'integer', (column) => column.primaryKey().notNull())
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('entity', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('data', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  await strict(db.schema.createTable('extra_drives'))
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('serial', 'text')
    .addColumn('model', 'text')
    .addColumn('bay', 'text', (column) => column.notNull())
    .addColumn('job_id', 'text', (column) => column.references('jobs.id'))
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('seen_at', 'text', (column) => column.notNull())
    .execute();
  await strict(db.schema.createTable('settings'))
    .addColumn('key', 'text', (column) => column.primaryKey().notNull())
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute();
}
