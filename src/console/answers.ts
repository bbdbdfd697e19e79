import type {
  AlertView,
  CandidateView,
  CheckInView,
  DiskView,
  DriveView,
  JobView,
} from '../serve/wire.ts';
import type { JobWay } from './job-ways.ts';
import type { Address, Shipment } from './requests-of-operators.ts';

/** What a person can answer or ask for; carried down to the buttons. */
export interface Answers {
  /** Nothing can be asked of a station that is not connected. */
  readonly disabled: boolean;
  /** The view is of now; else a disk may have been swapped, and none is called safe to remove. */
  readonly baysKnown: boolean;
  /** The parcel that is being unpacked. */
  readonly parcel: CheckInView | null;
  /** Jobs whose parcel an extra drive can have come in. */
  readonly openJobs: readonly JobView[];
  /** The moment for which ages are drawn. */
  readonly now: Date;

  confirm(disk: DiskView, drive: CandidateView): void;
  retry(drive: DriveView): void;
  /** Its disk is gone in mid-copy, for good. */
  end(drive: DriveView): void;
  assignExtra(extraId: string, job: JobView): void;
  /** It is not here any more, and went with no parcel. */
  takeExtraAway(extraId: string): void;

  beginCheckIn(job: JobView): void;
  /** The label of the parcel that is open. */
  addLabel(parcel: CheckInView): void;
  completeCheckIn(parcel: CheckInView): void;

  acknowledge(alert: AlertView): void;
  resolve(alert: AlertView, resolution: string, note: string): void;

  /** Leads a job where it does not go by itself. */
  lead(job: JobView, way: JobWay): void;
  /** Opens the packing list of a job; `null` closes it. */
  pack(job: JobView | null): void;
  setReturnAddress(jobId: string, address: Address): void;
  sendBack(jobId: string, shipment: Shipment): void;
}
