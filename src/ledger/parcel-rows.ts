import type { JobId } from '../domain/job.ts';
import type { Parcel, ParcelId, Shipment } from '../domain/parcel.ts';
import { StationError } from '../errors.ts';
import { OPEN_STATES } from './job-rows.ts';
import { parcelOf } from './operator-rows.ts';
import { jobId } from './rows.ts';
import type { Executor, ParcelTable } from './tables.ts';

/** Reading and writing parcels. */

export async function insertParcel(db: Executor, parcel: Parcel, station: string): Promise<Parcel> {
  const row: ParcelTable = {
    id: parcel.id,
    station,
    job_id: parcel.jobId,
    direction: parcel.direction,
    ...labelColumns(parcel.shipment),
    opened_at: parcel.openedAt,
    opened_by: parcel.openedBy,
    completed_at: parcel.completedAt ?? null,
    completed_by: parcel.completedBy ?? null,
  };
  await db.insertInto('parcels').values(row).execute();
  return parcelOf(row);
}

export function labelColumns(shipment: Shipment | undefined) {
  return {
    carrier_name: shipment?.carrierName ?? null,
    tracking_number: shipment?.trackingNumber ?? null,
  };
}

/** The parcel that a station unpacks at the moment; there is one at most. */
export async function openParcel(db: Executor, station: string): Promise<Parcel | undefined> {
  const row = await db
    .selectFrom('parcels')
    .selectAll()
    .where('station', '=', station)
    .where('direction', '=', 'in')
    .where('completed_at', 'is', null)
    .executeTakeFirst();
  return row === undefined ? undefined : parcelOf(row);
}

/** Throws `parcel-not-found`. */
export async function parcelById(db: Executor, id: ParcelId): Promise<Parcel> {
  const parcels = db.selectFrom('parcels').selectAll();
  const row = await parcels.where('id', '=', id).executeTakeFirst();
  if (row !== undefined) return parcelOf(row);
  throw new StationError('parcel-not-found', `there is no parcel ${id}`, { parcel: id });
}

export async function endParcel(
  db: Executor,
  id: ParcelId,
  { at, by }: { readonly at: string; readonly by: string },
): Promise<void> {
  const columns = { completed_at: at, completed_by: by.toWellFormed() };
  await db.updateTable('parcels').set(columns).where('id', '=', id).execute();
}

export async function parcelsOf(db: Executor, jobId: JobId): Promise<Parcel[]> {
  const parcels = db.selectFrom('parcels').selectAll().where('job_id', '=', jobId);
  return (await parcels.orderBy('opened_at').orderBy('direction').orderBy('id').execute()).map(
    parcelOf,
  );
}

/** Of jobs that have something to come: by way of them, and so by an index. */
export async function unpackedJobs(db: Executor): Promise<ReadonlySet<JobId>> {
  const rows = await db
    .selectFrom('jobs')
    .innerJoin('parcels', 'parcels.job_id', 'jobs.id')
    .select('parcels.job_id')
    .distinct()
    .where('jobs.state', 'in', OPEN_STATES)
    .where('parcels.direction', '=', 'in')
    .where('parcels.completed_at', 'is not', null)
    .execute();
  return new Set(rows.map((row) => jobId.parse(row.job_id)));
}
