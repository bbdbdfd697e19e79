import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { identityOf } from '../../../src/detect/identity.ts';
import { portPath } from '../../../src/detect/port-path.ts';
import { attachmentOf, readDisks, type SysfsDisk } from '../../../src/detect/sysfs.ts';
import { transportOf } from '../../../src/detect/transport.ts';
import { parseUdevDatabase } from '../../../src/detect/udev-database.ts';
import type { UdevProperties } from '../../../src/detect/udev-events.ts';
import { RecordedMachine, readRecording, recordingOf } from './recorded-machine.ts';

interface Expected {
  /** Every statement about the serial, `source:raw`, in the order of trust of the scanner. */
  readonly serials: readonly string[];
  readonly transport: string;
  readonly vendor?: string;
  readonly model?: string;
  readonly wwns?: readonly string[];
  readonly sectors?: string;
  readonly sizeMib?: number;
  readonly flags?: string;
}

const usb = { transport: 'usb', vendor: 'QEMU', model: 'QEMU HARDDISK' };
const scsi = { transport: 'scsi', vendor: 'QEMU', model: 'QEMU HARDDISK' };
const virtio = { transport: 'virtio' };
const nvme = { transport: 'nvme', model: 'QEMU NVMe Ctrl' };
const bridge = (raw: string) => [`usb-descriptor:${raw}`, `lsblk:${raw}`];
const unit = (raw: string) => [`scsi-vpd:${raw}`, `udev:${raw}`, `lsblk:${raw}`];
const virtual = (raw: string) => [`virtio:${raw}`, `udev:${raw}`, `lsblk:${raw}`];
const namespace = (raw: string) => [
  `nvme-identify:${raw.padEnd(20)}`,
  `udev:${raw}`,
  `lsblk:${raw}`,
];

