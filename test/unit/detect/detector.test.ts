import { describe, expect, it, onTestFinished } from 'vitest';
import { Detector, type DetectorOptions } from '../../../src/detect/detector.ts';
import { RecordedMachine } from './recorded-machine.ts';

const PORT = '/devices/pci0000:00/0000:00:07.0/usb2/2-1/2-1:1.0/host3/target3:0:0/3:0:0:0/block';

/** A detector on a machine of files: periodic, without tools, scanning only when a test says so. */
async function detectorOn(machine: RecordedMachine, options: Partial<DetectorOptions> = {}) {
  const clock = { ms: 0 };
  const messages: string[] = [];
  const note = (_: object, message: string) => messages.push(message);
  const detector = await Detector.create(
    {
      stateDirectory: '/state',
      settleMs: 0,
      scanIntervalMs: 60_000,
      safetyScanIntervalMs: 60_000,
      bays: {},
      sysRoot: machine.sysRoot,
      procRoot: machine.procRoot,
      ...options,
    },
    { logger: { debug: note, info: note, warn: note, error: note }, now: () => clock.ms },
  );
  onTestFinished(() => detector.close());
  return { detector, clock, messages };
}

async function machineWith(...cases: string[]): Promise<RecordedMachine> {
  const machine = await RecordedMachine.create();
  onTestFinished(() => machine[Symbol.asyncDispose]());
  for (const name of cases) await machine.playBack(name);
  return machine;
}

function keys(detector: Detector): string[] {
  return detector.facts().disks.map((disk) => disk.key);
}

const PORT_PATH = 'pci-0000:00:07.0-usb-0:1:1.0-scsi-0:0:0:0';

