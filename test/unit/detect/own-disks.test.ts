import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BlockNode,
  parseMountinfo,
  parseSwaps,
  readUsage,
  type UsageInput,
} from '../../../src/detect/mounts.ts';
import { ownUses } from '../../../src/detect/own-disks.ts';
import { RecordedMachine } from './recorded-machine.ts';

/** A disk with numbered partitions: `sda` has 8:0, `sda1` 8:1 and so on. */
function disk(name: string, major: number, partitions: number): BlockNode[] {
  const parts = Array.from({ length: partitions }, (_, i) => ({
    name: `${name}${i + 1}`,
    deviceNumber: `${major}:${i + 1}`,
    parent: name,
    slaves: [],
  }));
  return [{ name, deviceNumber: `${major}:0`, slaves: [] }, ...parts];
}

function stacked(name: string, deviceNumber: string, slaves: string[], mapperName?: string) {
  return { name, deviceNumber, slaves, ...(mapperName === undefined ? {} : { mapperName }) };
}

function own(input: Partial<UsageInput>): Record<string, string[]> {
  const nothing = { nodes: [], mounts: [], swaps: [], mountedDevices: [] };
  const uses = ownUses({ ...nothing, stateDirectory: '/var/lib/drive-station', ...input });
  const inUse = [...uses].filter(([, list]) => list.length > 0);
  return Object.fromEntries(
    inUse.map(([name, list]) => [name, list.map((use) => `${use.kind} ${use.device}`)]),
  );
}

const customer = disk('sdz', 65, 2);
const pseudo = '23 27 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n';

