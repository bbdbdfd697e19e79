import { type Kysely, sql } from 'kysely';

/** Docks by their place, what was learned of bridges, and alerts that are about a dock. */
export async function addDocks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('docks')
    .modifyEnd(sql`strict`)
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('port', 'text', (column) => column.notNull())
    .addColumn('bridge', 'text', (column) => column.notNull())
    .addColumn('bay', 'text', (column) => column.notNull())
    .addColumn('product', 'text')
    .addColumn('driver', 'text')
    .addColumn('incidents', 'text', (column) => column.notNull())
    .addColumn('bad_disks', 'text', (column) => column.notNull())
    .addColumn('unreliable_since', 'text')
    .addColumn('changed_at', 'text', (column) => column.notNull())
    .addUniqueConstraint('docks_place', ['station', 'port', 'bridge'])
    .execute();
  await db.schema
    .createTable('bridge_quirks')
    .modifyEnd(sql`strict`)
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('bridge', 'text', (column) => column.notNull())
    .addColumn('learned_at', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('bridge_quirks_key', ['station', 'bridge'])
    .execute();
  await db.schema.alterTable('alerts').addColumn('dock_id', 'text').execute();
}
