import {
  type Admission,
  type AdmissionRules,
  type Setting,
  type SettingName,
  wantedCommandTimeout,
} from '../domain/admission.ts';
import { bridgeQuirk } from '../domain/bridge-quirks.ts';
import type { AttachedDisk, Transport } from '../domain/disk.ts';
import { isCancelled, isStationError, messageOf } from '../errors.ts';
import { findTool } from './child-script.ts';
import { type AskedDrive, limitRecovery, stopStandbyTimer } from './drive-settings.ts';
import { commandTimeout, setCommandTimeout } from './kernel-settings.ts';

export interface AdmittedDisk
  extends Pick<AttachedDisk, 'devicePath' | 'transport' | 'rotational' | 'health' | 'link'> {}

export interface AdmissionOptions {
  readonly rules: AdmissionRules;
  /** Milliseconds until a drive that does not answer a question is left alone; one that sleeps needs some. */
  readonly deadlineMs: number;
  /** smartctl hangs at the disk; with the id of its process group. */
  readonly onAbandoned?: (group: number) => void;
  /** Where sysfs is mounted; `/sys` when left out. */
  readonly sysRoot?: string;
  /** The path of smartctl; looked for when left out. */
  readonly smartctl?: string;
}

/** Disks that have none of the settings. */
const WITHOUT: Readonly<Partial<Record<Transport, string>>> = {
  nvme: 'An NVMe disk has no such settings.',
  mmc: 'A memory card has no such settings.',
  virtio: 'A virtual disk has no such settings.',
  loop: 'A loop device has no such settings.',
};

/**
 * Sets what makes a bad place cost seconds: of the drive and of the kernel's patience with it. To be called
 * once an attachment, for a drive that will be copied, before the first read of its copy and never during
 * it. What cannot be set is part of the answer and no reason to refuse the drive. Throws `cancelled`.
 */
export async function admitDisk(
  disk: AdmittedDisk,
  options: AdmissionOptions,
  signal: AbortSignal,
): Promise<Admission> {
  const without = WITHOUT[disk.transport];
  if (without !== undefined) return { kind: 'none', why: without };
  const asked = await askDrive(disk, options, signal);
  const timeout = await waitLongEnough(disk, asked, options);
  return { kind: 'settings', settings: [asked.recovery, ...timeout, asked.standby] };
}

interface AskedSettings {
  readonly recovery: Setting;
  readonly standby: Setting;
  readonly protocol: string | undefined;
}

/** What the drive itself is asked and told. One that hangs is not asked again. */
async function askDrive(
  disk: AdmittedDisk,
  options: AdmissionOptions,
  signal: AbortSignal,
): Promise<AskedSettings> {
  const { rules, deadlineMs, onAbandoned } = options;
  const smartctl = options.smartctl ?? (await findTool('smartctl'));
  const why = reasonNotToAsk(disk, smartctl, options.rules);
  if (why !== undefined || smartctl === undefined) return notAsked(why ?? '');
  const { devicePath } = disk;
  const hang = onAbandoned === undefined ? {} : { onAbandoned };
  const drive: AskedDrive = { devicePath, smartctl, deadlineMs, ...hang };
  let known: Partial<AskedSettings> = {};
  try {
    const { setting: recovery, protocol } = await limitRecovery(drive, rules, signal);
    known = { recovery, protocol };
    const standby = await keepAwake(disk, { drive, protocol, rules }, signal);
    return { recovery, protocol, standby };
  } catch (error) {
    if (isCancelled(error)) throw error;
    return { ...notAsked(problemOf(error)), ...known };
  }
}

function reasonNotToAsk(
  { link, transport, health }: AdmittedDisk,
  smartctl: string | undefined,
  rules: AdmissionRules,
): string | undefined {
  if (rules.errorRecoveryMs === 0 && !rules.keepAwake) return 'so configured';
  if (smartctl === undefined) return 'smartmontools is not installed';
  if (transport !== 'usb') return undefined;
  const quirk = bridgeQuirk(link);
  if (quirk !== undefined) return quirk;
  // A bridge that has just passed one question on will pass the next one on.
  return health.status === 'unknown' ? 'its bridge gave no answer about the drive' : undefined;
}

async function keepAwake(
  { rotational }: AdmittedDisk,
  {
    drive,
    protocol,
    rules,
  }: { drive: AskedDrive; protocol: string | undefined; rules: AdmissionRules },
  signal: AbortSignal,
): Promise<Setting> {
  if (!rules.keepAwake) return kept('standby-timer', 'so configured');
  if (protocol !== 'ATA') return kept('standby-timer', 'only an ATA drive has a volatile one');
  if (!rotational) return kept('standby-timer', 'nothing turns in it');
  return await stopStandbyTimer(drive, signal);
}

/** The time-out of the kernel above what the drive takes; none where the kernel has none. */
async function waitLongEnough(
  { devicePath, transport, rotational }: AdmittedDisk,
  { recovery, protocol }: AskedSettings,
  { rules, sysRoot = '/sys' }: AdmissionOptions,
): Promise<Setting[]> {
  const beforeMs = await commandTimeout(devicePath, sysRoot);
  if (beforeMs === undefined) return [];
  const isAta = protocol === 'ATA' || (protocol === undefined && isUsuallyAta(transport));
  const facts = { recovery: recovery.now, triesLong: rotational && isAta };
  const wantedMs = wantedCommandTimeout(beforeMs, facts, rules);
  if (wantedMs === undefined) {
    const why = rules.errorRecoveryMs === 0 ? 'so configured' : 'it is long enough';
    return [{ name: 'command-timeout', now: beforeMs, outcome: 'kept', why }];
  }
  return [await setCommandTimeout(devicePath, { beforeMs, wantedMs }, sysRoot)];
}

function isUsuallyAta(transport: Transport): boolean {
  return transport === 'usb' || transport === 'sata';
}

function notAsked(why: string): AskedSettings {
  const recovery = kept('error-recovery', why);
  return { recovery, standby: kept('standby-timer', why), protocol: undefined };
}

function kept(name: SettingName, why: string): Setting {
  return { name, now: 'unknown', outcome: 'kept', why };
}

function problemOf(error: unknown): string {
  if (!isStationError(error, 'tool-timed-out')) return messageOf(error);
  return `the drive did not answer within ${Math.round(error.payload.deadlineMs / 1000)} s`;
}
