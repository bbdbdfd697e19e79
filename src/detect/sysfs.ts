import { readdir } from 'node:fs/promises';
import { basename, join, normalize } from 'node:path';
import { linkTarget, readAttribute, readBinary, readNumber } from './attribute.ts';
import { usbAbove } from './usb-place.ts';

/** What stays the same while a disk is attached; read once an attachment. */
export interface SysfsDescription {
  /** `major:minor`. */
  readonly deviceNumber: string;
  /** The device's place in sysfs: `/devices/pci0000:00/…/block/sda`. */
  readonly devpath: string;
  readonly removable: boolean;
  readonly hidden: boolean;
  readonly logicalSectorBytes: number;
  readonly physicalSectorBytes: number;
  readonly rotational: boolean;
  readonly vendor?: string;
  readonly model?: string;
  readonly wwid?: string;
  /** Serial that the driver prints: virtio and NVMe only. */
  readonly driverSerial?: string;
  /** Unit serial number from the SCSI page 0x80 that the kernel fetched at plug-in. */
  readonly vpdSerial?: string;
  /** iSerial of the USB device above: the bridge's. */
  readonly usbSerial?: string;
  readonly usbVendor?: string;
  readonly usbProduct?: string;
  /** What the bridge calls itself. */
  readonly usbName?: string;
  /** The kernel's driver of the bridge: `uas` or `usb-storage`. */
  readonly usbDriver?: string;
  /** SCSI peripheral device type; 0 is a disk, 5 an optical drive. */
  readonly scsiType?: number;
  /** Number of the port on its ATA controller, which unlike `ataN` does not count over hosts. */
  readonly ataPort?: number;
  /** Completed writes when the attachment was first seen. */
  readonly writesAtFirstSight: number;
}

/** One whole block device as sysfs shows it. Nothing here opens the device. */
export interface SysfsDisk extends SysfsDescription {
  readonly name: string;
  readonly diskseq: number;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** SCSI and NVMe state (`running`, `offline`, `live` …). */
  readonly state?: string;
  /** File behind a loop device, as the kernel prints it. */
  readonly backingFile?: string;
}

/** sysfs counts sizes in units of 512 bytes, whatever the sector size of the disk. */
const SYSFS_SECTOR_BYTES = 512;
/** The fifth field of `stat` (Documentation/block/stat.rst): write requests completed. */
const WRITES_COMPLETED_FIELD = 4;
const VPD_SERIAL_PAGE = 0x80;
const VPD_HEADER_BYTES = 4;

/** Never a disk, whatever is in them: not even looked at. */
const NEVER_A_DISK = /^(?:ram|zram|dm-|md|nbd|fd|drbd|bcache|mtdblock|rbd|mmcblk\d+(?:boot|rpmb))/u;

/** Descriptions of the scan before, by `attachmentOf`. */
export type KnownDescriptions = ReadonlyMap<string, SysfsDescription>;

/** One device under one name; a name that is used again has another `diskseq`. */
export function attachmentOf(name: string, diskseq: number): string {
  return `${name}#${diskseq}`;
}

/**
 * Reads every block device that could be a disk. What is `known` is not read again, because it cannot
 * change while the disk is attached: a scan then costs four small reads a disk.
 */
export async function readDisks(sysRoot: string, known: KnownDescriptions): Promise<SysfsDisk[]> {
  const names = await readdir(join(sysRoot, 'block'));
  const candidates = names.filter((name) => !NEVER_A_DISK.test(name));
  const disks = await Promise.all(candidates.map((name) => readDisk(sysRoot, name, known)));
  return disks.filter((disk) => disk !== undefined);
}

