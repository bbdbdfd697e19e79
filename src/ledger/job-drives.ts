import type { DriveId, DriveRef, JobId, ListedDrive } from '../domain/job.ts';
import type { NewDrive } from '../domain/job-update.ts';
import type { ParcelId } from '../domain/parcel.ts';
import type { BitLockerKey } from './contract.ts';
import type { SecretBox } from './secret-box.ts';
import type { Executor } from './tables.ts';

/** Drive lists: which drives a job has, what it says of them, and their sealed keys. */

export interface ListOwner {
  readonly jobId: JobId;
  readonly station: string;
  readonly secrets: SecretBox;
}

/** Writes the list of a job that has none, every drive `Specified`. */
export async function insertDrives(
  db: Executor,
  drives: readonly NewDrive[],
  owner: ListOwner,
): Promise<void> {
  await insertSealed(db, drives, { ...owner, kept: new Map() });
}

/** Writes the list anew; a drive without a key keeps the one that it had. */
export async function replaceDrives(
  db: Executor,
  drives: readonly NewDrive[],
  owner: ListOwner,
): Promise<void> {
  const rows = await db
    .selectFrom('drives')
    .select(['drive_id', 'bit_locker_key'])
    .where('job_id', '=', owner.jobId)
    .execute();
  const kept = new Map(rows.map(({ drive_id, bit_locker_key }) => [drive_id, bit_locker_key]));
  await db.deleteFrom('drives').where('job_id', '=', owner.jobId).execute();
  await insertSealed(db, drives, { ...owner, kept });
}

async function insertSealed(
  db: Executor,
  drives: readonly NewDrive[],
  owner: ListOwner & { readonly kept: ReadonlyMap<string, string | null> },
): Promise<void> {
  if (drives.length === 0) return;
  const { jobId, station, secrets, kept } = owner;
  const rows = drives.map(({ driveId, bitLockerKey, ...entry }, position) => ({
    job_id: jobId,
    drive_id: driveId,
    station,
    position,
    state: 'Specified',
    state_data: '{}',
    listed: listedText(entry),
    parcel_id: null,
    bit_locker_key:
      bitLockerKey === undefined
        ? (kept.get(driveId) ?? null)
        : secrets.seal(bitLockerKey, keyPlace(jobId, driveId)),
  }));
  await db.insertInto('drives').values(rows).execute();
}

/** A drive that came without a list, at the end of the job's; it is here from its first moment. */
export async function appendDrive(
  db: Executor,
  ref: DriveRef,
  { station, parcelId }: { readonly station: string; readonly parcelId: ParcelId },
): Promise<void> {
  const drives = db.selectFrom('drives').where('job_id', '=', ref.jobId);
  const { count } = await drives
    .select((row) => row.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  const row = {
    ...{ job_id: ref.jobId, drive_id: ref.driveId, station, position: Number(count) },
    ...{ state: 'Received', state_data: '{}', parcel_id: parcelId },
    ...{ listed: null, bit_locker_key: null },
  };
  await db.insertInto('drives').values(row).execute();
}

function listedText({ manifestFile, manifestHash, driveHeaderHash }: ListedDrive): string | null {
  const entry = { manifestFile, manifestHash, driveHeaderHash };
  return Object.values(entry).every((value) => value === undefined) ? null : JSON.stringify(entry);
}

export async function bitLockerKeysOf(
  db: Executor,
  jobId: JobId,
  secrets: SecretBox,
): Promise<BitLockerKey[]> {
  const rows = await db
    .selectFrom('drives')
    .select(['drive_id', 'bit_locker_key'])
    .where('job_id', '=', jobId)
    .orderBy('position')
    .execute();
  return rows.flatMap(({ drive_id, bit_locker_key }) => {
    if (bit_locker_key === null) return [];
    const bitLockerKey = secrets.open(bit_locker_key, keyPlace(jobId, drive_id));
    return { driveId: drive_id as DriveId, bitLockerKey };
  });
}

/** What a sealed key is bound to. */
function keyPlace(jobId: JobId, driveId: string): string {
  return `drive/${jobId}/${driveId}/bitLockerKey`;
}
