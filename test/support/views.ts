import type {
  DiskView,
  DriveView,
  JobView,
  StationInfo,
  StationView,
} from '../../src/serve/wire.ts';

import { alertsOfTheDay, checkInView } from './desk-views.ts';

/** Views of a made-up station, for everything that renders one. */

const GIB = 1024 ** 3;

export function stationInfo(over: Partial<StationInfo> = {}): StationInfo {
  return {
    name: 'station-7',
    version: '0.1.0',
    startedAt: '2026-11-23T06:00:00.000Z',
    detection: { mode: 'udev', known: true },
    storage: { kind: 'ok' },
    freeBytes: 48 * GIB,
    belowReserve: false,
    stuck: [],
    tooManyStuck: false,
    checkIn: null,
    parcel: null,
    ...over,
  };
}

export function jobView(over: Partial<JobView> = {}): JobView {
  return {
    id: 'job-1',
    name: 'contoso-archive',
    jobType: 'Import',
    state: 'Transferring',
    publicState: over.state === 'Faulted' ? 'Shipping' : (over.state ?? 'Transferring'),
    fault: null,
    percentComplete: 41,
    createdAt: '2026-11-20T09:30:00.000Z',
    driveCount: 5,
    cancelRequested: false,
    storageAccount: 'contosoarchive',
    ...over,
  };
}

export function driveView(driveId: string, over: Partial<DriveView> = {}): DriveView {
  return {
    key: `job-1/${driveId}`,
    jobId: 'job-1',
    jobName: 'contoso-archive',
    driveId,
    state: 'Specified',
    publicState: 'Specified',
    copyStatus: null,
    activity: { kind: 'idle' },
    hang: null,
    sick: null,
    progress: null,
    bay: null,
    fault: null,
    verdict: null,
    logs: null,
    blobs: [],
    ...over,
  };
}

export function copyingDrive(driveId: string, bay: string, share: number): DriveView {
  const totalBytes = 4000 * GIB;
  const stagedBytes = Math.floor(totalBytes * share);
  return driveView(driveId, {
    state: 'Transferring',
    publicState: 'Transferring',
    copyStatus: 'InProgress',
    activity: { kind: 'copying' },
    bay,
    progress: {
      totalBytes,
      stagedBytes,
      verifiedBytes: 0,
      rateBytesPerSecond: 214_000_000,
      eta: { lowSeconds: 9000, highSeconds: 14_400 },
    },
  });
}

export function completedDrive(driveId: string, bay: string | null): DriveView {
  const totalBytes = 500 * GIB;
  return driveView(driveId, {
    state: 'Completed',
    publicState: 'Completed',
    copyStatus: 'Completed',
    bay,
    progress: {
      totalBytes,
      stagedBytes: totalBytes,
      verifiedBytes: totalBytes,
      rateBytesPerSecond: 0,
      eta: null,
    },
    verdict: {
      outcome: 'Completed',
      copyStatus: 'Completed',
      safeToRemove: true,
      reasons: [
        { code: 'all-verified', words: `All ${totalBytes} bytes were read and read back.` },
      ],
      plannedBytes: totalBytes,
      verifiedBytes: totalBytes,
      kernelWrites: 0,
    },
    blobs: [
      { name: `${driveId}.img`, url: `https://contosoarchive.invalid/images/${driveId}.img` },
    ],
  });
}

export function faultedDrive(driveId: string, bay: string): DriveView {
  return driveView(driveId, {
    state: 'Faulted',
    publicState: 'Transferring',
    copyStatus: 'DiskOperationFailed',
    bay,
    progress: {
      totalBytes: 2000 * GIB,
      stagedBytes: 700 * GIB,
      verifiedBytes: 0,
      rateBytesPerSecond: 0,
      eta: null,
    },
    fault: {
      code: 'disk-read-failed',
      reason: 'The disk did not deliver 8 MiB at 700 GiB (EIO) in five attempts.',
      nextStep: 'Try another bay and cable, then retry; if it fails again, tell the customer.',
    },
  });
}

export function diskView(bay: string, over: Partial<DiskView> = {}): DiskView {
  return {
    key: `pci-0000:00:14.0-usb-0:${bay}#${bay.length}`,
    bay,
    devicePath: '/dev/sdb',
    serial: 'WD-WX11A1234567',
    model: 'WDC WD40EFRX-68N32N0',
    transport: 'sata',
    sizeBytes: 4000 * GIB,
    match: { kind: 'extra', reason: 'No active job lists serial WD-WX11A1234567.', extra: null },
    health: { status: 'unknown' },
    unreliableDock: null,
    settings: [],
    ...over,
  };
}

