import { type Kysely, sql } from 'kysely';

/** The answers to actions that were asked with an idempotency key. */
export async function addKeptAnswers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('kept_answers')
    .addColumn('station', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('answer', 'text', (column) => column.notNull())
    .addColumn('kept_at', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('kept_answers_key', ['station', 'actor', 'key'])
    .modifyEnd(sql`strict`)
    .execute();
  await db.schema.createIndex('kept_answers_by_age').on('kept_answers').column('kept_at').execute();
}
