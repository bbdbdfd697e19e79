import { type DriveRef, driveKey, type JobId } from '../domain/job.ts';

/** What the entries of the event log call the things that they are about. */

/** When which boot of the machine began, by a clock that was trusted. */
export const CLOCK_ENTITY = 'clock';

export function jobEntity(id: JobId): string {
  return `job/${id}`;
}

export function driveEntity(ref: DriveRef): string {
  return `drive/${driveKey(ref)}`;
}

export function extraEntity(id: string): string {
  return `extra-drive/${id}`;
}
