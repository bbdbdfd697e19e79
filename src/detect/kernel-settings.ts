import { open, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Setting, SettingValue } from '../domain/admission.ts';
import { errnoOf, messageOf } from '../errors.ts';
import { namesIn, readAttribute, readNumber } from './attribute.ts';

/**
 * Settings that the kernel keeps for a disk. They are its own memory: to read or write them asks no disk
 * anything and waits for none.
 */

/** The time-out of one command, in milliseconds; `undefined` where the disk has none that can be set. */
export async function commandTimeout(
  devicePath: string,
  sysRoot: string,
): Promise<number | undefined> {
  const seconds = await readNumber(timeoutFile(devicePath, sysRoot));
  return seconds === undefined ? undefined : seconds * 1000;
}

/** Sets it, and says what came of it. It goes with the disk. */
export async function setCommandTimeout(
  devicePath: string,
  { beforeMs, wantedMs }: { readonly beforeMs: number; readonly wantedMs: number },
  sysRoot: string,
): Promise<Setting> {
  const name = 'command-timeout';
  const problem = await write(timeoutFile(devicePath, sysRoot), String(wantedMs / 1000));
  const now = (await commandTimeout(devicePath, sysRoot)) ?? 'unknown';
  if (problem !== undefined) return { name, now, outcome: 'failed', why: problem };
  return { name, now, outcome: 'set', before: beforeMs };
}

function timeoutFile(devicePath: string, sysRoot: string): string {
  return join(sysRoot, 'block', basename(devicePath), 'device/timeout');
}

/** The SCSI host that a disk hangs on, as the kernel numbers them: the controller, or one port of it. */
export interface ScsiHost {
  /** `host3`. */
  readonly name: string;
  /** The kernel's names of all disks on it. */
  readonly disks: readonly string[];
}

export async function scsiHostOf(
  devicePath: string,
  sysRoot: string,
): Promise<ScsiHost | undefined> {
  const hostIn = async (name: string) => {
    const place = await realpath(join(sysRoot, 'block', name)).catch(() => '');
    return /\/(host\d+)\//u.exec(place)?.[1];
  };
  const name = await hostIn(basename(devicePath));
  if (name === undefined) return undefined;
  const disks: string[] = [];
  for (const other of await namesIn(join(sysRoot, 'block'))) {
    if ((await hostIn(other)) === name) disks.push(other);
  }
  return { name, disks };
}

/** How long the errors of a host are handled before it is reset; `unknown` where there is no such limit. */
export async function ehDeadline(host: string, sysRoot: string): Promise<SettingValue> {
  const text = (await readAttribute(deadlineFile(host, sysRoot)))?.trim();
  if (text === 'off') return 'off';
  return text !== undefined && /^\d+$/u.test(text) ? Number(text) * 1000 : 'unknown';
}

/** Why it could not be set; `undefined` when it is. */
export async function setEhDeadline(
  host: string,
  value: number | 'off',
  sysRoot: string,
): Promise<string | undefined> {
  const text = value === 'off' ? value : String(Math.round(value / 1000));
  return await write(deadlineFile(host, sysRoot), text);
}

function deadlineFile(host: string, sysRoot: string): string {
  return join(sysRoot, 'class/scsi_host', host, 'eh_deadline');
}

/** The answer for a host that cannot be reset as a whole: AHCI and USB are of that kind. */
export const NO_SUCH_LIMIT = 'its driver has no such limit';

/** What the kernel means by its refusals (`scsi_sysfs.c`), and the unit by its own. */
const REFUSALS: Readonly<Record<string, string>> = {
  EINVAL: NO_SUCH_LIMIT,
  EBUSY: 'it handles errors at this moment',
  EACCES: 'the service may not write it; is the port in /etc/drive-station/ingest-bays?',
  EPERM: 'the service may not write it',
  EROFS: 'the service may not write to sysfs',
  ENOENT: 'the kernel has no such setting',
};

/** An attribute that is not there is not made. */
async function write(file: string, text: string): Promise<string | undefined> {
  try {
    await using handle = await open(file, 'r+');
    await handle.write(text);
    return undefined;
  } catch (error) {
    return REFUSALS[errnoOf(error) ?? ''] ?? messageOf(error);
  }
}
