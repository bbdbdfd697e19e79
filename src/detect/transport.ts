import type { Transport } from '../domain/disk.ts';

/** How the disk hangs on the machine, out of its place in sysfs: the outermost bus that says so. */
export function transportOf(name: string, devpath: string, busType?: string): Transport {
  if (name.startsWith('loop')) return 'loop';
  if (/\/usb\d+\//u.test(devpath)) return 'usb';
  if (/\/nvme\d+\/|\/nvme-subsystem\//u.test(devpath)) return 'nvme';
  if (/\/mmc_host\//u.test(devpath)) return 'mmc';
  if (/\/ata\d+\//u.test(devpath)) return 'sata';
  if (/\/end_device-[\d:]+\//u.test(devpath)) return 'sas';
  if (/\/host\d+\//u.test(devpath)) return 'scsi';
  if (/\/virtio\d+\/block\//u.test(devpath)) return 'virtio';
  return fromBusType(busType);
}

/** The word of lsblk, through drivelist, for what sysfs left open. */
function fromBusType(busType: string | undefined): Transport {
  switch (busType?.toUpperCase()) {
    case 'USB':
      return 'usb';
    case 'SATA':
    case 'ATA':
    case 'IDE':
      return 'sata';
    case 'SAS':
      return 'sas';
    case 'SCSI':
      return 'scsi';
    case 'NVME':
      return 'nvme';
    default:
      return 'unknown';
  }
}