/** Each disk of each recorded case, in the order of the kernel's names. */
const CASES: Record<string, readonly Expected[]> = {
  'usb-storage': [{ ...usb, serials: bridge('WD-WX11A2BC3D4E') }],
  'usb-storage-removable': [{ ...usb, serials: bridge('4C530001230415117472'), flags: 'rm' }],
  'usb-bot-vendor': [
    { ...usb, vendor: 'WD', model: 'My Passport 25E2', serials: bridge('575837314131384B3546') },
  ],
  'usb-bot-serials-differ': [
    { ...usb, vendor: 'ASMT', model: '2115', serials: bridge('BRIDGE0001'), flags: 'ro' },
  ],
  'usb-uas': [
    {
      transport: 'usb',
      vendor: 'Seagate',
      model: 'Expansion HDD',
      serials: ['scsi-vpd:NA8XYZ12', ...bridge('MSFT30NA8XYZ12')],
      wwns: ['naa.5000c500a1b2c3d4'],
    },
  ],
  'usb-noserial-default': [{ ...usb, serials: bridge('1-0000:00:07.0-1') }],
  'usb-noserial-empty': [{ ...usb, serials: [] }],
  'usb-odd-serial': [{ ...usb, serials: ['usb-descriptor: 00 AB/cd\\Ã©;x '], flags: 'ro' }],
  'usb-same-serial-2': [
    { ...usb, serials: bridge('0123456789ABCDEF'), flags: 'ro' },
    { ...usb, serials: bridge('0123456789ABCDEF'), flags: 'ro', sizeMib: 64 },
  ],
  'usb-4kn': [
    {
      ...usb,
      vendor: 'WD',
      model: 'Elements 4Kn',
      serials: bridge('4KN-USB'),
      sectors: '4096/4096',
    },
  ],
  '4kn-disk-in-512-bridge': [{ ...usb, serials: bridge('BRIDGE-512E') }],
  'usb-readonly': [{ ...usb, serials: bridge('RO-USB'), flags: 'ro' }],
  'usb-blank': [{ ...usb, serials: bridge('BLANKDISK'), flags: 'ro', sizeMib: 32 }],
  'scsi-hd': [
    {
      transport: 'scsi',
      model: 'Samsung SSD 860',
      serials: unit('S3Z8NB0K123456'),
      wwns: ['naa.5002538e40a1b2c3'],
    },
  ],
  'scsi-hd-device-id': [
    { ...scsi, vendor: 'SEAGATE', model: 'ST4000NM0035', serials: unit('ZA1234AB') },
  ],
  'scsi-hd-noserial': [{ ...scsi, serials: [] }],
  'scsi-same-serial-2': [
    { ...scsi, serials: unit('SAMESERIAL1'), flags: 'ro' },
    { ...scsi, serials: unit('SAMESERIAL1'), flags: 'ro', sizeMib: 64 },
  ],
  'same-disk-content-2': [
    { ...scsi, serials: unit('CLONE-A'), flags: 'ro' },
    { ...scsi, serials: unit('CLONE-B'), flags: 'ro' },
  ],
  'scsi-4kn': [{ ...scsi, serials: unit('4KN-SCSI'), sectors: '4096/4096' }],
  'scsi-512e': [{ ...scsi, serials: unit('512E-SCSI'), sectors: '512/4096' }],
  'scsi-readonly': [{ ...scsi, serials: unit('RO-SCSI'), flags: 'ro' }],
  'scsi-odd-serial': [
    {
      ...scsi,
      serials: ['scsi-vpd:  AB cd/../é"$(x)  ', 'udev:AB cd/../é"$(x)', 'lsblk:AB cd/../é"$(x)'],
      flags: 'ro',
    },
  ],
  'scsi-cdrom': [
    {
      ...scsi,
      model: 'QEMU CD-ROM',
      serials: ['udev:CD-0001', 'lsblk:CD-0001'],
      sectors: '2048/2048',
      flags: 'rm,ro',
    },
  ],
  'ahci-cold': [
    {
      transport: 'sata',
      model: 'WDC WD40EFRX-68N32N0',
      serials: [
        'ata-identify:WD-WCC4N1234567     ',
        'udev:WD-WCC4N1234567',
        'lsblk:WD-WCC4N1234567',
      ],
      wwns: ['naa.50014ee2b1234567'],
    },
  ],
  nvme: [
    {
      ...nvme,
      serials: namespace('S4EWNX0R123456X'),
      wwns: ['nvme.1b36-533445574e58305231323334353658-51454d55204e564d65204374726c-00000001'],
    },
  ],
  'nvme-4kn': [
    {
      ...nvme,
      serials: namespace('4KN-NVME'),
      wwns: ['nvme.1b36-344b4e2d4e564d45-51454d55204e564d65204374726c-00000001'],
      sectors: '4096/4096',
    },
  ],
  'virtio-blk': [{ ...virtio, serials: virtual('VIRT-SERIAL-0001') }],
  'virtio-blk-noserial': [{ ...virtio, serials: [] }],
  'virtio-4kn': [{ ...virtio, serials: virtual('4KN-VIRTIO'), sectors: '4096/4096' }],
  'virtio-readonly': [{ ...virtio, serials: virtual('RO-VIRTIO'), flags: 'ro' }],
};

const MIB = 1024 * 1024;

const lsblkSchema = z.object({
  blockdevices: z.array(
    z.object({
      name: z.string(),
      serial: z.string().nullable(),
      model: z.string().nullable(),
      rm: z.boolean(),
    }),
  ),
});

