import { basename, join } from 'node:path';
import { readAttribute } from './attribute.ts';

/** What SCSI counts of a disk since it was plugged in; `null` where it does not. */
export interface ErrorCounts {
  /** Commands that did not succeed, also those that did when they were tried again. */
  readonly errors: number | null;
  /** Commands that were not answered in time; since Linux 6.1. */
  readonly timeOuts: number | null;
}

/** Asks the kernel's memory, never the disk. */
export async function errorCountsOf(devicePath: string, sysRoot = '/sys'): Promise<ErrorCounts> {
  const device = join(sysRoot, 'block', basename(devicePath), 'device');
  const [errors, timeOuts] = await Promise.all([
    countOf(join(device, 'ioerr_cnt')),
    countOf(join(device, 'iotmo_cnt')),
  ]);
  return { errors, timeOuts };
}

/** SCSI counts in hexadecimal. */
async function countOf(file: string): Promise<number | null> {
  const text = (await readAttribute(file))?.trim();
  return text !== undefined && /^0x[\da-f]+$/iu.test(text) ? Number(text) : null;
}
