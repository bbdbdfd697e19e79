import type { AttachedDisk, DiskKey, SerialEvidence } from '../../src/domain/disk.ts';
import { diskKey } from '../../src/domain/disk.ts';
import type { DriveState } from '../../src/domain/drive-state.ts';
import type { BoundDisk, Drive, DriveId, Job, JobId, JobName } from '../../src/domain/job.ts';
import type { JobState, PublicJobState } from '../../src/domain/job-state.ts';

/** Builders of domain values: what a test does not speak of has a plain value. */

export interface DiskSketch {
  readonly serials?: readonly (string | SerialEvidence)[];
  readonly port?: string;
  readonly diskseq?: number;
  readonly more?: Partial<AttachedDisk>;
}

export function aDisk({
  serials = [],
  port = 'usb-1',
  diskseq = 1,
  more = {},
}: DiskSketch): AttachedDisk {
  return {
    key: diskKey(port, diskseq),
    devicePath: '/dev/sdb',
    deviceNumber: '8:16',
    diskseq,
    physicalPath: port,
    bay: port,
    sizeBytes: 1_000_000,
    logicalSectorBytes: 512,
    physicalSectorBytes: 4096,
    rotational: true,
    kernelReadOnly: true,
    transport: 'usb',
    identity: {
      serials: serials.map((item) =>
        typeof item === 'string' ? { source: 'ata-identify', raw: item } : item,
      ),
      wwns: [],
    },
    health: { status: 'unknown' },
    ownUses: [],
    writesAtFirstSight: 0,
    ...more,
  };
}

export const jobId = (name: string) => `id-of-${name}` as JobId;

export function aDrive(
  job: string,
  driveId: string,
  state: DriveState = { name: 'Specified' },
  boundDisk?: BoundDisk,
): Drive {
  return {
    ref: { jobId: jobId(job), driveId: driveId as DriveId },
    jobName: job as JobName,
    state,
    ...(boundDisk === undefined ? {} : { boundDisk }),
  };
}

export const JOB_SINCE = '2026-01-01T00:00:00.000Z';

export function aJob(name: string, state: PublicJobState | JobState = 'Shipping'): Job {
  return {
    id: jobId(name),
    name: name as JobName,
    state: typeof state === 'string' ? { name: state, since: JOB_SINCE } : state,
    cancelRequested: false,
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    createdBy: 'test',
    updatedBy: 'test',
    details: {
      jobType: 'Import',
      storageAccount: 'lab',
      subscriptionId: '00000000-0000-0000-0000-000000000000',
      resourceGroup: 'station',
      location: 'westus',
      diagnosticsPath: 'waimportexport',
      logLevel: 'Error',
      backupDriveManifest: false,
      plan: { kind: 'image', container: 'disks', blobPrefix: '' },
    },
  };
}

export const keyOf = (port: string, diskseq = 1): DiskKey => diskKey(port, diskseq);
