import { readFile, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { KernelAnswer } from '../domain/hang-ladder.ts';
import { kernelSpeaksOf } from '../domain/kernel-words.ts';
import { KERNEL_MESSAGES_MAX, SCSI_TRIES } from '../limits.ts';
import { readAttribute, readNumber } from './attribute.ts';
import { errorCountsOf } from './error-counts.ts';
import { runTool } from './tool.ts';
import { usbAbove } from './usb-place.ts';

export interface AskedDisk {
  readonly devicePath: string;
  readonly diskseq: number;
}

export interface KernelSources {
  /** Where sysfs is mounted; `/sys` when left out. */
  readonly sysRoot?: string;
  /** What the kernel has said, as `dmesg` prints it; rejects where that may not be read. */
  readonly messages?: (withinMs: number, signal: AbortSignal) => Promise<string>;
}

/**
 * What the kernel knows of a disk that does not answer. It is asked for its own memory, never for the
 * disk, so none of this waits; its log is read by a child with a deadline, where it may be read at all.
 */
export async function askKernel(
  { devicePath, diskseq, waitedMs }: AskedDisk & { readonly waitedMs: number },
  signal: AbortSignal,
  { sysRoot = '/sys', messages = kernelLog }: KernelSources = {},
): Promise<KernelAnswer> {
  const name = basename(devicePath);
  const block = join(sysRoot, 'block', name);
  const [found, state, requestsInFlight, limitMs, counts] = await Promise.all([
    readNumber(join(block, 'diskseq')),
    readAttribute(join(block, 'device/state')),
    inFlight(block),
    limitOf(block),
    errorCountsOf(name, sysRoot),
  ]);
  const said = await messages(waitedMs, signal).catch(() => '');
  const attachment = found === undefined ? 'none' : found === diskseq ? 'same' : 'another';
  return {
    ...{ attachment, requestsInFlight, limitMs, ...counts },
    state: state?.trim() ?? null,
    messages: messagesAbout(said, [name, ...(await addressesOf(block))]),
  };
}

/** Lines about a disk, by its name or an address of it, without their times; the last ones. */
export function messagesAbout(log: string, names: readonly string[]): string[] {
  const lines = log.split('\n').map((line) => line.replace(/^\[[\s\d.]+\]\s*/u, '').trim());
  return lines
    .filter((line) => line !== '' && kernelSpeaksOf(line, names))
    .slice(-KERNEL_MESSAGES_MAX);
}

/** Reads and writes that were given to the driver and not answered. */
async function inFlight(block: string): Promise<number | null> {
  const fields = (await readAttribute(join(block, 'inflight')))?.trim().split(/\s+/u);
  const sum = fields?.reduce((total, field) => total + Number(field), 0);
  return sum === undefined || Number.isNaN(sum) ? null : sum;
}

/** SCSI tries a command several times for so many seconds each; NVMe gives its time in milliseconds. */
async function limitOf(block: string): Promise<number | null> {
  const seconds = await readNumber(join(block, 'device/timeout'));
  if (seconds !== undefined) return seconds * 1000 * SCSI_TRIES;
  return (await readNumber(join(block, 'queue/io_timeout'))) ?? null;
}

/** Other names under which the kernel speaks of the disk: its SCSI address and its USB port. */
async function addressesOf(block: string): Promise<string[]> {
  const place = await realpath(join(block, 'device')).catch(() => '');
  const scsi = basename(place);
  const usb = usbAbove(place);
  const ofUsb = usb === undefined ? [] : [basename(usb.device)];
  return [...(/^\d+:\d+:\d+:\d+$/u.test(scsi) ? [scsi] : []), ...ofUsb];
}

/**
 * `dmesg` asks the system call where the unit closes `/dev/kmsg` (its `DevicePolicy`), which a reader of
 * the device, as `copy/kernel-log.ts` is one, cannot.
 */
async function kernelLog(withinMs: number, signal: AbortSignal): Promise<string> {
  const upSeconds = Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]);
  const log = await runTool({ command: 'dmesg', args: ['--color=never'] }, signal);
  const isLate = (line: string) => {
    const at = /^\[\s*([\d.]+)\]/u.exec(line)?.[1];
    return at !== undefined && Number(at) >= upSeconds - withinMs / 1000;
  };
  return log.split('\n').filter(isLate).join('\n');
}