describe("the station's own disks", () => {
  it('a partition that is the root', () => {
    const mounts = parseMountinfo(`${pseudo}27 1 8:2 / / rw,relatime - ext4 /dev/sda2 rw\n`);
    expect(own({ nodes: [...disk('sda', 8, 3), ...customer], mounts })).toEqual({
      sda: ['mounted /dev/sda2', 'state-directory /dev/sda2'],
    });
  });

  it('a root on LVM over LUKS over a RAID of two disks', () => {
    const nodes = [
      ...disk('sda', 8, 1),
      ...disk('sdb', 9, 1),
      ...customer,
      stacked('md0', '10:0', ['sda1', 'sdb1']),
      stacked('dm-0', '253:0', ['md0'], 'luks-root'),
      stacked('dm-1', '253:1', ['dm-0'], 'vg0-root'),
    ];
    const mounts = parseMountinfo(
      '29 1 253:1 / / rw,relatime shared:1 - ext4 /dev/mapper/vg0-root rw,errors=remount-ro\n',
    );
    const answer = own({ nodes, mounts });
    expect(Object.keys(answer).sort()).toEqual(['dm-0', 'dm-1', 'md0', 'sda', 'sdb']);
    expect(answer.sdb).toContain('mounted /dev/mapper/vg0-root');
    expect(answer.sdb).toContain('holder /dev/sdb1');
  });

  it('a btrfs, whose mounts have no device number of their own', () => {
    const mounts = parseMountinfo(
      '31 1 0:28 /@home /home rw,relatime shared:3 - btrfs /dev/sda3 rw,subvol=/@home\n',
    );
    const nodes = [...disk('sda', 8, 3), ...disk('sdb', 9, 1), ...customer];
    // The second member of the pool is in no mount table; sysfs names it.
    expect(own({ nodes, mounts, mountedDevices: ['sda3', 'sdb1'] })).toEqual({
      sda: ['mounted /dev/sda3'],
      sdb: ['mounted /dev/sdb1'],
    });
  });

  it('swap on a partition and on a mapped device', () => {
    const swaps = parseSwaps(
      'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda5                               partition\t999420\t\t0\t\t-2\n/dev/dm-0 partition\t1\t0\t-3\n',
    );
    const nodes = [
      ...disk('sda', 8, 5),
      ...disk('sdb', 9, 0),
      stacked('dm-0', '253:0', ['sdb']),
      ...customer,
    ];
    expect(own({ nodes, swaps })).toEqual({
      sda: ['swap /dev/sda5'],
      sdb: ['holder /dev/sdb', 'swap /dev/dm-0'],
      'dm-0': ['swap /dev/dm-0'],
    });
  });

  it('the disk of the state directory, found through the deepest mount', () => {
    const mounts = parseMountinfo(
      [
        '27 1 8:1 / / rw - ext4 /dev/sda1 rw',
        '40 27 9:1 / /var/lib rw - xfs /dev/sdb1 rw',
        '41 27 65:1 / /var/libz rw - xfs /dev/sdz1 rw',
      ].join('\n'),
    );
    const nodes = [...disk('sda', 8, 1), ...disk('sdb', 9, 1), ...customer];
    const answer = own({ nodes, mounts });
    expect(answer.sdb).toEqual(['mounted /dev/sdb1', 'state-directory /dev/sdb1']);
    expect(answer.sda).toEqual(['mounted /dev/sda1']);
  });

  it('any mount at all, on a partition, a whole disk or a loop device', () => {
    const mounts = parseMountinfo(
      [
        '50 27 65:2 / /media/with\\040blank rw - exfat /dev/sdz2 rw',
        '51 27 7:3 / /mnt/loop ro - squashfs /dev/loop3 ro',
      ].join('\n'),
    );
    const nodes = [...customer, { name: 'loop3', deviceNumber: '7:3', slaves: [] }];
    const uses = ownUses({
      nodes,
      mounts,
      swaps: [],
      mountedDevices: [],
      stateDirectory: '/state',
    });
    expect(uses.get('sdz')).toEqual([
      { kind: 'mounted', device: '/dev/sdz2', mountpoint: '/media/with blank' },
    ]);
    expect(uses.get('loop3')).toEqual([
      { kind: 'mounted', device: '/dev/loop3', mountpoint: '/mnt/loop' },
    ]);
  });

  it('a disk below a loop device, which the kernel lists as no holder', () => {
    const loop = { name: 'loop0', deviceNumber: '7:0', slaves: [], backingFile: '/dev/sdz' };
    expect(own({ nodes: [...customer, loop] })).toEqual({ sdz: ['holder /dev/sdz'] });
  });

  it('the recorded guest, whose root disk no mount table shows', async () => {
    await using machine = await RecordedMachine.create();
    await machine.playBack('virtio-blk');
    const vda = '/devices/pci0000:00/0000:00:04.0/virtio0/block/vda';
    await machine.disk(vda, { dev: '254:0', size: '3145728', diskseq: '1' });
    await machine.write('sys/fs/ext4/vda/lifetime_write_kbytes', '0\n');
    await machine.mounts(
      `${pseudo}26 1 0:24 / / rw,relatime shared:1 - overlay o rw,lowerdir=/ro,upperdir=/rw/up,workdir=/rw/wk\n`,
    );
    const usage = await readUsage({ ...roots(machine), stateDirectory: '/var/lib/drive-station' });
    expect(own(usage)).toEqual({ vda: ['mounted /dev/vda'] });
  });

  it('what another mount namespace has mounted, when it can be seen', async () => {
    await using machine = await RecordedMachine.create();
    await machine.playBack('usb-storage');
    await machine.write('proc/1/mountinfo', '90 1 8:0 / /media/x rw - vfat /dev/sda rw\n');
    const usage = await readUsage({ ...roots(machine), stateDirectory: '/state' });
    expect(own(usage)).toEqual({ sda: ['mounted /dev/sda'] });
  });

  it('is never fewer when something more is mounted', () => {
    const nodes = [
      ...disk('sda', 8, 2),
      ...disk('sdb', 9, 2),
      stacked('dm-0', '253:0', ['sda2', 'sdb1'], 'pool'),
    ];
    const anyMount = fc.record({
      deviceNumber: fc.constantFrom('8:0', '8:1', '8:2', '9:1', '9:2', '253:0', '0:40'),
      mountpoint: fc.constantFrom('/', '/a', '/a/b'),
      source: fc.constantFrom('/dev/sda1', '/dev/mapper/pool', 'tmpfs'),
    });
    fc.assert(
      fc.property(fc.array(anyMount), anyMount, (mounts, more) => {
        const few = Object.keys(own({ nodes, mounts }));
        const many = Object.keys(own({ nodes, mounts: [...mounts, more] }));
        expect(many).toEqual(expect.arrayContaining(few));
      }),
    );
  });
});

describe('the mount table', () => {
  it('survives any text, and keeps what was escaped in a mount point', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    fc.assert(fc.property(fc.string(), (noise) => void parseMountinfo(noise)));
    fc.assert(
      fc.property(text, (name) => {
        const line = `1 2 8:1 / /m/${escaped(name)} rw shared:1 master:2 - ext4 /dev/sda1 rw\n`;
        expect(parseMountinfo(line)).toEqual([
          { deviceNumber: '8:1', mountpoint: `/m/${name}`, source: '/dev/sda1' },
        ]);
      }),
    );
  });
});

function escaped(name: string): string {
  return name.replace(/[ \t\n\\]/gu, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

function roots({ sysRoot, procRoot }: RecordedMachine) {
  return { sysRoot, procRoot };
}
