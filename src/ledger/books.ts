import type { DueAlert } from '../domain/alert.ts';
import type { Resolution } from '../domain/alert-texts.ts';
import type { Dock, DockLimits, DockSign, LearnedQuirk, SeenDock } from '../domain/dock.ts';
import type { Drive, DriveId, JobId } from '../domain/job.ts';
import type { Parcel, ParcelId, Shipment } from '../domain/parcel.ts';
import type { Actor, Alert, ExtraDrive, JobWithDrives, SeenExtra } from './contract.ts';

/** The parts of the ledger's contract that are about parcels, extra drives and alerts. */

/** What a parcel that was unpacked means for the drives that were not in it. */
export type MissingDrives = 'never-received' | 'come-later';

/** A parcel that goes back, as it is given to the carrier. */
export interface ReturnShipment extends Shipment {
  /** As the carrier's paper says; the day of the entry when left out. */
  readonly shipDate?: string;
  /** Drives of the job that are seen in bays, in words: they cannot be in the parcel. */
  readonly inBays?: readonly string[];
  /** Drives whose disks were lost, and are in the parcel all the same. */
  readonly found?: readonly string[];
}

/** Parcels in and out, and the extra drives that came in them. Part of the ledger. */
export interface ParcelBook {
  /** The parcel that this station unpacks at the moment. */
  checkIn(): Promise<Parcel | undefined>;
  /**
   * Begins a check-in. The parcel of this job that is open already goes on. Throws `job-not-found`,
   * `check-in-refused` (another job's parcel is open, or the job is finished).
   */
  open(jobId: JobId, shipment: Shipment | undefined, actor: Actor): Promise<Parcel>;
  /** Everything in it was looked at. Throws `parcel-not-found`, `check-in-refused` (ended before). */
  complete(id: ParcelId, missing: MissingDrives, actor: Actor): Promise<Parcel>;
  ofJob(jobId: JobId): Promise<readonly Parcel[]>;
  /** Jobs that have something to come and of which a parcel was unpacked to its end. */
  unpackedJobs(): Promise<ReadonlySet<JobId>>;
  /** A disk of an export job's parcel becomes one of its drives, in `Received`. */
  registerExportDrive(jobId: JobId, driveId: DriveId, parcelId: ParcelId): Promise<Drive>;

  flagExtra(extra: SeenExtra): Promise<ExtraDrive>;
  /** `here`: only those that are still to be returned. */
  extras(which: 'here' | 'all'): Promise<readonly ExtraDrive[]>;
  /**
   * Says whose parcel an extra drive came in. Throws `extra-not-found` (also when it is not here any
   * more), `job-not-found`, `job-change-refused` (a finished job sends nothing back).
   */
  assignExtra(id: string, jobId: JobId, actor: Actor): Promise<ExtraDrive>;
  /** It is not here any more, and went with no parcel. Throws `extra-not-found`. */
  takeExtraAway(id: string, actor: Actor): Promise<ExtraDrive>;

  /**
   * The parcel back is on its way: its drives are `ShippedBack`, its extra drives returned, the job
   * is Completed or Closed, all or nothing. Throws `job-change-refused` (not being packed, a copy
   * still runs, or a drive is still plugged in), `job-change-incomplete` (no return address).
   */
  sendBack(jobId: JobId, shipment: ReturnShipment, actor: Actor): Promise<JobWithDrives>;
}

/** The operators' queue of alerts. Part of the ledger. */
export interface AlertBook {
  /** Raises what is due and new, and ends what is open and not due any more; whether anything changed. */
  reconcile(due: readonly DueAlert[]): Promise<boolean>;
  /** Those that are not resolved, oldest first; `all`: the resolved ones too, newest first, bounded. */
  list(which: 'open' | 'all'): Promise<readonly Alert[]>;
  /** Throws `alert-not-found`. */
  byId(id: string): Promise<Alert>;
  /** Somebody has seen it. Throws `alert-not-found`, `alert-resolved`. */
  acknowledge(id: string, actor: Actor): Promise<Alert>;
  /** Throws `alert-not-found`, `alert-resolved`, `request-invalid` (no resolution of this kind). */
  resolve(id: string, how: AlertAnswer, actor: Actor): Promise<Alert>;
}

/** What goes wrong between disks and the machine, by its place. Part of the ledger. */
export interface DockBook {
  /** The places of this station of which anything is known, a bounded number. */
  all(): Promise<readonly Dock[]>;
  /** The bridges that are better driven by `usb-storage`, a bounded number, the oldest first. */
  quirks(): Promise<readonly LearnedQuirk[]>;
  /**
   * Adds what was noticed at one place at one moment, and judges it by all that is known; a place that
   * turns unreliable is in the event log, as is a quirk that follows from it.
   */
  record(seen: SeenDock, signs: readonly DockSign[], limits: DockLimits): Promise<Dock>;
  /**
   * This is in the port at present: a place that is known is described anew, and what else was unreliable
   * at this port is gone. Whether anything is other than before.
   */
  seen(there: SeenDock): Promise<boolean>;
  /** Forgets what was counted of a place, and on request the quirk of its bridge. */
  beginAnew(id: string, how: NewBeginning, actor: Actor): Promise<void>;
}

export interface NewBeginning {
  /** In words, for the event log. */
  readonly why: string;
  readonly unlearns: boolean;
}

export interface AlertAnswer {
  readonly resolution: Resolution;
  readonly note?: string;
}
