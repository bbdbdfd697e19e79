import { z } from 'zod';
import type { BridgeId } from '../domain/disk.ts';
import type { Dock, DockId, DockPlace, LearnedQuirk, SeenDock } from '../domain/dock.ts';
import { DOCK_SIGNS } from '../domain/dock-signs.ts';
import { DOCKS_MAX, QUIRKS_MAX } from '../limits.ts';
import type { BridgeQuirkTable, DockTable, Executor } from './tables.ts';

/** As `rows.ts`, for docks and what was learned of bridges. */

const time = z.iso.datetime();
const bridgeId = z.custom<BridgeId>((value) => typeof value === 'string' && value !== '');

/** Of a newer version of the station, a sign can be of a kind that this one does not know. */
const counts = z.object(
  Object.fromEntries(Object.keys(DOCK_SIGNS).map((kind) => [kind, z.int().min(0).exactOptional()])),
);
const incident = z.object({
  ...{ at: time, counts, disks: z.array(z.string()) },
  ofSeveral: z.literal(true).exactOptional(),
});
const badDisk = z.object({ disk: z.string(), at: time });

const dockRow = z.object({
  id: z.custom<DockId>((value) => typeof value === 'string' && value !== ''),
  port: z.string(),
  /** Empty where there is none, because a key of a table has no absent part. */
  bridge: z.string(),
  bay: z.string(),
  product: z.string().nullable(),
  driver: z.string().nullable(),
  incidents: z.array(incident),
  bad_disks: z.array(badDisk),
  unreliable_since: time.nullable(),
});

const quirkRow = z.object({ bridge: bridgeId, learned_at: time });

function dockOf(row: DockTable): Dock {
  const incidents: unknown = JSON.parse(row.incidents);
  const bad_disks: unknown = JSON.parse(row.bad_disks);
  const parsed = dockRow.parse({ ...row, incidents, bad_disks });
  const { bridge, bad_disks: badDisks, unreliable_since: unreliableSince, ...rest } = parsed;
  return {
    ...{ ...rest, badDisks, unreliableSince },
    bridge: bridge === '' ? null : bridgeId.parse(bridge),
  };
}

/** In the order in which something was last noticed, the latest first. */
export async function docksOf(db: Executor, station: string): Promise<Dock[]> {
  const rows = db.selectFrom('docks').selectAll().where('station', '=', station);
  return (await rows.orderBy('changed_at', 'desc').orderBy('id').execute()).map(dockOf);
}

/** The place with what is known of it; the one that was quiet for the longest makes room. */
export async function writeDock(
  db: Executor,
  { id, port, bridge, bay, product, driver, ...record }: Dock,
  { station, at }: { readonly station: string; readonly at: string },
): Promise<void> {
  const known = {
    ...{ bay, product, driver },
    incidents: JSON.stringify(record.incidents),
    bad_disks: JSON.stringify(record.badDisks),
    unreliable_since: record.unreliableSince,
    changed_at: at,
  };
  await db
    .insertInto('docks')
    .values({ id, station, port, bridge: bridge ?? '', ...known })
    .onConflict((conflict) => conflict.columns(['station', 'port', 'bridge']).doUpdateSet(known))
    .execute();
  const others = db.selectFrom('docks').select('id').where('station', '=', station);
  const newest = others.where('id', '<>', id).orderBy('changed_at', 'desc').orderBy('id');
  await db
    .deleteFrom('docks')
    .where('station', '=', station)
    .where('id', '<>', id)
    .where('id', 'not in', newest.limit(DOCKS_MAX - 1))
    .execute();
}

export async function describeDock(
  db: Executor,
  { port, bridge, bay, product, driver }: SeenDock,
  station: string,
): Promise<void> {
  await db
    .updateTable('docks')
    .set({ bay, product, driver })
    .where('station', '=', station)
    .where('port', '=', port)
    .where('bridge', '=', bridge ?? '')
    .execute();
}

export async function forgetDock(
  db: Executor,
  { port, bridge }: DockPlace,
  station: string,
): Promise<void> {
  await db
    .deleteFrom('docks')
    .where('station', '=', station)
    .where('port', '=', port)
    .where('bridge', '=', bridge ?? '')
    .execute();
}

export async function quirksOf(db: Executor, station: string): Promise<LearnedQuirk[]> {
  const rows = db.selectFrom('bridge_quirks').selectAll().where('station', '=', station);
  return (await rows.orderBy('learned_at').orderBy('bridge').execute()).map(quirkOf);
}

function quirkOf(row: BridgeQuirkTable): LearnedQuirk {
  const { bridge, learned_at: learnedAt } = quirkRow.parse(row);
  return { bridge, learnedAt };
}

/** Whether it was not known before. */
export async function learnQuirk(
  db: Executor,
  { bridge, learnedAt }: LearnedQuirk,
  station: string,
): Promise<boolean> {
  const known = await quirksOf(db, station);
  if (known.some((quirk) => quirk.bridge === bridge)) return false;
  await db.insertInto('bridge_quirks').values({ station, bridge, learned_at: learnedAt }).execute();
  const tooMany = known.slice(0, Math.max(0, known.length + 1 - QUIRKS_MAX));
  for (const old of tooMany) await unlearnQuirk(db, old.bridge, station);
  return true;
}

export async function unlearnQuirk(db: Executor, bridge: BridgeId, station: string): Promise<void> {
  await db
    .deleteFrom('bridge_quirks')
    .where('station', '=', station)
    .where('bridge', '=', bridge)
    .execute();
}
