import { expect, it } from 'vitest';
import { kernelSpeaksOf } from '../../../src/domain/kernel-words.ts';

const NAMES = ['sdb', '3:0:0:0', '2-1'];

it.each([
  'critical medium error, dev sdb, sector 8 op 0x0:(READ)',
  'sdb: detected capacity change from 8 to 0',
  'sd 3:0:0:0: rejecting I/O to offline device',
  'sd 4:0:0:0: [sdb] tag#7 timing out command, waited 180s',
  'usb 2-1: reset SuperSpeed USB device number 3 using xhci_hcd',
])('a line that names the disk is about it: %s', (line) => {
  expect(kernelSpeaksOf(line, NAMES)).toBe(true);
});

it.each([
  'I/O error, dev sdbx, sector 8',
  'I/O error, dev sdb1, sector 8',
  'sd 3:0:0:1: [sdc] Attached SCSI disk',
  'usb 2-1.4: USB disconnect, device number 7',
])('a line that names another one is not: %s', (line) => {
  expect(kernelSpeaksOf(line, NAMES)).toBe(false);
});
