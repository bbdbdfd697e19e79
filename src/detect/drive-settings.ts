import { z } from 'zod';
import {
  type AdmissionRules,
  type Setting,
  type SettingValue,
  wantedRecovery,
} from '../domain/admission.ts';
import { messageOf, StationError } from '../errors.ts';
import { runTool } from './tool.ts';

/**
 * What an ATA drive is told before its copy, by `smartctl`: how long it may try to read a bad place (SCT
 * error recovery control) and that it is not to fall asleep (standby timer). Only what is gone when the
 * drive is without power: never the forms of these commands that a drive keeps (`scterc,…,p`), and no APM
 * level, EPC timer or idle timer of a vendor, which drives and bridges do keep.
 */

export interface AskedDrive {
  readonly devicePath: string;
  /** The program, by its path. */
  readonly smartctl: string;
  /** A drive that sleeps spins up before it answers. */
  readonly deadlineMs: number;
  readonly onAbandoned?: (group: number) => void;
}

/** smartctl's exit status is a set of bits; these two say that the drive was not reached. */
const NOT_REACHED = 0b11;
/** A command to the drive failed. */
const COMMAND_FAILED = 0b100;

const answerSchema = z.object({
  smartctl: z.object({
    exit_status: z.int(),
    messages: z.array(z.object({ string: z.string() })).default([]),
  }),
  device: z.object({ protocol: z.string() }).optional(),
  ata_sct_erc: z
    .object({ read: z.object({ enabled: z.boolean(), deciseconds: z.int().optional() }) })
    .optional(),
});
type Answer = z.output<typeof answerSchema>;

export interface RecoveryAnswer {
  readonly setting: Setting;
  /** `ATA`, `SCSI`, `NVMe`; `undefined` when the drive was not reached. */
  readonly protocol: string | undefined;
}

const NAME = 'error-recovery';

/**
 * Limits how long the drive tries to read a bad place, and reads the limit back. Whatever does not work is
 * in the answer. Throws `tool-timed-out` for a drive that hangs, which must not be asked again, and
 * `cancelled`.
 */
export async function limitRecovery(
  drive: AskedDrive,
  rules: AdmissionRules,
  signal: AbortSignal,
): Promise<RecoveryAnswer> {
  const found = await ask(drive, ['-l', 'scterc'], signal);
  const { protocol } = found.device ?? {};
  const now = recoveryOf(found);
  const left = reasonToLeave(found, now);
  if (left !== undefined) {
    return { setting: { name: NAME, now, outcome: 'kept', why: left }, protocol };
  }
  const wantedMs = wantedRecovery(now, rules);
  if (wantedMs === undefined) {
    const why = rules.errorRecoveryMs === 0 ? 'so configured' : 'the drive limits itself';
    return { setting: { name: NAME, now, outcome: 'kept', why }, protocol };
  }
  // Both limits alike is the form that drives are known to take; nothing is ever written.
  const time = Math.round(wantedMs / 100);
  const after = await ask(drive, ['-l', `scterc,${time},${time}`], signal);
  const read = recoveryOf(after);
  const isSet = typeof read === 'number' && (after.smartctl.exit_status & COMMAND_FAILED) === 0;
  const setting: Setting = isSet
    ? { name: NAME, now: read, outcome: 'set', before: now }
    : { name: NAME, now, outcome: 'failed', why: `the drive refused ${wantedMs / 1000} s` };
  return { setting, protocol };
}

/** Switches the standby timer off; no command reads it back. Throws as `limitRecovery` does. */
export async function stopStandbyTimer(drive: AskedDrive, signal: AbortSignal): Promise<Setting> {
  const answer = await ask(drive, ['-s', 'standby,off'], signal);
  const { exit_status: status } = answer.smartctl;
  if ((status & (NOT_REACHED | COMMAND_FAILED)) === 0) {
    return { name: 'standby-timer', now: 'off', outcome: 'set', before: 'unknown' };
  }
  const why = 'the drive refused';
  return { name: 'standby-timer', now: 'unknown', outcome: 'failed', why };
}

function recoveryOf({ ata_sct_erc: limits }: Answer): SettingValue {
  if (limits === undefined) return 'unknown';
  const { enabled, deciseconds } = limits.read;
  if (!enabled) return 'off';
  return deciseconds === undefined ? 'unknown' : deciseconds * 100;
}

function reasonToLeave({ smartctl, device }: Answer, now: SettingValue): string | undefined {
  if ((smartctl.exit_status & NOT_REACHED) !== 0) {
    return smartctl.messages[0]?.string ?? 'the drive was not reached';
  }
  if (device?.protocol !== 'ATA') return `a drive that speaks ${device?.protocol ?? 'unknown'}`;
  return now === 'unknown' ? 'the drive has no SCT error recovery control' : undefined;
}

async function ask(
  { devicePath, smartctl, deadlineMs, onAbandoned }: AskedDrive,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Answer> {
  const text = await runTool(
    {
      ...{ command: smartctl, args: ['-j', ...args, devicePath], deadlineMs },
      env: { LC_ALL: 'C' },
      isAnswer: () => true,
      ...(onAbandoned === undefined ? {} : { onAbandoned }),
    },
    signal,
  );
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch (cause) {
    const detail = `its answer was not understood: ${messageOf(cause)}`;
    const payload = { tool: 'smartctl', exitCode: null, detail };
    throw new StationError('tool-failed', `smartctl failed: ${detail}`, payload, cause);
  }
}
