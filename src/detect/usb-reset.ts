import { spawn } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ResetOutcome } from '../domain/hang-ladder.ts';
import { isStationError, messageOf } from '../errors.ts';
import { USB_REPLUG_DEADLINE_MS } from '../limits.ts';
import { namesIn, readNumber } from './attribute.ts';
import type { AskedDisk } from './kernel-answer.ts';
import { runTool } from './tool.ts';
import { usbAbove } from './usb-place.ts';

/**
 * A moment without the device, as between a pull and a replug. A bridge that has just hung may fail to
 * take its configuration ("can't set config", errors -32, -71, -110), and some take it when they are asked
 * once more. The kernel does not ask again by itself, and counts the device as connected.
 */
export const REPLUG = `replug() { printf 0 >"$1/authorized" || exit; sleep 1; printf 1 >"$1/authorized"; }
replug "$1" || { sleep 1; replug "$1"; }`;

/**
 * The one reset that is safe for a customer's disk and certain to meet no other: its USB device is
 * disconnected and connected again in software, which the kernel takes for a replug. SCSI, SATA, SAS and
 * NVMe disks are reset by the kernel itself while it waits, so nothing is added to that.
 */
export async function resetUsb(
  disk: AskedDisk,
  { onLeaving, sysRoot = '/sys' }: Replugging,
  signal: AbortSignal,
): Promise<ResetOutcome> {
  const prepare = async () => ({ script: REPLUG });
  return await replugUsb(disk, { onLeaving, sysRoot, prepare }, signal);
}

export interface Replugging {
  /**
   * Called when the disk is about to be taken away, and not before; what it gives is called when the
   * disk was not taken away after all.
   */
  onLeaving(): () => void;
  /** Where sysfs is mounted; `/sys` when left out. */
  readonly sysRoot?: string | undefined;
}

export interface Replug extends Replugging {
  readonly sysRoot: string;
  /** What is to be run for this USB device, or in words why nothing is. */
  prepare(device: string): Promise<ReplugScript | string>;
}

/** For `sh`: the directory of the USB device is `$1`, and the arguments begin with `$2`. */
export interface ReplugScript {
  readonly script: string;
  readonly args?: readonly string[];
}

/** Replugs the USB device of a disk, when it is there still and carries no other disk. */
export async function replugUsb(
  { devicePath, diskseq }: AskedDisk,
  { sysRoot, onLeaving, prepare }: Replug,
  signal: AbortSignal,
): Promise<ResetOutcome> {
  const name = basename(devicePath);
  if (name.startsWith('loop')) return skipped('a loop device has none');
  const device = await usbDeviceOf(name, sysRoot);
  if (device === undefined) return skipped('the kernel resets this bus by itself');
  const others = await neighboursOf(name, device, sysRoot);
  if (others.length > 0) return skipped(`${others.join(', ')} would be reset with it`);
  const prepared = await prepare(device);
  if (typeof prepared === 'string') return skipped(prepared);
  const isThere = async () =>
    (await readNumber(join(sysRoot, 'block', name, 'diskseq'))) === diskseq;
  if (!(await isThere())) return skipped('the disk is not there any more');
  const { script, args = [] } = prepared;
  const stays = onLeaving();
  try {
    await runReplug([script, 'replug', device, ...args], signal);
    return { kind: 'done' };
  } catch (error) {
    connectAgain(device, error);
    const words = messageOf(error);
    // What was given up may take it away yet.
    if (!isStationError(error, 'tool-failed')) return { kind: 'failed', words };
    if (!(await isThere())) return { kind: 'failed', words: `it did not come back: ${words}` };
    stays();
    return { kind: 'failed', words };
  }
}

/** For `sh -c`. Throws as `runTool` does. */
export async function runReplug(args: readonly string[], signal: AbortSignal): Promise<void> {
  const deadlineMs = USB_REPLUG_DEADLINE_MS;
  await runTool({ command: 'sh', args: ['-c', ...args], deadlineMs }, signal);
}

/**
 * The device of a replug that was ended in the middle is not to stay away. Nobody waits for this, and it
 * outlives the daemon: behind a device that hangs the kernel may take long.
 */
export function connectAgain(device: string, error: unknown): void {
  if (isStationError(error, 'tool-failed')) return;
  const args = ['-c', 'printf 1 >"$1/authorized"', 'replug', device];
  const child = spawn('sh', args, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}

const skipped = (words: string): ResetOutcome => ({ kind: 'skipped', words });

/** The directory of the USB device that a disk hangs on: `…/2-1`, above its interface `2-1:1.0`. */
async function usbDeviceOf(name: string, sysRoot: string): Promise<string | undefined> {
  const place = await realpath(join(sysRoot, 'block', name)).catch(() => '');
  return usbAbove(place)?.device;
}

/** Other disks on that device, or on a device behind it. */
async function neighboursOf(name: string, device: string, sysRoot: string): Promise<string[]> {
  const names = await namesIn(join(sysRoot, 'block'));
  const places = await Promise.all(
    names.map((other) => realpath(join(sysRoot, 'block', other)).catch(() => '')),
  );
  return names.filter((other, at) => other !== name && places[at]?.startsWith(`${device}/`));
}
