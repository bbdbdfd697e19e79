import type { BridgeId, DiskLink } from '../domain/disk.ts';
import type { SysfsDisk } from './sysfs.ts';

/** Places in sysfs that the kernel's log calls by their own names. */
const SPOKEN_OF = [
  /** A PCI address: the controller. */
  /^[\da-f]{4,}:[\da-f]{2}:[\da-f]{2}\.[\da-f]$/u,
  /** A USB device, and the host and address that SCSI made of it. */
  /^\d+-[\d.]+$/u,
  /^host\d+$/u,
  /^\d+:\d+:\d+:\d+$/u,
  /^ata\d+$/u,
  /^nvme\d+$/u,
] as const;

/**
 * What a disk hangs on. The names are all those above the disk up to its controller, and no farther: a
 * PCI bridge carries half of the machine.
 */
export function linkOf(disk: SysfsDisk, physicalPath: string): DiskLink | undefined {
  if (disk.name.startsWith('loop')) return undefined;
  const parts = disk.devpath.split('/');
  const controllerAt = parts.findLastIndex((part) => SPOKEN_OF[0].test(part));
  const spoken = parts
    .slice(Math.max(0, controllerAt))
    .filter((part) => SPOKEN_OF.some((name) => name.test(part)));
  const link = { port: portOf(physicalPath), kernelNames: [disk.name, ...spoken.flatMap(alsoAs)] };
  const { usbVendor, usbProduct, usbName = null, usbDriver = null } = disk;
  if (usbVendor === undefined || usbProduct === undefined) return link;
  const id = `${usbVendor}:${usbProduct}`.toLowerCase() as BridgeId;
  return { ...link, bridge: { id, product: usbName?.trim() ?? null, driver: usbDriver } };
}

/** The port of a USB device without its interface and unit: `pci-0000:00:14.0-usb-0:3`. */
function portOf(physicalPath: string): string {
  return /^(.*-usb[\w]*-\d+:[\d.]+):\d+\.\d+(?:-|$)/u.exec(physicalPath)?.[1] ?? physicalPath;
}

/** libata speaks of the port, and of the device at it. */
function alsoAs(name: string): string[] {
  return name.startsWith('ata') ? [name, `${name}.00`, `${name}.01`] : [name];
}
