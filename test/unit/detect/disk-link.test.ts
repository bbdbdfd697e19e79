import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linkOf } from '../../../src/detect/disk-link.ts';
import { portPath } from '../../../src/detect/port-path.ts';
import { readDisks } from '../../../src/detect/sysfs.ts';
import { RecordedMachine } from './recorded-machine.ts';

let machine: RecordedMachine;
beforeEach(async () => {
  machine = await RecordedMachine.create();
});
afterEach(() => machine[Symbol.asyncDispose]());

async function links() {
  const disks = await readDisks(machine.sysRoot, new Map());
  return disks.map((disk) => linkOf(disk, portPath(disk)));
}

describe('what a disk hangs on', () => {
  it('is the port and the bridge of a USB disk, whatever the unit behind it', async () => {
    await machine.playBack('usb-uas');
    expect(await links()).toEqual([
      {
        port: 'pci-0000:00:07.0-usb-0:1',
        bridge: { id: '46f4:0003', product: 'USB Attached SCSI HBA', driver: null },
        kernelNames: ['sda', '0000:00:07.0', '2-1', 'host3', '3:0:0:0'],
      },
    ]);
  });

  it('has the driver that the kernel chose', async () => {
    await machine.playBack('usb-storage');
    const face = 'sys/devices/pci0000:00/0000:00:07.0/usb2/2-1/2-1:1.0';
    await machine.linkTo(`${face}/driver`, '../../../../../../../bus/usb/drivers/usb-storage');
    expect(await links()).toMatchObject([{ bridge: { driver: 'usb-storage' } }]);
  });

  it.each([
    ['ahci-cold', 'pci-0000:00:09.0-ata-3.0', ['ata', '.00', 'host']],
    ['nvme', 'pci-0000:00:0', ['nvme0', '0000:00:0']],
    ['scsi-hd', 'pci-0000:00:08.0-scsi-0:0:0:0', ['host', ':0:0:0']],
  ])('is the port itself for %s', async (name, port, names) => {
    await machine.playBack(name);
    const [link] = await links();
    expect(link?.port).toContain(port);
    expect(link?.bridge).toBeUndefined();
    for (const part of names) {
      expect(link?.kernelNames.some((spoken) => spoken.includes(part))).toBe(true);
    }
  });

  it('is nothing for a loop device', async () => {
    await machine.disk('/devices/virtual/block/loop3', {
      ...{ dev: '7:3', diskseq: '4', size: '8', 'loop/backing_file': '/tmp/a.img' },
    });
    expect(await links()).toEqual([undefined]);
  });
});
