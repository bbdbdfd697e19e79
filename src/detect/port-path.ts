/**
 * The physical path of a disk out of its place in sysfs, in the words of udev's `path_id`, so that a
 * bay keeps its name whether udev runs or not. Host numbers (`host3`) count up with every plug and
 * are never part of it. Source of the rules: systemd, `src/udev/udev-builtin-path_id.c`.
 */

const PCI = /^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]$/u;
const USB_INTERFACE = /^\d+-([\d.]+:\d+\.\d+)$/u;
const USB_PARENT = /^(?:usb\d+|\d+-[\d.]+)$/u;
const SCSI_ADDRESS = /^\d+:(\d+):(\d+):(\d+)$/u;
const ATA_HOST = /^ata(\d+)$/u;
const NVME_NAMESPACE = /^nvme\d+n(\d+)$/u;
const SAS_PHY = /^end_device-[\d:]+$/u;
const HOST_NUMBERED = /^(?:host|target|rport-|port-|expander-)\d*.*$/u;

export interface PortPathInput {
  /** `/devices/pci0000:00/0000:00:07.0/usb2/2-1/2-1:1.0/host3/…/block/sda` */
  readonly devpath: string;
  readonly ataPort?: number;
}

export function portPath(input: PortPathInput): string {
  const parts = input.devpath.split('/').filter((part) => part !== '');
  if (parts[1] === 'virtual') return parts.at(-1) ?? input.devpath;
  const pciAt = parts.findLastIndex((part) => PCI.test(part));
  if (pciAt < 0) return `platform-${stable(parts.slice(1))}`;
  const below = parts.slice(pciAt + 1);
  const usb = below.map((part) => USB_INTERFACE.exec(part)?.[1]).find((port) => port !== undefined);
  const bridge = usb === undefined ? [] : [`usb-0:${usb}`];
  return [`pci-${parts[pciAt]}`, ...bridge, ...unitWords(below, input.ataPort)].join('-');
}

/** The unit on its controller: an ATA port, a SAS device, a SCSI address or an NVMe namespace. */
function unitWords(below: readonly string[], ataPort: number | undefined): string[] {
  const ata = below.map((part) => ATA_HOST.exec(part)?.[1]).find((port) => port !== undefined);
  const scsi = below.map((part) => SCSI_ADDRESS.exec(part)).find((found) => found !== null);
  if (ata !== undefined) return [`ata-${ataPort ?? ata}.${scsi?.[2] ?? 0}`];
  const sas = below.find((part) => SAS_PHY.test(part));
  if (sas !== undefined) return [sas.replace(/^end_device-\d+/u, 'sas'), `lun-${scsi?.[3] ?? 0}`];
  if (scsi) return [`scsi-0:${scsi[1]}:${scsi[2]}:${scsi[3]}`];
  const namespace = NVME_NAMESPACE.exec(below.at(-1) ?? '')?.[1];
  return namespace === undefined ? [] : [`nvme-${namespace}`];
}

/** What is left of a path without PCI: everything that does not count up with every plug. */
function stable(parts: readonly string[]): string {
  const isMoving = (part: string) =>
    part === 'block' || USB_PARENT.test(part) || HOST_NUMBERED.test(part);
  return parts.filter((part) => !isMoving(part)).join('-');
}