/** What the station concludes from one disk of a recording. */
async function conclude(name: string, disk: SysfsDisk): Promise<Expected> {
  const udev = await udevOf(name, disk.name);
  const transport = transportOf(disk.name, disk.devpath);
  const blockDevice = await listedBy(name, disk.name);
  const identity = identityOf({ sysfs: disk, transport, udev, enumerated: { blockDevice } });
  const flags = [disk.removable ? 'rm' : '', disk.readOnly ? 'ro' : ''].filter((flag) => flag);
  return {
    serials: identity.serials.map(({ source, raw }) => `${source}:${raw}`),
    transport,
    wwns: identity.wwns,
    sectors: `${disk.logicalSectorBytes}/${disk.physicalSectorBytes}`,
    sizeMib: disk.sizeBytes / MIB,
    flags: flags.join(),
    ...(identity.vendor === undefined ? {} : { vendor: identity.vendor }),
    ...(identity.model === undefined ? {} : { model: identity.model }),
  };
}

async function udevOf(name: string, disk: string): Promise<UdevProperties> {
  const records = parseUdevDatabase(await readRecording(name, 'udev-db.txt'));
  return records.find(({ devpath }) => devpath.endsWith(`/${disk}`))?.properties ?? new Map();
}

async function listedBy(name: string, disk: string) {
  const text = await readRecording(name, 'lsblk-JO.json');
  const listed = lsblkSchema.parse(JSON.parse(text)).blockdevices.find((d) => d.name === disk);
  return {
    name: disk,
    type: 'disk',
    serial: listed?.serial ?? undefined,
    model: listed?.model ?? undefined,
    protocol: undefined,
    removable: listed?.rm ?? false,
  };
}

async function disksOf(name: string): Promise<SysfsDisk[]> {
  await using machine = await RecordedMachine.create();
  await machine.playBack(name);
  const disks = await readDisks(machine.sysRoot, new Map());
  return disks.sort((a, b) => (a.name < b.name ? -1 : 1));
}

describe('what recorded disks are taken for', () => {
  it.each(Object.entries(CASES))('%s', async (name, expected) => {
    const concluded = await Promise.all((await disksOf(name)).map((disk) => conclude(name, disk)));
    const plain = { wwns: [], sectors: '512/512', sizeMib: 256, flags: '' };
    expect(concluded).toEqual(expected.map((disk) => ({ ...plain, ...disk })));
  });

  it('covers every recorded case', async () => {
    const entries = await readdir(recordingOf('.', ''), { withFileTypes: true });
    const cases = entries.filter((entry) => entry.isDirectory() && entry.name !== 'faults');
    expect(Object.keys(CASES).sort()).toEqual(cases.map((entry) => entry.name).sort());
  });

  it('names a port as udev does, so that bays keep their names without it', async () => {
    for (const name of Object.keys(CASES)) {
      for (const disk of await disksOf(name)) {
        const told = (await udevOf(name, disk.name)).get('ID_PATH');
        // The recording has no `port_no`; on a running machine it is read beside the host.
        const known = disk.devpath.includes('/ata3/') ? { ataPort: 1 } : {};
        expect(portPath({ ...disk, ...known }), name).toBe(told);
      }
    }
  });

  it('names a port the same after a replug, although the kernel counts its hosts up', () => {
    const at = (host: number) =>
      `/devices/pci0000:00/0000:00:07.0/usb2/2-1/2-1:1.0/host${host}/target${host}:0:0/${host}:0:0:0/block/sda`;
    expect(portPath({ devpath: at(9) })).toBe(portPath({ devpath: at(3) }));
    expect(portPath({ devpath: at(3) })).toBe('pci-0000:00:07.0-usb-0:1:1.0-scsi-0:0:0:0');
  });

  it('reads a description once an attachment and the size each time', async () => {
    await using machine = await RecordedMachine.create();
    await machine.playBack('scsi-hd');
    const [before] = await readDisks(machine.sysRoot, new Map());
    if (before === undefined) throw new Error('the recorded disk is missing');
    await machine.write(`sys${before.devpath}/device/model`, 'another\n');
    await machine.write(`sys${before.devpath}/size`, '0\n');
    const [after] = await readDisks(machine.sysRoot, new Map([[attachmentOf('sda', 18), before]]));
    expect(after).toEqual({ ...before, sizeBytes: 0 });
  });
});
