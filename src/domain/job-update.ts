import { type DriveStateName, isAway } from './drive-state.ts';
import type { DriveId, JobDetails, ListedDrive } from './job.ts';
import type { JobStateName, PublicJobState } from './job-state.ts';

/**
 * What a customer may still change in a job, and when. Source: the table of "Update Job Properties"
 * and the text of "Retrieving State Information for a Job"; where those are silent the rule is the
 * station's own and marked so.
 */
export interface JobUpdate {
  readonly tags?: Readonly<Record<string, string>>;
  /** A cancellation cannot be taken back. */
  readonly cancelRequested?: true;
  /** The parcel is on its way: `Creating` becomes `Shipping`. */
  readonly ship?: true;
  readonly returnAddress?: Readonly<Record<string, string>>;
  readonly returnShipping?: Readonly<Record<string, string>>;
  readonly deliveryPackage?: Readonly<Record<string, string | number>>;
  readonly logLevel?: JobDetails['logLevel'];
  readonly backupDriveManifest?: boolean;
  /** Replaces the whole list. An entry without a key keeps the one its drive had. */
  readonly driveList?: readonly NewDrive[];
}

/** An entry of a drive list as the customer sends it; the key is a secret from here on. */
export interface NewDrive extends ListedDrive {
  readonly driveId: DriveId;
  readonly bitLockerKey?: string;
}

/** The job as the update finds it. */
export interface UpdatedJob {
  readonly state: PublicJobState;
  readonly cancelRequested: boolean;
  readonly details: JobDetails;
  readonly drives: readonly DriveStateName[];
}

export type JobUpdateAnswer =
  | {
      readonly kind: 'accepted';
      readonly details: JobDetails;
      readonly cancelRequested: boolean;
      readonly ships: boolean;
    }
  | { readonly kind: 'refused'; readonly property: string; readonly reason: string }
  | { readonly kind: 'incomplete'; readonly missing: readonly string[] };

type Rule = (job: UpdatedJob) => boolean;

const BEFORE_PACKAGING: readonly PublicJobState[] = [
  'Creating',
  'Shipping',
  'Received',
  'Transferring',
];

const isCreating: Rule = ({ state }) => state === 'Creating';
const isBeforePackaging: Rule = ({ state }) => BEFORE_PACKAGING.includes(state);

/** A job can be in transfer while some of its drives are still on the road. */
const awaitsDrives: Rule = ({ state, drives }) => {
  if (state === 'Creating' || state === 'Shipping') return true;
  const away = drives.some(isAway);
  return state === 'Transferring' && away;
};

/** By property of the public body. `driveList` while Creating is the station's own rule. */
const RULES: { readonly [Key in keyof JobUpdate]-?: readonly [property: string, Rule, string] } = {
  tags: ['tags', () => true, ''],
  ship: ['state', isCreating, 'only while the job is Creating'],
  driveList: ['driveList', isCreating, 'only while the job is Creating'],
  cancelRequested: ['cancelRequested', isBeforePackaging, 'only before the job is Packaging'],
  returnAddress: ['returnAddress', isBeforePackaging, 'only before the job is Packaging'],
  returnShipping: ['returnShipping', isBeforePackaging, 'only before the job is Packaging'],
  logLevel: ['logLevel', isBeforePackaging, 'only before the job is Packaging'],
  backupDriveManifest: ['backupDriveManifest', isBeforePackaging, 'only before Packaging'],
  deliveryPackage: ['deliveryPackage', awaitsDrives, 'only until all drives have arrived'],
};

/** Judges a whole update: all of it is accepted, or nothing of it is. */
export function judgeUpdate(job: UpdatedJob, update: JobUpdate): JobUpdateAnswer {
  for (const key of updatedKeys(update)) {
    const [property, allows, when] = RULES[key];
    if (allows(job)) continue;
    const reason = `${property} can be changed ${when}; the job is ${job.state}`;
    return { kind: 'refused', property, reason };
  }
  if (job.details.jobType === 'Export' && (update.driveList?.length ?? 0) > 0) {
    const reason = 'the drives of an export job are not the customer’s to list';
    return { kind: 'refused', property: 'driveList', reason };
  }
  const details = detailsAfter(job.details, update);
  const ships = update.ship === true;
  if (ships) {
    const missing = (['returnAddress', 'deliveryPackage'] as const).filter(
      (name) => details[name] === undefined,
    );
    if (missing.length > 0) return { kind: 'incomplete', missing };
  }
  const cancelRequested = job.cancelRequested || update.cancelRequested === true;
  return { kind: 'accepted', details, cancelRequested, ships };
}

/** The properties that an update changes, in the words of the public body. */
export function updatedProperties(update: JobUpdate): string[] {
  return updatedKeys(update).map((key) => RULES[key][0]);
}

function updatedKeys(update: JobUpdate): (keyof JobUpdate)[] {
  const all = Object.keys(RULES) as (keyof JobUpdate)[];
  return all.filter((key) => update[key] !== undefined);
}

function detailsAfter(details: JobDetails, update: JobUpdate): JobDetails {
  const { cancelRequested: _cancel, ship: _ship, driveList: _list, ...changes } = update;
  return { ...details, ...changes };
}

/** Why a job is deleted: somebody asked, or it was kept for as long as it had to be. */
export type JobDeletion = 'asked' | 'expired';

/**
 * A customer deletes in `Creating` or `Completed` only (text of `Jobs_Delete`); when its time is over
 * a `Closed` job goes as well (two weeks in `Creating`, 90 days in the two last states). A faulted job
 * stays: its drives lie here.
 */
export function mayDelete(state: JobStateName, why: JobDeletion): boolean {
  return state === 'Creating' || state === 'Completed' || (state === 'Closed' && why === 'expired');
}
