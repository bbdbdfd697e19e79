import type { Brand } from './brand.ts';
import { isAway } from './drive-state.ts';
import type { Drive, DriveId, JobId } from './job.ts';

export type ParcelId = Brand<string, 'ParcelId'>;

/** Who carries a parcel, in the words of the public contract (`PackageInformation`). */
export interface Shipment {
  readonly carrierName: string;
  readonly trackingNumber: string;
}

/** A parcel of a job: one that came in, while it is unpacked and after, or one that went back. */
export interface Parcel {
  readonly id: ParcelId;
  readonly jobId: JobId;
  readonly direction: 'in' | 'out';
  /** What the label says; absent while nobody typed it. */
  readonly shipment?: Shipment;
  /** When its check-in began, or when it was given to the carrier. ISO 8601, UTC. */
  readonly openedAt: string;
  readonly openedBy: string;
  /** Everything that was in it has been looked at; absent while it is being unpacked. */
  readonly completedAt?: string;
  readonly completedBy?: string;
}

/** What was expected in a parcel and what came: the list a technician ticks off. */
export interface CheckInList {
  /** Listed drives that are not here from an earlier parcel. */
  readonly expected: readonly DriveId[];
  readonly seen: readonly DriveId[];
  readonly missing: readonly DriveId[];
  /** Listed drives that came in another parcel. */
  readonly elsewhere: readonly DriveId[];
}

/** Its disk left in mid-copy and was plugged in nowhere when a person ended the drive. */
export function isLost({ state, verdict }: Pick<Drive, 'state' | 'verdict'>): boolean {
  return state.name === 'CompletedMoreInfo' && verdict?.copyStatus === 'DiskNotFound';
}

/** Compares a job's list with what came in one parcel. */
export function checkInList(parcel: ParcelId, drives: readonly Drive[]): CheckInList {
  const ids = (wanted: (drive: Drive) => boolean) =>
    drives.filter(wanted).map(({ ref }) => ref.driveId);
  const away = ({ state }: Drive) => isAway(state.name);
  const cameHere = (drive: Drive) => drive.parcelId === parcel;
  return {
    expected: ids((drive) => away(drive) || cameHere(drive)),
    seen: ids(cameHere),
    missing: ids(away),
    elsewhere: ids((drive) => !away(drive) && !cameHere(drive)),
  };
}
