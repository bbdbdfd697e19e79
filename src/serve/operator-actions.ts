import type { PublicJobState } from '../domain/job-state.ts';
import type { Parcel, Shipment } from '../domain/parcel.ts';
import type { AlertAnswer, MissingDrives, ReturnShipment } from '../ledger/books.ts';
import type { Alert, ExtraDrive, JobWithDrives } from '../ledger/contract.ts';
import type { DriveName } from '../ledger/named.ts';
import type { Acting } from './actions.ts';

/** A job that is being packed: what goes into its parcel back, and what hinders that. */
export interface PackingList extends JobWithDrives {
  readonly extras: readonly ExtraDrive[];
  /** In words for people; empty when the parcel can go. */
  readonly problems: readonly string[];
}

/**
 * What operators do with jobs, parcels and alerts. As `StationActions`: each changes the ledger that it
 * is given and nothing else. Jobs are named by name or id; errors are those of the ledger.
 */
export interface OperatorActions {
  acknowledgeAlert(id: string, by: Acting): Promise<Alert>;
  /** Resolves the alert, and does what the resolution says. */
  resolveAlert(id: string, answer: AlertAnswer, by: Acting): Promise<Alert>;
  /** Begins the check-in of a parcel, or adds its label. */
  openParcel(jobName: string, shipment: Shipment | undefined, by: Acting): Promise<Parcel>;
  /** Ends the check-in that is open. Throws `check-in-refused` when none is. */
  completeParcel(missing: MissingDrives, by: Acting): Promise<Parcel>;
  /** Throws `job-change-refused` for a job that is finished. */
  assignExtra(id: string, jobName: string, by: Acting): Promise<ExtraDrive>;
  takeExtraAway(id: string, by: Acting): Promise<ExtraDrive>;
  packingList(jobName: string, ledger: Acting['ledger']): Promise<PackingList>;
  /** Throws `job-change-refused`, also while one of its disks is plugged in. */
  sendBack(jobName: string, shipment: ReturnShipment, by: Acting): Promise<JobWithDrives>;
  cancelJob(jobName: string, by: Acting): Promise<JobWithDrives>;
  /** Faults the job: nothing of it is begun until somebody lets it go on. */
  putAside(jobName: string, reason: string, by: Acting): Promise<JobWithDrives>;
  /** Leads a faulted job back to a state; the one that it had when none is given. */
  resolveJob(jobName: string, to: PublicJobState | undefined, by: Acting): Promise<JobWithDrives>;
  waitLonger(jobName: string, by: Acting): Promise<JobWithDrives>;
  /** Nothing more is waited for: see `stopWaiting` of the life cycle. */
  stopWaiting(jobName: string, by: Acting): Promise<JobWithDrives>;
  setReturnAddress(
    jobName: string,
    address: Readonly<Record<string, string>>,
    by: Acting,
  ): Promise<JobWithDrives>;
  /**
   * Ends a drive that cannot be copied: one that is faulted, or whose disk left in mid-copy and is not
   * back. Throws `transition-refused` for any other.
   */
  endWithoutCopy(drive: DriveName, reason: string, by: Acting): Promise<void>;
}
