import type { Admission } from './admission.ts';
import type { Brand } from './brand.ts';

/**
 * Names one attachment of one disk: physical path and kernel `diskseq`. Never a `/dev/sdX` name, a
 * serial or a WWN alone: names are reused and identifiers repeat. A replug is a new key.
 */
export type DiskKey = Brand<string, 'DiskKey'>;

export function diskKey(physicalPath: string, diskseq: number): DiskKey {
  return `${physicalPath}#${diskseq}` as DiskKey;
}

/** Where a serial was read. The first three come from the medium itself, the others from a bridge. */
export type SerialSource =
  | 'ata-identify'
  | 'scsi-vpd'
  | 'nvme-identify'
  | 'virtio'
  | 'usb-descriptor'
  | 'udev'
  | 'lsblk'
  | 'identity-file';

/** One statement about the serial; every source is kept, because a serial is evidence, not a key. */
export interface SerialEvidence {
  readonly source: SerialSource;
  /** As the source printed it, with its blanks and its case. */
  readonly raw: string;
}

export interface DiskIdentity {
  readonly serials: readonly SerialEvidence[];
  /** World-wide names (naa., eui., t10.) in the kernel's spelling; they repeat in the field too. */
  readonly wwns: readonly string[];
  readonly vendor?: string;
  readonly model?: string;
}

export type Transport =
  | 'usb'
  | 'sata'
  | 'sas'
  | 'scsi'
  | 'nvme'
  | 'virtio'
  | 'mmc'
  | 'loop'
  | 'unknown';

/** Why a disk is the station's own and can never be a candidate. Empty for a candidate. */
export type OwnUse =
  | { readonly kind: 'mounted'; readonly device: string; readonly mountpoint: string }
  | { readonly kind: 'swap'; readonly device: string }
  | { readonly kind: 'holder'; readonly device: string; readonly holder: string }
  | { readonly kind: 'state-directory'; readonly device: string; readonly directory: string };

/** Why a block device is not a disk that a customer could have sent. */
export type Exclusion = 'virtual' | 'optical' | 'no-medium' | 'loopback-not-configured';

/** Self-assessment of the drive, asked for once, before the copy; never polled through a bridge. */
export type DiskHealth =
  | { readonly status: 'unknown' }
  | { readonly status: 'passed'; readonly temperatureC?: number }
  | { readonly status: 'failing'; readonly temperatureC?: number };

/** USB vendor and product in hexadecimal, `152d:0578`; units of one model share it. */
export type BridgeId = Brand<string, 'BridgeId'>;

/** What a disk hangs on, out of its place in sysfs. */
export interface DiskLink {
  /** The physical path of the port; all disks of one USB bridge share it. */
  readonly port: string;
  readonly bridge?: {
    readonly id: BridgeId;
    readonly product: string | null;
    /** The kernel's driver of it: `uas`, `usb-storage`. */
    readonly driver: string | null;
  };
  /** All names under which the kernel's log speaks of the disk and of what it hangs on. */
  readonly kernelNames: readonly string[];
}

/** What is known of one attached disk. Facts only: nothing here says what to do with it. */
export interface AttachedDisk {
  readonly key: DiskKey;
  /** The kernel's name today, for example `/dev/sdb`: an address for opening, never an identity. */
  readonly devicePath: string;
  /** `major:minor`. */
  readonly deviceNumber: string;
  /** Kernel sequence number of this attachment (`/sys/block/X/diskseq`). */
  readonly diskseq: number;
  /** udev's ID_PATH where there is one, else the sysfs path of the port; stable for a bay. */
  readonly physicalPath: string;
  /** What the technician calls that place: from the configuration, else the physical path. */
  readonly bay: string;
  readonly sizeBytes: number;
  readonly logicalSectorBytes: number;
  readonly physicalSectorBytes: number;
  readonly rotational: boolean;
  readonly kernelReadOnly: boolean;
  readonly transport: Transport;
  /** Absent where nothing in sysfs says it, as of a loop device. */
  readonly link?: DiskLink;
  readonly identity: DiskIdentity;
  readonly health: DiskHealth;
  /** What was set before its copy; absent until then. */
  readonly admission?: Admission;
  readonly ownUses: readonly OwnUse[];
  readonly exclusion?: Exclusion;
  /** Completed writes that the kernel counted before this attachment was first seen. */
  readonly writesAtFirstSight: number;
}

/** A scan that failed says "unknown"; it never says "everything is gone". */
export type Facts =
  | { readonly known: true; readonly disks: readonly AttachedDisk[] }
  | { readonly known: false; readonly reason: string; readonly disks: readonly AttachedDisk[] };

/** The serial to show: the one from the medium before the one from a bridge. */
export function shownSerial(identity: DiskIdentity): string | undefined {
  return bySourceTrust(identity.serials)[0]?.raw.trim();
}

const SOURCE_TRUST: Record<SerialSource, number> = {
  'identity-file': 0,
  'ata-identify': 1,
  'nvme-identify': 1,
  'scsi-vpd': 2,
  virtio: 2,
  udev: 3,
  'usb-descriptor': 4,
  lsblk: 5,
};

export function bySourceTrust(serials: readonly SerialEvidence[]): SerialEvidence[] {
  return [...serials].sort((a, b) => SOURCE_TRUST[a.source] - SOURCE_TRUST[b.source]);
}
