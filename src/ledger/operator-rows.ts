import { z } from 'zod';
import type { AlertId } from '../domain/alert.ts';
import { ALERTS, type AlertKind, RESOLUTIONS, type Resolution } from '../domain/alert-texts.ts';
import type { DockId } from '../domain/dock.ts';
import type { Parcel } from '../domain/parcel.ts';
import type { Alert, ExtraDrive } from './contract.ts';
import { driveId, jobId, parcelId } from './rows.ts';
import type { AlertTable, ExtraDriveTable, ParcelTable } from './tables.ts';

/** As `rows.ts`, for parcels, extra drives and alerts. */

const text = (value: unknown) => typeof value === 'string' && value !== '';
const alertId = z.custom<AlertId>(text);
/** How an extra drive left: with a parcel, because a job lists it after all, or otherwise. */
const EXTRA_ENDS = ['returned', 'listed', 'taken-away'] as const;

const extraRow = z.object({
  id: z.string().min(1),
  serial: z.string().nullable(),
  model: z.string().nullable(),
  bay: z.string(),
  job_id: jobId.nullable(),
  parcel_id: parcelId.nullable(),
  reason: z.string(),
  seen_at: z.iso.datetime(),
  ended_at: z.iso.datetime().nullable(),
  ended_how: z.enum(EXTRA_ENDS).nullable(),
});

export function extraDriveOf(row: ExtraDriveTable): ExtraDrive {
  const { job_id, parcel_id, seen_at, ended_at, ended_how, ...rest } = extraRow.parse(row);
  const end =
    ended_at === null || ended_how === null ? {} : { end: { at: ended_at, how: ended_how } };
  return { ...rest, jobId: job_id, parcelId: parcel_id, seenAt: seen_at, ...end };
}

const parcelRow = z.object({
  id: parcelId,
  job_id: jobId,
  direction: z.enum(['in', 'out']),
  carrier_name: z.string().nullable(),
  tracking_number: z.string().nullable(),
  opened_at: z.iso.datetime(),
  opened_by: z.string(),
  completed_at: z.iso.datetime().nullable(),
  completed_by: z.string().nullable(),
});

export function parcelOf(row: ParcelTable): Parcel {
  const { id, job_id, direction, ...rest } = parcelRow.parse(row);
  const { carrier_name: carrierName, tracking_number: trackingNumber } = rest;
  const labelled = carrierName !== null && trackingNumber !== null;
  return {
    id,
    jobId: job_id,
    direction,
    ...(labelled ? { shipment: { carrierName, trackingNumber } } : {}),
    openedAt: rest.opened_at,
    openedBy: rest.opened_by,
    ...(rest.completed_at === null ? {} : { completedAt: rest.completed_at }),
    ...(rest.completed_by === null ? {} : { completedBy: rest.completed_by }),
  };
}

const alertRow = z.object({
  id: alertId,
  key: z.string(),
  kind: z.custom<AlertKind>((value) => typeof value === 'string' && value in ALERTS),
  job_id: jobId.nullable(),
  drive_id: driveId.nullable(),
  extra_id: z.string().nullable(),
  dock_id: z.custom<DockId>(text).nullable(),
  reason: z.string(),
  raised_at: z.iso.datetime(),
  acknowledged_at: z.iso.datetime().nullable(),
  acknowledged_by: z.string().nullable(),
  resolved_at: z.iso.datetime().nullable(),
  resolved_by: z.string().nullable(),
  resolution: z
    .custom<Resolution>((value) => typeof value === 'string' && value in RESOLUTIONS)
    .nullable(),
  note: z.string().nullable(),
});

export function alertOf(row: AlertTable): Alert {
  const parsed = alertRow.parse(row);
  const { id, key, kind, reason, job_id, drive_id, extra_id, dock_id } = parsed;
  const subject = {
    ...(job_id === null ? {} : { jobId: job_id }),
    ...(drive_id === null ? {} : { driveId: drive_id }),
    ...(extra_id === null ? {} : { extraId: extra_id }),
    ...(dock_id === null ? {} : { dockId: dock_id }),
  };
  const { acknowledged_at, acknowledged_by, resolved_at, resolved_by } = parsed;
  return {
    ...{ id, key, kind, subject, reason },
    raisedAt: parsed.raised_at,
    ...(acknowledged_at === null || acknowledged_by === null
      ? {}
      : { acknowledged: { at: acknowledged_at, by: acknowledged_by } }),
    ...(resolved_at === null || resolved_by === null
      ? {}
      : {
          resolved: {
            at: resolved_at,
            by: resolved_by,
            resolution: parsed.resolution,
            note: parsed.note,
          },
        }),
  };
}
