import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BridgeId } from '../domain/disk.ts';
import type { ResetOutcome } from '../domain/hang-ladder.ts';
import { speaksBulkOnly } from '../domain/usb-descriptors.ts';
import { QUIRKS_PARAMETER_MAX, withoutUas } from '../domain/usb-quirks.ts';
import { messageOf } from '../errors.ts';
import { linkTarget, namesIn, readAttribute, readBinary } from './attribute.ts';
import type { AskedDisk } from './kernel-answer.ts';
import { connectAgain, REPLUG, type Replugging, replugUsb, runReplug } from './usb-reset.ts';

/** Nothing is disconnected when the kernel does not take the quirk. */
const REBIND = `printf "%s\\n" "$2" >"$3" || exit
${REPLUG}`;

type BridgedDisk = AskedDisk & { readonly bridge: BridgeId };

interface Rebind {
  /** The directory of the USB device. */
  readonly device: string;
  readonly file: string;
  readonly before: string;
  readonly quirks: string;
}

/**
 * Binds USB disks to `usb-storage`, one after the other: the kernel keeps the quirks of all bridges in one
 * parameter, which is read, changed and written, and put back when it did not help.
 */
export class UsbRebinding {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Binds the USB device of a disk to `usb-storage` instead of `uas`: the kernel is told to keep `uas` away
   * from this model, and the device is disconnected and connected again, which makes it look for a driver
   * anew. Under the conditions of `resetUsb`, and only where the device speaks both protocols. When
   * `usb-storage` does not take it all the same, everything is put back. The kernel forgets it at the next
   * boot.
   */
  rebind(disk: BridgedDisk, how: Replugging, signal: AbortSignal): Promise<ResetOutcome> {
    const rebound = this.#last.then(() => rebindUsb(disk, how, signal));
    this.#last = rebound.catch(() => undefined);
    return rebound;
  }
}

async function rebindUsb(
  { bridge, ...disk }: BridgedDisk,
  { onLeaving, sysRoot = '/sys' }: Replugging,
  signal: AbortSignal,
): Promise<ResetOutcome> {
  let rebind: Rebind | undefined;
  const prepare = async (device: string) => {
    const plan = await planned({ device, bridge, sysRoot });
    if (typeof plan === 'string') return plan;
    rebind = plan;
    return { script: REBIND, args: [plan.quirks, plan.file] };
  };
  const outcome = await replugUsb(disk, { onLeaving, sysRoot, prepare }, signal);
  if (rebind === undefined) return outcome;
  if (outcome.kind !== 'done') {
    await writeFile(rebind.file, rebind.before).catch(() => undefined);
    return outcome;
  }
  // A driver takes its device before "authorized" has been written; only the disk comes later.
  if ((await driversOf(rebind.device)).includes('usb-storage')) return outcome;
  return await putBack(rebind, signal);
}

async function planned(at: {
  readonly device: string;
  readonly bridge: BridgeId;
  readonly sysRoot: string;
}): Promise<Rebind | string> {
  const { device } = at;
  if (!(await driversOf(device)).includes('uas')) return 'it is not driven by uas';
  const descriptors = await readBinary(join(device, 'descriptors'));
  if (descriptors === undefined || !speaksBulkOnly(descriptors)) {
    return 'it speaks no other protocol than UAS';
  }
  const file = join(at.sysRoot, 'module/usb_storage/parameters/quirks');
  const before = await readAttribute(file);
  if (before === undefined) return 'the kernel has no quirks of usb-storage';
  const quirks = withoutUas(before, at.bridge);
  if (quirks.length > QUIRKS_PARAMETER_MAX) return 'the kernel keeps no more quirks of usb-storage';
  return { device, file, before, quirks };
}

async function putBack(rebind: Rebind, signal: AbortSignal): Promise<ResetOutcome> {
  const { device, before, file } = rebind;
  const words = 'usb-storage did not take it';
  try {
    await runReplug([REBIND, 'replug', device, before.trim(), file], signal);
    return { kind: 'failed', words: `${words}; it has its driver back` };
  } catch (error) {
    connectAgain(device, error);
    return { kind: 'failed', words: `${words}: ${messageOf(error)}` };
  }
}

/** Drivers of the interfaces of a USB device. */
async function driversOf(device: string): Promise<string[]> {
  const own = `${basename(device)}:`;
  const interfaces = (await namesIn(device)).filter((name) => name.startsWith(own));
  const links = await Promise.all(
    interfaces.map((name) => linkTarget(join(device, name, 'driver'))),
  );
  return links.flatMap((link) => (link === undefined ? [] : [basename(link)]));
}
