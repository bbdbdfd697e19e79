/** How the copy of a drive went, in the words of the public contract. */

/** `copyStatus` of the job API. Source: "Get Job". */
export const COPY_STATUSES = [
  'None',
  'InProgress',
  'Completed',
  'CompletedWithWarnings',
  'CompletedWithErrors',
  'InternalError',
  'ManifestCorrupted',
  'ManifestNameInvalid',
  'ManifestNameTooLong',
  'ManifestNotFound',
  'ManifestAccessDenied',
  'ManifestFormatInvalid',
  'ReadManifestFailed',
  'ManifestDriveIdMismatch',
  'BlobListFormatInvalid',
  'DiskNotFound',
  'VolumeNotNtfs',
  'DiskOperationFailed',
  'BitLockerNotActivated',
  'BitLockerProtectorNotFound',
  'BitLockerKeyInvalid',
  'BitLockerUnlockVolumeFailed',
  'BitLockerFailed',
] as const;
export type CopyStatus = (typeof COPY_STATUSES)[number];

/** The status of a drive in its copy log, 2014-11-01: an end, never a beginning. */
export const DRIVE_STATUSES = [
  'Completed',
  'CompletedWithWarnings',
  'CompletedWithErrors',
  'DiskNotFound',
  'VolumeNotNtfs',
  'DiskOperationFailed',
  'BitLockerVolumeNotFound',
  'BitLockerNotActivated',
  'BitLockerProtectorNotFound',
  'BitLockerKeyInvalid',
  'BitLockerUnlockVolumeFailed',
  'BitLockerFailed',
  'ManifestNameInvalid',
  'ManifestNameTooLong',
  'ManifestNotFound',
  'ManifestAccessDenied',
  'ManifestCorrupted',
  'ManifestFormatInvalid',
  'ManifestDriveIdMismatch',
  'ReadManifestFailed',
  'BlobListFormatInvalid',
  'BlobRequestForbidden',
  'InternalError',
] as const;
export type DriveStatus = (typeof DRIVE_STATUSES)[number];

/** The job API lacks two words of the log; it gets the nearest of its own. */
export function copyStatusFor(status: DriveStatus): CopyStatus {
  switch (status) {
    case 'BitLockerVolumeNotFound':
      return 'BitLockerFailed';
    case 'BlobRequestForbidden':
      return 'InternalError';
    default:
      return status;
  }
}

/** The word for a drive that a person ended because it could not be copied, by its fault's code. */
export function statusOfFault(code: string): DriveStatus {
  if (code === 'disk-gone') return 'DiskNotFound';
  if (code.startsWith('disk-')) return 'DiskOperationFailed';
  return code === 'storage-denied' ? 'BlobRequestForbidden' : 'InternalError';
}
