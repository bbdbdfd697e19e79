import { ALERTS, RESOLUTIONS } from '../domain/alert-texts.ts';
import type { Drive, Job, JobId } from '../domain/job.ts';
import { checkInList, type Parcel } from '../domain/parcel.ts';
import type { Alert, ExtraDrive } from '../ledger/contract.ts';
import type { AlertView, CheckInView } from './wire.ts';

/** What operators see beside bays and drives. */

/** An alert in words; a job that was deleted has no name any more. */
export function alertView(alert: Alert, jobNames: ReadonlyMap<JobId, string>): AlertView {
  const { id, kind, reason, raisedAt, acknowledged = null } = alert;
  const { jobId = null, driveId = null, extraId = null, dockId = null } = alert.subject;
  const { title, nextStep, resolutions } = ALERTS[kind];
  return {
    ...{ id, kind, title, reason, nextStep, raisedAt, acknowledged },
    resolutions: resolutions.map((name) => ({ name, words: RESOLUTIONS[name] })),
    ...{ jobId, driveId, extraId, dockId },
    jobName: jobId === null ? null : (jobNames.get(jobId) ?? null),
  };
}

export interface CheckInSources {
  readonly job: Job;
  readonly drives: readonly Drive[];
  /** All that are here. */
  readonly extras: readonly ExtraDrive[];
}

export function checkInView(parcel: Parcel, { job, drives, extras }: CheckInSources): CheckInView {
  const { id, jobId, shipment = null, openedAt, openedBy } = parcel;
  const came = extras.filter(({ parcelId }) => parcelId === id);
  return {
    ...{ id, jobId, jobName: job.name, shipment, openedAt, openedBy },
    ...checkInList(id, drives),
    extras: came.map(({ id: extraId, bay, serial, model }) => ({
      id: extraId,
      bay,
      serial,
      model,
    })),
  };
}
