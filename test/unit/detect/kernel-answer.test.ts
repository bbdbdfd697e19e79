import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askKernel, messagesAbout } from '../../../src/detect/kernel-answer.ts';
import { resetUsb } from '../../../src/detect/usb-reset.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../../support/ledger.ts';

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
afterEach(() => scratch[Symbol.asyncDispose]());

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
    expect(await resetUsb(SDB, signal, scratch.path)).toEqual({ kind: 'done' });
  });

  it('is not done where another disk hangs on the device', async () => {
    await plugged('sdb', PLACE, 21);
    await plugged('sdc', PLACE.replaceAll('0:0:0', '0:0:1'), 22);
    expect(await resetUsb(SDB, signal, scratch.path)).toEqual({
      kind: 'skipped',
      words: 'sdc would be reset with it',
    });
  });

  it('is not done to a disk that came later, to a loop device, or on another bus', async () => {
    await plugged('sdb', PLACE, 22);
    await plugged('sdd', 'devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0', 3);
    const kinds = [
      await resetUsb(SDB, signal, scratch.path),
      await resetUsb({ devicePath: '/dev/loop7', diskseq: 1 }, signal, scratch.path),
      await resetUsb({ devicePath: '/dev/sdd', diskseq: 3 }, signal, scratch.path),
    ];
    expect(kinds.map(({ kind }) => kind)).toEqual(['skipped', 'skipped', 'skipped']);
  });

  it('says when it could not be done', async () => {
    await plugged('sdb', PLACE, 21);
    await mkdir(join(scratch.path, USB, 'authorized'));
    const outcome = await resetUsb(SDB, signal, scratch.path);
    expect(outcome.kind).toBe('failed');
    expect(outcome).toHaveProperty('words', expect.stringContaining('authorized'));
  });
});
