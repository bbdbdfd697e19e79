import { publicDriveState } from '../domain/drive-state.ts';
import type { Drive, Job } from '../domain/job.ts';
import { displayLocation } from './locations.ts';
import { copyStatusOf, percentOf } from './view.ts';

/**
 * A job as `Jobs_Get` of `Microsoft.ImportExport` answers it: property order, defaults and the
 * absence of what is not set are those of recordings of the real service. BitLocker keys are never in
 * it. `shippingInformation` (the data centre's address) is left out: the station does not know it.
 */
export function armJob(job: Job, drives: readonly Drive[]): Record<string, unknown> {
  const { details } = job;
  const group = `/subscriptions/${details.subscriptionId}/resourceGroups/${details.resourceGroup}/providers`;
  return present({
    properties: armProperties(job, drives, group),
    identity: { type: 'None' },
    systemData: { createdAt: armTime(job.createdAt) },
    id: `${group}/Microsoft.ImportExport/jobs/${job.name}`,
    name: job.name,
    type: 'Microsoft.ImportExport/jobs',
    location: displayLocation(details.location),
    tags: details.tags,
  });
}

function armProperties(job: Job, drives: readonly Drive[], group: string) {
  const { details } = job;
  return present({
    storageAccountId: `${group}/Microsoft.Storage/storageAccounts/${details.storageAccount}`,
    jobType: details.jobType,
    returnAddress: details.returnAddress,
    returnShipping: details.returnShipping,
    deliveryPackage: details.deliveryPackage,
    diagnosticsPath: details.diagnosticsPath,
    logLevel: details.logLevel,
    backupDriveManifest: details.backupDriveManifest,
    cancelRequested: job.cancelRequested,
    state: job.state,
    percentComplete: percentOf(drives),
    driveList: drives.map(armDrive),
    provisioningState: 'Succeeded',
    encryptionKey: { kekType: 'MicrosoftManaged' },
  });
}

function armDrive(drive: Drive): Record<string, unknown> {
  const copyStatus = copyStatusOf(drive);
  const moved = copyStatus !== undefined;
  return present({
    driveId: drive.ref.driveId,
    state: publicDriveState(drive.state),
    copyStatus,
    percentComplete: moved ? percentOf([drive]) : undefined,
    verboseLogUri: drive.logs?.verboseLogUri,
    errorLogUri: drive.logs?.errorLogUri,
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
