import type { Executor } from './tables.ts';

/** Single values that must survive a restart. */

export async function readSetting(db: Executor, key: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('settings')
    .select('value')
    .where('key', '=', key)
    .executeTakeFirst();
  return row?.value;
}

export interface Setting {
  readonly key: string;
  readonly station: string;
  /** `null` removes the setting. */
  readonly value: string | null;
}

export async function writeSetting(db: Executor, setting: Setting): Promise<void> {
  const { key, station, value } = setting;
  if (value === null) {
    await db.deleteFrom('settings').where('key', '=', key).execute();
    return;
  }
  await db
    .insertInto('settings')
    .values({ key, station, value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ station, value }))
    .execute();
}