describe('the facts about attached disks', () => {
  it('are complete for a disk that is attached when the station starts', async () => {
    const machine = await machineWith('usb-uas');
    const bays = { [PORT_PATH]: 'left dock' };
    const { detector, messages } = await detectorOn(machine, { bays });
    expect(detector.facts()).toEqual({
      known: true,
      disks: [
        {
          key: `${PORT_PATH}#18`,
          devicePath: '/dev/sda',
          deviceNumber: '8:0',
          diskseq: 18,
          physicalPath: PORT_PATH,
          bay: 'left dock',
          sizeBytes: 268_435_456,
          logicalSectorBytes: 512,
          physicalSectorBytes: 512,
          rotational: true,
          kernelReadOnly: false,
          transport: 'usb',
          link: {
            port: 'pci-0000:00:07.0-usb-0:1',
            bridge: { id: '46f4:0003', product: 'USB Attached SCSI HBA', driver: null },
            kernelNames: ['sda', '0000:00:07.0', '2-1', 'host3', '3:0:0:0'],
          },
          identity: {
            serials: [
              { source: 'scsi-vpd', raw: 'NA8XYZ12' },
              { source: 'usb-descriptor', raw: 'MSFT30NA8XYZ12' },
            ],
            wwns: ['naa.5000c500a1b2c3d4'],
            vendor: 'Seagate',
            model: 'Expansion HDD',
          },
          health: { status: 'unknown' },
          ownUses: [],
          writesAtFirstSight: 0,
        },
      ],
    });
    expect(detector.mode).toBe('periodic');
    expect(messages).toContain('udev is not running; disks are scanned for periodically');
  });

  it('wait until a disk has settled, and change at once when it is pulled', async () => {
    const machine = await machineWith('usb-uas');
    const { detector, clock } = await detectorOn(machine, { settleMs: 3000 });
    expect(detector.facts()).toEqual({ known: true, disks: [] });
    clock.ms = 3000;
    await detector.rescan();
    expect(keys(detector)).toEqual([`${PORT_PATH}#18`]);
    await machine.remove('sys/block/sda');
    await detector.rescan();
    expect(detector.facts()).toEqual({ known: true, disks: [] });
  });

  it('stay as they were while a scan fails, and say that they are unknown', async () => {
    const machine = await machineWith('usb-uas');
    const { detector } = await detectorOn(machine);
    const before = detector.facts().disks;
    await machine.remove('proc/self/mountinfo');
    await detector.rescan();
    expect(detector.facts()).toMatchObject({ known: false, disks: before });
    await machine.mounts('');
    await machine.remove('sys/block');
    await detector.rescan();
    expect(detector.facts()).toMatchObject({ known: false, disks: before });
  });

  it('tell a replugged disk by a new key, under the same name', async () => {
    const machine = await machineWith('usb-uas');
    const { detector } = await detectorOn(machine);
    await machine.write(`sys${PORT}/sda/diskseq`, '19\n');
    await detector.rescan();
    expect(keys(detector)).toEqual([`${PORT_PATH}#19`]);
  });

  it('keep the key of a disk that another name is given to', async () => {
    const machine = await machineWith('usb-uas');
    const { detector } = await detectorOn(machine);
    const before = detector.facts().disks[0];
    await machine.remove('sys/block/sda');
    await machine.disk(`${PORT}/sdq`, { dev: '65:0', diskseq: '18', size: '524288' });
    await detector.rescan();
    const after = detector.facts().disks[0];
    expect([after?.key, after?.devicePath]).toEqual([before?.key, '/dev/sdq']);
  });

  it('drop a disk whose size the kernel has set to nothing', async () => {
    const machine = await machineWith('usb-uas');
    const { detector } = await detectorOn(machine);
    await machine.write(`sys${PORT}/sda/size`, '0\n');
    await detector.rescan();
    expect(keys(detector)).toEqual([]);
  });

  it('drop a disk that the kernel has taken offline', async () => {
    const machine = await machineWith('usb-uas');
    const { detector } = await detectorOn(machine);
    await machine.write(`sys${PORT}/sda/device/state`, 'offline\n');
    await detector.rescan();
    expect(keys(detector)).toEqual([]);
  });

  it('name a card reader without a card and an optical drive, as no candidates', async () => {
    const machine = await machineWith('scsi-cdrom');
    await machine.disk(`${PORT}/sdc`, { dev: '8:32', diskseq: '4', size: '0', removable: '1' });
    const { detector } = await detectorOn(machine);
    const excluded = detector.facts().disks.map((disk) => [disk.devicePath, disk.exclusion]);
    expect(excluded.sort()).toEqual([
      ['/dev/sdc', 'no-medium'],
      ['/dev/sr0', 'optical'],
    ]);
  });

  it('leave out what is no disk', async () => {
    const machine = await machineWith();
    const virtual = { diskseq: '3', size: '2048' };
    for (const [i, name] of ['zram0', 'ram0', 'dm-0', 'md127', 'nbd0', 'fd0', 'loop0'].entries()) {
      await machine.disk(`/devices/virtual/block/${name}`, { ...virtual, dev: `240:${i}` });
    }
    await machine.disk('/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0c0n1', {
      ...virtual,
      dev: '259:5',
      hidden: '1',
    });
    const { detector } = await detectorOn(machine);
    expect(detector.facts()).toEqual({ known: true, disks: [] });
  });

  it('take a loop device for a disk only directly in the directory and with an identity', async () => {
    const machine = await machineWith();
    const images = `${machine.procRoot}/images`;
    const attach = async (name: string, minor: number, image: string) => {
      const place = `/devices/virtual/block/${name}`;
      await machine.disk(place, {
        dev: `7:${minor}`,
        diskseq: `${40 + minor}`,
        size: '2048',
        'loop/backing_file': image,
      });
    };
    await machine.write('proc/images/good.disk.yaml', 'serial: "  ab 12"\nbay: bay 4\n');
    await machine.write('proc/images/bad.disk.yaml', 'serial: 12\n');
    await attach('loop0', 0, `${images}/good.img`);
    await attach('loop1', 1, `${images}/bad.img`);
    await attach('loop2', 2, `${images}/none.img`);
    await attach('loop3', 3, `${images}-of-others/good.img`);
    await machine.write('proc/images/rehearsal/disks/good.disk.yaml', 'serial: AB12\n');
    await attach('loop4', 4, `${images}/rehearsal/disks/good.img`);
    const { detector, messages } = await detectorOn(machine, { loopbackDirectory: images });
    const seen = detector.facts().disks.map((disk) => [disk.key, disk.exclusion, disk.bay]);
    expect(seen).toEqual([
      ['loop-loop0#40', undefined, 'bay 4'],
      ['loop-loop1#41', 'loopback-not-configured', 'loop-loop1'],
      ['loop-loop2#42', 'loopback-not-configured', 'loop-loop2'],
    ]);
    expect(detector.facts().disks[0]?.identity.serials).toEqual([
      { source: 'identity-file', raw: '  ab 12' },
    ]);
    await detector.rescan();
    const complaints = messages.filter((words) => words.includes('no usable identity file'));
    expect(complaints).toHaveLength(2);
  });

  it('are the loop devices of the directory alone, when nothing else is to be looked at', async () => {
    const machine = await machineWith('usb-uas', 'nvme', 'virtio-blk');
    const images = `${machine.procRoot}/images`;
    await machine.write('proc/images/good.disk.yaml', 'serial: AB12\n');
    await machine.disk('/devices/virtual/block/loop0', {
      ...{ dev: '7:0', diskseq: '40', size: '2048' },
      'loop/backing_file': `${images}/good.img`,
    });
    const only = { loopbackDirectory: images, loopbackOnly: true };
    const { detector } = await detectorOn(machine, only);
    expect(detector.facts().disks.map((disk) => disk.key)).toEqual(['loop-loop0#40']);
  });

  it("mark the station's own disk at once when something on it is mounted", async () => {
    const machine = await machineWith('usb-uas');
    const { detector } = await detectorOn(machine);
    expect(detector.facts().disks[0]?.ownUses).toEqual([]);
    await machine.mounts('90 1 8:0 / /media/x rw - vfat /dev/sda rw\n');
    await detector.rescan();
    const use = { kind: 'mounted', device: '/dev/sda', mountpoint: '/media/x' };
    expect(detector.facts().disks[0]?.ownUses).toEqual([use]);
  });

  it('reach a listener when they change, and only then', async () => {
    const machine = await machineWith();
    const { detector } = await detectorOn(machine);
    let changes = 0;
    const stop = detector.onChange(() => {
      changes += 1;
    });
    await detector.rescan();
    expect(changes).toBe(0);
    await machine.playBack('usb-uas');
    await detector.rescan();
    expect(changes).toBe(1);
    stop();
    await machine.remove('sys/block/sda');
    await detector.rescan();
    expect(changes).toBe(1);
  });

  it('come from one scan at a time, however many ask', async () => {
    const machine = await machineWith('usb-uas', 'nvme', 'virtio-blk');
    const { detector } = await detectorOn(machine);
    const facts = detector.facts();
    await Promise.all(Array.from({ length: 50 }, () => detector.rescan()));
    expect(detector.facts()).toBe(facts);
    expect(facts.disks).toHaveLength(3);
  });

  it('cost little: twenty disks are scanned in a small part of a second', async () => {
    const machine = await machineWith();
    for (let i = 0; i < 20; i++) {
      const name = `sd${String.fromCharCode(97 + i)}`;
      await machine.disk(`${PORT}/${name}`, { dev: `8:${i * 16}`, diskseq: `${i + 1}`, size: '8' });
    }
    const { detector } = await detectorOn(machine);
    await detector.rescan();
    const before = process.cpuUsage();
    for (let i = 0; i < 10; i++) await detector.rescan();
    const { user, system } = process.cpuUsage(before);
    expect(detector.facts().disks).toHaveLength(20);
    // Measured: about 6 ms of CPU a scan, so one scan a second costs less than 1 % of a core.
    expect((user + system) / 1000 / 10).toBeLessThan(100);
  });
});
