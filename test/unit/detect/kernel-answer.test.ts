import { renameSync, symlinkSync, watch } from 'node:fs';
import { chmod, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askKernel, messagesAbout } from '../../../src/detect/kernel-answer.ts';
import { UsbRebinding } from '../../../src/detect/usb-rebind.ts';
import { resetUsb } from '../../../src/detect/usb-reset.ts';
import type { BridgeId } from '../../../src/domain/disk.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/ledger.ts';
import { descriptorsOf } from '../../support/usb.ts';

/** A sysfs as the kernel lays it out, in a directory. */

let scratch: TemporaryDirectory;
const signal = new AbortController().signal;
const SDB = { devicePath: '/dev/sdb', diskseq: 21 };
const HUNG = { ...SDB, waitedMs: 20_000 };
const USB = 'devices/pci0000:00/0000:00:14.0/usb2/2-1';
const PLACE = `${USB}/2-1:1.0/host3/target3:0:0/3:0:0:0`;

beforeEach(async () => {
  scratch = await temporaryDirectory();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await scratch[Symbol.asyncDispose]();
});

/** Our sysfs; what of a disk is told goes into the list. */
function machine(told: string[] = [], name = 'sdb') {
  const onLeaving = () => {
    told.push(`${name} leaves`);
    return () => void told.push(`${name} stays`);
  };
  return { onLeaving, sysRoot: scratch.path };
}