/** `undefined` for a device that went away meanwhile and for a loop device without a file. */
async function readDisk(
  sysRoot: string,
  name: string,
  known: KnownDescriptions,
): Promise<SysfsDisk | undefined> {
  const block = join(sysRoot, 'block', name);
  const isLoop = name.startsWith('loop');
  const backingFile = isLoop ? await readAttribute(join(block, 'loop/backing_file')) : undefined;
  if (isLoop && backingFile === undefined) return undefined;
  const [diskseq, sectors, readOnly, state] = await Promise.all([
    readNumber(join(block, 'diskseq')),
    readNumber(join(block, 'size')),
    readNumber(join(block, 'ro')),
    isLoop ? undefined : readAttribute(join(block, 'device/state')),
  ]);
  if (diskseq === undefined || sectors === undefined) return undefined;
  const description = known.get(attachmentOf(name, diskseq)) ?? (await describe(sysRoot, name));
  if (description === undefined) return undefined;
  return {
    ...description,
    name,
    diskseq,
    sizeBytes: sectors * SYSFS_SECTOR_BYTES,
    readOnly: readOnly === 1,
    ...(state === undefined ? {} : { state: state.trim() }),
    ...(backingFile === undefined ? {} : { backingFile }),
  };
}

async function describe(sysRoot: string, name: string): Promise<SysfsDescription | undefined> {
  const block = join(sysRoot, 'block', name);
  const number = (path: string) => readNumber(join(block, path));
  const [deviceNumber, target] = await Promise.all([
    readAttribute(join(block, 'dev')),
    linkTarget(block),
  ]);
  if (deviceNumber === undefined || target === undefined) return undefined;
  const devpath = normalize(join('/block', target));
  const logicalSectorBytes = (await number('queue/logical_block_size')) ?? SYSFS_SECTOR_BYTES;
  return {
    deviceNumber,
    devpath,
    removable: (await number('removable')) === 1,
    hidden: (await number('hidden')) === 1,
    logicalSectorBytes,
    physicalSectorBytes: (await number('queue/physical_block_size')) ?? logicalSectorBytes,
    rotational: (await number('queue/rotational')) === 1,
    writesAtFirstSight: await writesCompleted(block),
    ...(name.startsWith('loop') ? {} : await hardwareOf(sysRoot, block, devpath)),
  };
}

async function hardwareOf(sysRoot: string, block: string, devpath: string) {
  const text = (path: string) => readAttribute(join(block, path));
  const found = {
    vendor: await text('device/vendor'),
    model: await text('device/model'),
    wwid: (await text('device/wwid')) ?? (await text('wwid')),
    driverSerial: (await text('serial')) ?? (await text('device/serial')),
    vpdSerial: parseVpdSerial(await readBinary(join(block, 'device/vpd_pg80'))),
    scsiType: await readNumber(join(block, 'device/type')),
    ...(await usbOf(sysRoot, devpath)),
    ataPort: await ataPortOf(sysRoot, devpath),
  };
  return definedOnly(found);
}

async function writesCompleted(block: string): Promise<number> {
  const fields = (await readAttribute(join(block, 'stat')))?.trim().split(/\s+/u);
  return Number(fields?.[WRITES_COMPLETED_FIELD] ?? 0);
}

/** The text of SCSI VPD page 0x80 (SPC-5, 7.7.19): `undefined` for anything else or an empty one. */
function parseVpdSerial(page: Uint8Array | undefined): string | undefined {
  if (page === undefined || page.length <= VPD_HEADER_BYTES || page[1] !== VPD_SERIAL_PAGE) {
    return undefined;
  }
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const end = VPD_HEADER_BYTES + view.getUint16(2);
  const serial = new TextDecoder().decode(page.subarray(VPD_HEADER_BYTES, end));
  return serial.trim() === '' ? undefined : serial;
}

async function usbOf(sysRoot: string, devpath: string) {
  const usb = usbAbove(devpath);
  if (usb === undefined) return {};
  const text = (name: string) => readAttribute(join(sysRoot, usb.device, name));
  const driver = await linkTarget(join(sysRoot, usb.usbInterface, 'driver'));
  return {
    usbSerial: await text('serial'),
    usbVendor: await text('idVendor'),
    usbProduct: await text('idProduct'),
    usbName: await text('product'),
    usbDriver: driver === undefined ? undefined : basename(driver),
  };
}

async function ataPortOf(sysRoot: string, devpath: string): Promise<number | undefined> {
  const found = /^(.*\/(ata\d+))\//u.exec(devpath);
  if (found === null) return undefined;
  return readNumber(join(sysRoot, `${found[1]}/ata_port/${found[2]}/port_no`));
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function definedOnly<T extends object>(fields: T): Defined<T> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}
