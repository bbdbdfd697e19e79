import type { DiskIdentity, SerialEvidence, SerialSource, Transport } from '../domain/disk.ts';
import { normaliseSerial } from '../domain/serial.ts';
import type { Enumeration } from './enumeration.ts';
import type { DiskIdentityFile } from './identity-file.ts';
import type { SysfsDisk } from './sysfs.ts';
import { decodeUdevText } from './udev-database.ts';
import type { UdevProperties } from './udev-events.ts';

/** All that the sources say of one disk; a source that is not there says nothing. */
export interface IdentityEvidence {
  readonly sysfs: SysfsDisk;
  readonly transport: Transport;
  readonly udev?: UdevProperties;
  readonly enumerated?: EnumeratedDisk;
  readonly identityFile?: DiskIdentityFile;
}

/** What the enumerating packages say of one disk. */
export interface EnumeratedDisk {
  readonly drive?: Enumeration['drives'][number];
  readonly blockDevice?: Enumeration['blockDevices'][number];
}

/**
 * Who the disk says it is. Pure. Every source is kept with its own spelling, except one that is known
 * to be false; which of them counts is decided where disks are matched.
 */
export function identityOf(evidence: IdentityEvidence): DiskIdentity {
  const vendor = vendorOf(evidence);
  const model = modelOf(evidence);
  return {
    serials: serialsOf(evidence),
    wwns: wwnsOf(evidence),
    ...(vendor === undefined ? {} : { vendor }),
    ...(model === undefined ? {} : { model }),
  };
}

function serialsOf(evidence: IdentityEvidence): SerialEvidence[] {
  const { sysfs, identityFile } = evidence;
  const found: SerialEvidence[] = [];
  const add = (source: SerialSource, raw: string | undefined) => {
    if (raw !== undefined && normaliseSerial(raw) !== undefined) found.push({ source, raw });
  };
  add('identity-file', identityFile?.serial);
  add(evidence.transport === 'nvme' ? 'nvme-identify' : 'virtio', sysfs.driverSerial);
  // libata answers page 0x80 out of IDENTIFY DEVICE; a bridge answers whatever it likes.
  add(evidence.transport === 'sata' ? 'ata-identify' : 'scsi-vpd', sysfs.vpdSerial);
  add('usb-descriptor', sysfs.usbSerial);
  for (const item of udevSerials(evidence)) add(item.source, item.raw);
  const listed = evidence.enumerated?.blockDevice?.serial;
  if (listed !== undefined && !isInvented(listed, found, evidence)) add('lsblk', listed);
  return distinct(found);
}

/**
 * udev's serial has another meaning on each bus: on USB the bridge's iSerial (systemd,
 * `60-persistent-storage.rules`), on SCSI often the WWN or a vendor's name in `ID_SERIAL_SHORT` while
 * the unit's serial is in `ID_SCSI_SERIAL`, on virtio the whole `ID_SERIAL`.
 */
function udevSerials(evidence: IdentityEvidence): SerialEvidence[] {
  const get = (key: string) => evidence.udev?.get(key);
  const found: [SerialSource, string | undefined][] = [];
  if (get('ID_BUS') === 'usb') found.push(['usb-descriptor', get('ID_SERIAL_SHORT')]);
  else if (get('ID_BUS') === 'scsi') {
    found.push(['udev', get('SCSI_IDENT_SERIAL')], ['udev', get('ID_SCSI_SERIAL')]);
  } else if (evidence.transport === 'virtio') found.push(['udev', get('ID_SERIAL')]);
  else found.push(['udev', get('ID_SERIAL_SHORT')]);
  found.push(['usb-descriptor', get('ID_USB_SERIAL_SHORT')]);
  return found.flatMap(([source, raw]) => (raw === undefined ? [] : [{ source, raw }]));
}

/**
 * Behind a bridge without a serial lsblk prints udev's `ID_SERIAL`, which is vendor, model and unit
 * number and the same for every disk of that model. On USB its word therefore counts only where
 * another source has the same one.
 */
function isInvented(
  serial: string,
  others: readonly SerialEvidence[],
  evidence: IdentityEvidence,
): boolean {
  if (evidence.transport !== 'usb') return false;
  const canonical = normaliseSerial(serial);
  return !others.some((other) => normaliseSerial(other.raw) === canonical);
}

function distinct(found: readonly SerialEvidence[]): SerialEvidence[] {
  const byText = new Map(found.map((item) => [`${item.source}\n${item.raw}`, item]));
  return [...byText.values()];
}

function wwnsOf(evidence: IdentityEvidence): string[] {
  const { sysfs, udev, identityFile } = evidence;
  const stated = [
    identityFile?.wwn,
    sysfs.wwid,
    udev?.get('ID_WWN_WITH_EXTENSION'),
    udev?.get('ID_WWN'),
  ];
  const wwns = stated.flatMap((wwn) => (wwn?.trim() ? [kernelSpelling(wwn.trim())] : []));
  return [...new Set(wwns)];
}

/** udev prints an NAA name as a hexadecimal number, the kernel as `naa.…`. */
function kernelSpelling(wwn: string): string {
  return /^0x[0-9a-f]{16}(?:[0-9a-f]{16})?$/iu.test(wwn)
    ? `naa.${wwn.slice(2).toLowerCase()}`
    : wwn;
}

/** libata prints `ATA` and virtio a PCI number where a vendor belongs. */
const NO_VENDOR = /^(?:ATA|0x[0-9a-f]{4})$/iu;

function vendorOf({ sysfs, identityFile }: IdentityEvidence): string | undefined {
  const vendor = (identityFile?.vendor ?? sysfs.vendor)?.trim();
  return vendor === undefined || vendor === '' || NO_VENDOR.test(vendor) ? undefined : vendor;
}

/** SCSI cuts a model to 16 characters; udev has the whole one for ATA, lsblk prints udev's. */
function modelOf({ sysfs, udev, enumerated, identityFile }: IdentityEvidence): string | undefined {
  const encoded = udev?.get('ID_MODEL_ENC');
  const stated = [
    identityFile?.model,
    encoded === undefined ? udev?.get('ID_MODEL') : decodeUdevText(encoded),
    sysfs.model,
    enumerated?.blockDevice?.model,
  ];
  return stated.map((model) => model?.trim()).find((model) => model !== undefined && model !== '');
}
