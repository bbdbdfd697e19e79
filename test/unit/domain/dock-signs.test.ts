import { describe, expect, it } from 'vitest';
import { kernelSignOf, signInWords } from '../../../src/domain/dock-signs.ts';
import { readRecording } from '../detect/recorded-machine.ts';

/** The lines are those of real kernels: reports on GitHub that are named, else our own recordings. */

describe('a line of the kernel is a sign', () => {
  it.each([
    // raspberrypi/linux#3404, #5060, MichaIng/DietPi#4499
    ['controller', 'xhci_hcd 0000:01:00.0: xHCI host controller not responding, assume dead'],
    ['controller', 'xhci_hcd 0000:01:00.0: HC died; cleaning up'],
    ['abort', 'sd 1:0:0:0: [sda] tag#0 uas_eh_abort_handler 0 uas-tag 9 inflight: CMD OUT '],
    ['reset', 'usb 2-2: reset SuperSpeed Gen 1 USB device number 3 using xhci_hcd'],
    ['link', 'usb 2-2: device firmware changed'],
    ['offlined', 'sd 1:0:0:0: Device offlined - not ready after error recovery'],
    // bensuperpc/rtl9210#62, RMerl/asuswrt-merlin.ng#379, raspberrypi/linux#703
    ['reset', 'usb 1-1.4: reset high-speed USB device number 3 using xhci_hcd'],
    ['reset', 'usb 2-2: reset SuperSpeed USB device number 2 using xhci-hcd'],
    ['link', 'usb 1-1.4: device descriptor read/64, error -110'],
    ['link', 'usb 1-1.4: Device not responding to setup address.'],
    ['link', 'usb 1-1.4: device not accepting address 3, error -71'],
    // linux-sunxi/linux-sunxi#24, 1000001101000/Debian_on_Buffalo#203, adelolmo/hd-idle#78
    ['reset', 'ata1.00: exception Emask 0x10 SAct 0x1 SErr 0x200100 action 0x6 frozen'],
    ['link', 'ata1: SError: { UnrecovData BadCRC }'],
    ['link', 'ata1: SError: { 10B8B Dispar }'],
    ['link', 'ata2: SError: { PHYRdyChg CommWake LinkSeq }'],
    ['medium', 'ata3.00: error: { UNC }'],
    ['medium', 'critical medium error, dev sdb, sector 8 op 0x0:(READ) flags 0x0 phys_seg 1'],
    ['medium', 'sd 3:0:0:0: [sda] tag#0 Sense Key : Medium Error [current] '],
    ['medium', 'sd 3:0:0:0: [sda] tag#0 Add. Sense: Unrecovered read error'],
    ['medium', 'nvme0n1: I/O Cmd(0x2) @ LBA 16384, 8 blocks, I/O Error (sct 0x2 / sc 0x81) '],
  ])('of %s: %s', (kind, line) => {
    expect(kernelSignOf(line)).toBe(kind);
  });

  it.each([
    'usb 2-1: USB disconnect, device number 2',
    'usb 2-1: new SuperSpeed USB device number 3 using xhci_hcd',
    'sd 3:0:0:0: Power-on or device reset occurred',
    'sd 0:0:0:0: [sda] tag#2 uas_zap_pending 0 uas-tag 3 inflight: CMD ',
    'sd 3:0:0:0: rejecting I/O to offline device',
    'I/O error, dev sda, sector 16384 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2',
    'ata1: exception Emask 0x10 SAct 0x0 SErr 0x4050002 action 0xe frozen',
    'ata1: SError: { RecovComm PHYRdyChg CommWake DevExch }',
    'ata1: SATA link down (SStatus 1 SControl 310)',
  ])('or none, as a plug or a pull has them too: %s', (line) => {
    expect(kernelSignOf(line)).toBeUndefined();
  });
});

describe('what was recorded', () => {
  const signsIn = async (...[name, file]: [string, string]) => {
    const lines = (await readRecording(name, file)).split('\n');
    const words = lines.map((line) => line.replace(/^\[[\s\d.]+\]\s*/u, ''));
    return [...new Set(words.flatMap((line) => kernelSignOf(line) ?? []))].sort();
  };

  it.each(['usb-storage', 'usb-uas', 'usb-4kn', 'scsi-hd', 'nvme'])(
    'of a plug and a pull of %s has no sign',
    async (name) => {
      expect(await signsIn(name, 'dmesg.txt')).toEqual([]);
      expect(await signsIn(name, 'dmesg-remove.txt')).toEqual([]);
    },
  );

  it.each([
    ['yank-usb.txt', []],
    ['yank-scsi.txt', []],
    ['yank-nvme.txt', []],
    ['eio-usb-errno61.txt', ['medium']],
    ['eio-nvme-errno5.txt', ['medium']],
    ['hang-usb.txt', []],
    ['timeouts.txt', ['offlined']],
  ])('of faults, %s has these and no others', async (file, kinds) => {
    expect(await signsIn('faults', file)).toEqual(kinds);
  });
});

it('signs are counted in words', () => {
  expect(signInWords('reset', 1)).toBe('1 reset');
  expect(signInWords('offlined', 2)).toBe('2 disks given up by the kernel');
});
