import { publicDriveState } from '../domain/drive-state.ts';
import type { Drive, Job } from '../domain/job.ts';
import { publicJobState } from '../domain/job-state.ts';
import type { LocationBook } from './locations.ts';
import { copyStatusOf, percentOf } from './view.ts';

export interface ArmJobOptions {
  /** Where the address of the data centre comes from. */
  readonly locations: LocationBook;
  /** The location in the spelling to answer; its display name where none is given. */
  readonly location?: string;
  /** The list of a resource group is without the drives. */
  readonly withDrives?: boolean;
}

/**
 * A job as `Jobs_Get` of `Microsoft.ImportExport` answers it: property order, defaults and the
 * absence of what is not set are those of recordings of the real service. BitLocker keys are never in
 * it.
 */
export function armJob(
  job: Job,
  drives: readonly Drive[],
  options: ArmJobOptions,
): Record<string, unknown> {
  const { details } = job;
  const group = `/subscriptions/${details.subscriptionId}/resourceGroups/${details.resourceGroup}/providers`;
  return present({
    properties: armProperties(job, drives, { ...options, group }),
    identity: { type: details.identityType ?? 'None' },
    systemData: systemData(job),
    id: `${group}/Microsoft.ImportExport/jobs/${job.name}`,
    name: job.name,
    type: 'Microsoft.ImportExport/jobs',
    location: options.location ?? options.locations.display(details.location),
    tags: details.tags,
  });
}

function armProperties(
  job: Job,
  drives: readonly Drive[],
  options: ArmJobOptions & { readonly group: string },
) {
  const { details } = job;
  const { locations, group, withDrives = true } = options;
  // An export job has no list before its drives are there.
  const listed = withDrives && (drives.length > 0 || details.jobType === 'Import');
  const made = `${group}/Microsoft.Storage/storageAccounts/${details.storageAccount}`;
  return present({
    storageAccountId: details.storageAccountId ?? made,
    jobType: details.jobType,
    returnAddress: details.returnAddress,
    returnShipping: details.returnShipping,
    shippingInformation: locations.shippingAddress(details.location),
    deliveryPackage: details.deliveryPackage,
    returnPackage: details.returnPackage,
    diagnosticsPath: details.diagnosticsPath,
    logLevel: details.logLevel,
    backupDriveManifest: details.backupDriveManifest,
    cancelRequested: job.cancelRequested,
    state: publicJobState(job.state),
    percentComplete: percentOf(drives),
    driveList: listed ? drives.map(armDrive) : undefined,
    export: details.export,
    provisioningState: 'Succeeded',
    encryptionKey: details.encryptionKey ?? { kekType: 'MicrosoftManaged' },
  });
}

function systemData(job: Job): Record<string, string> {
  return {
    createdBy: job.createdBy,
    createdByType: actorType(job.createdBy),
    createdAt: armTime(job.createdAt),
    lastModifiedBy: job.updatedBy,
    lastModifiedByType: actorType(job.updatedBy),
    lastModifiedAt: armTime(job.updatedAt),
  };
}

/** The daemon itself is an application; everybody else is taken for a person. */
function actorType(actor: string): 'User' | 'Application' {
  return actor === 'station' ? 'Application' : 'User';
}

function armDrive(drive: Drive): Record<string, unknown> {
  const copyStatus = copyStatusOf(drive);
  const moved = copyStatus !== undefined;
  return present({
    driveId: drive.ref.driveId,
    manifestFile: drive.listed?.manifestFile,
    manifestHash: drive.listed?.manifestHash,
    driveHeaderHash: drive.listed?.driveHeaderHash,
    state: publicDriveState(drive.state),
    copyStatus,
    percentComplete: moved ? percentOf([drive]) : undefined,
    verboseLogUri: drive.logs?.verboseLogUri,
    errorLogUri: drive.logs?.errorLogUri,
    manifestUri: drive.logs?.manifestUri,
    bytesSucceeded: moved ? drive.progress?.stagedBytes : undefined,
  });
}

/** Without the entries that have no value: the service leaves them out, it never writes `null`. */
function present(entries: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entries).filter(([, value]) => value !== undefined && value !== null),
  );
}

/** ISO 8601 with the seven fractional digits of the service. */
function armTime(iso: string): string {
  return new Date(iso).toISOString().replace('Z', '0000Z');
}