/** The disk that carries a drive. */
export function diskOf(drive: DriveView, over: Partial<DiskView> = {}): DiskView {
  return diskView(drive.bay ?? 'Bay 0', {
    key: `disk-of-${drive.driveId}`,
    serial: drive.driveId,
    sizeBytes: drive.progress?.totalBytes ?? 1000 * GIB,
    match: {
      kind: 'drive',
      driveKey: drive.key,
      jobName: drive.jobName,
      driveId: drive.driveId,
      reason: `Serial ${drive.driveId} (ata-identify) is on the drive list of job ${drive.jobName}.`,
    },
    ...over,
  });
}

/** Jobs in all their states. */
function jobsOfTheDay(): JobView[] {
  const fault = (code: string, reason: string, nextStep: string) => ({ code, reason, nextStep });
  return [
    jobView(),
    jobView({
      id: 'job-2',
      name: 'fabrikam-2026',
      state: 'Shipping',
      percentComplete: null,
      driveCount: 2,
    }),
    jobView({ id: 'job-3', name: 'northwind-scans', state: 'Packaging', percentComplete: 100 }),
    jobView({
      id: 'job-4',
      name: 'adatum-seismic',
      state: 'Faulted',
      publicState: 'Transferring',
      percentComplete: 62,
      driveCount: 10,
      fault: fault(
        'put-aside',
        'The customer asks to wait for a new storage account.',
        'Remove the cause, then let the job go on.',
      ),
    }),
    jobView({
      id: 'job-5',
      name: 'woodgrove-q3',
      state: 'Completed',
      percentComplete: 100,
      driveCount: 1,
    }),
  ];
}

export function emptyView(): StationView {
  return { station: stationInfo(), jobs: [], drives: [], disks: [], alerts: [] };
}

/** A busy morning: one of everything that a technician can meet. */
export function busyView(): StationView {
  const copying = copyingDrive('WD-WCC7K0AB12CD', 'Bay 1', 0.412);
  const completed = completedDrive('S3Z8NB0K712345', 'Bay 2');
  const faulted = faultedDrive('ZA2B7XK9', 'Bay 3');
  const detached = driveView('PL1331LAGXN5AH', {
    state: 'Transferring',
    publicState: 'Transferring',
    copyStatus: 'InProgress',
    activity: { kind: 'detached', bay: 'Bay 4', since: '2026-11-23T07:12:00.000Z' },
    progress: {
      totalBytes: 3000 * GIB,
      stagedBytes: 1210 * GIB,
      verifiedBytes: 0,
      rateBytesPerSecond: 0,
      eta: null,
    },
  });
  const awaited = driveView('KV6H86XP');
  return {
    station: stationInfo({ checkIn: 'contoso-archive', parcel: checkInView() }),
    jobs: jobsOfTheDay(),
    drives: [copying, completed, faulted, detached, awaited],
    disks: [
      diskOf(copying, { health: { status: 'passed', temperatureC: 38 } }),
      diskOf(completed, { model: 'Samsung SSD 870 EVO 500GB' }),
      diskOf(faulted, { model: 'ST2000NM0008-2F3100', health: { status: 'failing' } }),
      diskView('Bay 5', {
        key: 'extra-1',
        serial: 'AZ31BGB1',
        model: 'TOSHIBA MQ04UBF100',
        transport: 'usb',
        match: {
          kind: 'extra',
          reason: 'No active job lists serial AZ31BGB1.',
          extra: { id: 'extra-7', jobId: null, jobName: null },
        },
      }),
      diskView('Bay 6', {
        key: 'near-1',
        serial: 'KV6HB6XP',
        match: {
          kind: 'near',
          reason:
            'Looks like KV6H86XP of job contoso-archive (look-alike); confirm with the label.',
          suggestions: [
            {
              driveKey: awaited.key,
              jobName: awaited.jobName,
              driveId: awaited.driveId,
              form: 'look-alike',
            },
          ],
        },
      }),
      diskView('nvme-0', {
        key: 'own-1',
        devicePath: '/dev/nvme0n1',
        model: 'KIOXIA KXG60ZNV256G',
        transport: 'nvme',
        sizeBytes: 238 * GIB,
        serial: '69HS10D4TKBP',
        match: { kind: 'own', reason: "The station's own disk: /dev/nvme0n1p2 is mounted at /." },
      }),
    ],
    alerts: alertsOfTheDay(),
  };
}