async function put(path: string, text: string): Promise<void> {
  const file = join(scratch.path, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${text}\n`);
}

/** A SCSI disk on USB, with its links. */
async function plugged(name: string, place: string, diskseq: number): Promise<void> {
  const block = `${place}/block/${name}`;
  await put(`${block}/diskseq`, String(diskseq));
  await put(`${block}/inflight`, '       1        0');
  for (const [file, text] of Object.entries({
    state: 'blocked',
    timeout: '30',
    ioerr_cnt: '0x2',
    iotmo_cnt: '0x11',
  })) {
    await put(`${place}/${file}`, text);
  }
  await symlink(join(scratch.path, place), join(scratch.path, block, 'device'));
  await mkdir(join(scratch.path, 'block'), { recursive: true });
  await symlink(join(scratch.path, block), join(scratch.path, 'block', name));
}

const LOG = `[  100.1] sd 3:0:0:0: [sdb] Attached SCSI disk
[  161.2] sd 4:0:0:0: [sdc] tag#1 timing out command, waited 180s
[  200.2] usb 2-1: reset SuperSpeed USB device number 3 using xhci_hcd
[  200.9] I/O error, dev sdbx, sector 8
[  201.0] blk_update_request: I/O error, dev sdb, sector 812334080 op 0x0:(READ)
[  201.3] sd 3:0:0:0: [sdb] tag#7 timing out command, waited 180s`;

describe('what the kernel knows of a disk that hangs', () => {
  it('is read from its own memory and its log', async () => {
    await plugged('sdb', PLACE, 21);
    const messages = async () => LOG;
    expect(await askKernel(HUNG, signal, { sysRoot: scratch.path, messages })).toEqual({
      attachment: 'same',
      state: 'blocked',
      requestsInFlight: 1,
      limitMs: 180_000,
      errors: 2,
      timeOuts: 17,
      messages: [
        'usb 2-1: reset SuperSpeed USB device number 3 using xhci_hcd',
        'blk_update_request: I/O error, dev sdb, sector 812334080 op 0x0:(READ)',
        'sd 3:0:0:0: [sdb] tag#7 timing out command, waited 180s',
      ],
    });
  });

  it('is that another disk is there, or none; its log may be closed to us', async () => {
    const messages = async () => {
      throw new Error('read kernel buffer failed: Operation not permitted');
    };
    const sources = { sysRoot: scratch.path, messages };
    expect(await askKernel(HUNG, signal, sources)).toMatchObject({
      attachment: 'none',
      limitMs: null,
      messages: [],
    });
    await plugged('sdb', PLACE, 22);
    expect(await askKernel(HUNG, signal, sources)).toMatchObject({ attachment: 'another' });
  });

  it('is asked of this machine too, without a word about a disk that there is not', async () => {
    const found = await askKernel({ ...HUNG, devicePath: '/dev/no-such-disk' }, signal);
    expect(found).toMatchObject({ attachment: 'none', state: null, messages: [] });
  });

  it('leaves out what is said of others', () => {
    expect(messagesAbout(LOG, ['sdc'])).toEqual([
      'sd 4:0:0:0: [sdc] tag#1 timing out command, waited 180s',
    ]);
    expect(messagesAbout(LOG, ['sda'])).toEqual([]);
  });
});

describe('the reset of a USB disk', () => {
  it('disconnects and connects its device', async () => {
    await plugged('sdb', PLACE, 21);
    await put(`${USB}/authorized`, '1');
    expect(await resetUsb(SDB, machine(), signal)).toEqual({ kind: 'done' });
  });

  it('is not done where another disk hangs on the device, and no disk is said to leave', async () => {
    await plugged('sdb', PLACE, 21);
    await plugged('sdc', PLACE.replaceAll('0:0:0', '0:0:1'), 22);
    const told: string[] = [];
    expect(await resetUsb(SDB, machine(told), signal)).toEqual({
      kind: 'skipped',
      words: 'sdc would be reset with it',
    });
    expect(told).toEqual([]);
  });

  it('is not done to a disk that came later, to a loop device, or on another bus', async () => {
    await plugged('sdb', PLACE, 22);
    await plugged('sdd', 'devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0', 3);
    const kinds = [
      await resetUsb(SDB, machine(), signal),
      await resetUsb({ devicePath: '/dev/loop7', diskseq: 1 }, machine(), signal),
      await resetUsb({ devicePath: '/dev/sdd', diskseq: 3 }, machine(), signal),
    ];
    expect(kinds.map(({ kind }) => kind)).toEqual(['skipped', 'skipped', 'skipped']);
  });

  it('leaves no device away when it is ended in the middle', async () => {
    await plugged('sdb', PLACE, 21);
    await put(`${USB}/authorized`, '1');
    const authorized = () => readFile(join(scratch.path, USB, 'authorized'), 'utf8');
    const closing = new AbortController();
    const reset = resetUsb(SDB, machine(), closing.signal);
    await expect.poll(authorized, { interval: 20 }).toBe('0');
    closing.abort();
    expect((await reset).kind).toBe('failed');
    await expect.poll(authorized, { interval: 20 }).toBe('1');
  });

  describe('whose device does not come back', () => {
    /** Stands for a kernel that cannot configure the device: a write fails at these moments. */
    const refusedAfter = async (...moments: number[]) => {
      await plugged('sdb', PLACE, 21);
      const authorized = join(scratch.path, USB, 'authorized');
      await put('taken', '1');
      await symlink(join(scratch.path, 'taken'), authorized);
      const sleep = `#!/bin/sh
rm -f "${scratch.path}/block/sdb"
echo >>"${scratch.path}/moments"
case $(wc -l <"${scratch.path}/moments") in
  ${moments.join('|')}) ln -sfn /dev/full "${authorized}" ;;
  *) ln -sfn "${scratch.path}/taken" "${authorized}" ;;
esac`;
      await put('bin/sleep', sleep);
      await chmod(join(scratch.path, 'bin/sleep'), 0o755);
      vi.stubEnv('PATH', `${join(scratch.path, 'bin')}:${process.env.PATH}`);
    };
    const moments = async () => (await readFile(join(scratch.path, 'moments'), 'utf8')).length;

    it('is connected once more', async () => {
      await refusedAfter(1);
      const told: string[] = [];
      expect(await resetUsb(SDB, machine(told), signal)).toEqual({ kind: 'done' });
      expect(await readFile(join(scratch.path, 'taken'), 'utf8')).toBe('1');
      expect(await moments()).toBe(3);
      expect(told).toEqual(['sdb leaves']);
    });

    it('has failed when that fails, too', async () => {
      await refusedAfter(1, 3);
      const told: string[] = [];
      const words = expect.stringMatching(/^it did not come back: /u);
      expect(await resetUsb(SDB, machine(told), signal)).toEqual({ kind: 'failed', words });
      expect(await moments()).toBe(3);
      expect(told).toEqual(['sdb leaves']);
    });
  });

  it('says when it could not be done, and that the disk stays', async () => {
    await plugged('sdb', PLACE, 21);
    await mkdir(join(scratch.path, USB, 'authorized'));
    const told: string[] = [];
    const outcome = await resetUsb(SDB, machine(told), signal);
    expect(outcome.kind).toBe('failed');
    expect(told).toEqual(['sdb leaves', 'sdb stays']);
    expect(outcome).toHaveProperty('words', expect.stringContaining('authorized'));
  });
});

describe('the binding of a USB disk to usb-storage', () => {
  const QUIRKS = 'module/usb_storage/parameters/quirks';
  const BOTH = [0x50, 0x62];
  const bridge = '152d:0578' as BridgeId;
  const rebind = async () => await new UsbRebinding().rebind(sdb, machine(), signal);
  const told = async (path: string) => await readFile(join(scratch.path, path), 'utf8');
  const drivenBy = (driver: string, usb = USB) => {
    const link = join(scratch.path, usb, `${basename(usb)}:1.0/driver`);
    symlinkSync(`/sys/bus/usb/drivers/${driver}`, `${link}.new`);
    renameSync(`${link}.new`, link);
  };
  const bound = async (driver: string, parameter = '', protocols = BOTH) => {
    await plugged('sdb', PLACE, 21);
    await on(USB, driver, protocols);
    await put(QUIRKS, parameter);
  };
  const on = async (usb: string, driver: string, protocols = BOTH) => {
    await put(`${usb}/authorized`, '1');
    await writeFile(join(scratch.path, usb, 'descriptors'), descriptorsOf(protocols));
    drivenBy(driver, usb);
  };
  const other = USB.replace(/1$/u, '2');
  const sdb = { ...SDB, bridge };
  const sdc = { devicePath: '/dev/sdc', diskseq: 22, bridge: '0bc2:ab38' as BridgeId };
  /** Two bridges, each with a disk. */
  const twoBound = async () => {
    await bound('uas');
    await plugged('sdc', PLACE.replace(USB, other).replace('2-1:', '2-2:'), 22);
    await on(other, 'uas');
  };
  /** As the kernel: while the device is away, another driver is found, however late we hear of that. */
  const kernelChooses = (driver: string, usb = USB) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const watcher = watch(join(scratch.path, usb, 'authorized'), () => {
      watcher.close();
      drivenBy(driver, usb);
      resolve();
    });
    return promise;
  };

  it('tells the kernel to keep UAS away from the bridge, and replugs it', async () => {
    await bound('uas', '0bc2:ab38:u');
    const [outcome] = await Promise.all([rebind(), kernelChooses('usb-storage')]);
    expect(outcome).toEqual({ kind: 'done' });
    expect(await told(QUIRKS)).toBe('0bc2:ab38:u,152d:0578:u\n');
    expect(await told(`${USB}/authorized`)).toBe('1');
  });

  it('keeps the quirks of both when two are bound at the same moment', async () => {
    await twoBound();
    const rebinding = new UsbRebinding();
    const outcomes = await Promise.all([
      rebinding.rebind(sdb, machine(), signal),
      rebinding.rebind(sdc, machine(), signal),
      ...[kernelChooses('usb-storage'), kernelChooses('usb-storage', other)],
    ]);
    expect(outcomes.slice(0, 2)).toEqual([{ kind: 'done' }, { kind: 'done' }]);
    expect(await told(QUIRKS)).toBe('152d:0578:u,0bc2:ab38:u\n');
  });

  it('says that a disk leaves when its turn has come, and not before', async () => {
    await twoBound();
    const rebinding = new UsbRebinding();
    const told: string[] = [];
    const bind = async (disk: typeof sdc, name: string) => {
      await rebinding.rebind(disk, machine(told, name), signal);
      told.push(`${name} is bound`);
    };
    await Promise.all([
      ...[bind(sdb, 'sdb'), kernelChooses('usb-storage')],
      ...[bind(sdc, 'sdc'), kernelChooses('usb-storage', other)],
    ]);
    expect(told).toEqual(['sdb leaves', 'sdb is bound', 'sdc leaves', 'sdc is bound']);
  });

  it('is taken back when usb-storage does not take the bridge', async () => {
    await bound('uas', '0bc2:ab38:u');
    const outcome = await rebind();
    const words = 'usb-storage did not take it; it has its driver back';
    expect(outcome).toEqual({ kind: 'failed', words });
    expect(await told(QUIRKS)).toBe('0bc2:ab38:u\n');
    expect(await told(`${USB}/authorized`)).toBe('1');
  });

  it.each([
    ['where UAS is not the driver', 'usb-storage', '', BOTH, 'it is not driven by uas'],
    ['to a bridge of UAS alone', 'uas', '', [0x62], 'it speaks no other protocol than UAS'],
    [
      'where the kernel has no room for it',
      ...(['uas', '0bc2:ab38:u,'.repeat(10), BOTH] as const),
      'the kernel keeps no more quirks of usb-storage',
    ],
  ] as const)('is not done %s', async (_, driver, parameter, protocols, words) => {
    await bound(driver, parameter, [...protocols]);
    expect(await rebind()).toEqual({ kind: 'skipped', words });
    expect(await told(QUIRKS)).toBe(`${parameter}\n`);
  });

  it('replugs nothing when the kernel does not take the quirk', async () => {
    await bound('uas');
    await put(`${USB}/authorized`, 'as it was');
    const file = join(scratch.path, QUIRKS);
    // Nobody writes to it, not even root.
    await symlink('/proc/sys/kernel/ostype', `${file}.fixed`);
    await rename(`${file}.fixed`, file);
    expect((await rebind()).kind).toBe('failed');
    expect(await told(`${USB}/authorized`)).toBe('as it was\n');
  });
});
