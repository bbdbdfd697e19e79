/**
 * What is set before a drive is copied, so that a bad place costs seconds and no minutes: how long the
 * drive itself, and the kernel for it, may try. Pure: what is to be set, and what is said of it.
 */

export type SettingName = 'error-recovery' | 'command-timeout' | 'eh-deadline' | 'standby-timer';

/** Milliseconds; `off`: there is no limit; `unknown`: nobody says. */
export type SettingValue = number | 'off' | 'unknown';

export type Setting = { readonly name: SettingName; readonly now: SettingValue } & (
  | { readonly outcome: 'set'; readonly before: SettingValue }
  /** It is as it should be, or it is not for us to change. */
  | { readonly outcome: 'kept'; readonly why: string }
  | { readonly outcome: 'failed'; readonly why: string }
);

/** What was found and set when a drive was admitted. */
export type Admission =
  | { readonly kind: 'none'; readonly why: string }
  | { readonly kind: 'settings'; readonly settings: readonly Setting[] };

export interface AdmissionRules {
  /** How long a drive may try to read a bad place, in milliseconds; 0: it and the kernel's time stay. */
  readonly errorRecoveryMs: number;
  /** For how long the kernel waits for a drive that does not limit itself, in milliseconds. */
  readonly commandTimeoutMs: number;
  /** How long the kernel may handle the errors of one host in small steps; 0: it stays as it is. */
  readonly ehDeadlineMs: number;
  /** Whether the drive's own standby timer is switched off. */
  readonly keepAwake: boolean;
}

/** Desktop drives are known to try for two minutes; this is more. */
const LONG_RECOVERY_MS = 150_000;

/**
 * The time of the kernel for a drive that does not limit itself: so that its answer, or its reset of the
 * drive, still comes before the disk is given up.
 */
export function commandTimeoutUnder({ readHangMs }: { readonly readHangMs: number }): number {
  return Math.min(LONG_RECOVERY_MS, Math.floor((readHangMs * 5) / 8));
}

/** The kernel's time has to be longer than the drive's by the way there and back, and some queueing. */
const COMMAND_MARGIN_MS = 10_000;

/** What the drive is told; `undefined` when it limits itself already as it should. */
export function wantedRecovery(
  now: SettingValue,
  { errorRecoveryMs }: AdmissionRules,
): number | undefined {
  if (errorRecoveryMs === 0) return undefined;
  return typeof now === 'number' && now <= errorRecoveryMs ? undefined : errorRecoveryMs;
}

/** What decides over the kernel's time for one command. */
export interface RecoveryFacts {
  /** How long the drive tries, as it says after all was set. */
  readonly recovery: SettingValue;
  /** Platters and an ATA drive's manners, in which a bad place can take two minutes. */
  readonly triesLong: boolean;
}

/**
 * How long the kernel has to wait for a command: longer than the drive tries, or it resets the drive in
 * the middle of that, again and again. `undefined` when it waits so long already.
 */
export function wantedCommandTimeout(
  nowMs: number,
  { recovery, triesLong }: RecoveryFacts,
  { errorRecoveryMs, commandTimeoutMs }: AdmissionRules,
): number | undefined {
  if (errorRecoveryMs === 0) return undefined;
  const needsMs = neededTimeout(recovery, triesLong, commandTimeoutMs);
  return needsMs <= nowMs ? undefined : Math.ceil(needsMs / 1000) * 1000;
}

function neededTimeout(recovery: SettingValue, triesLong: boolean, longMs: number): number {
  if (typeof recovery === 'number') return recovery + COMMAND_MARGIN_MS;
  return triesLong ? longMs : 0;
}

/** The admission with this setting in the place of what it said of the same before. */
export function withSetting(admission: Admission, setting: Setting): Admission {
  const before = admission.kind === 'none' ? [] : admission.settings;
  return {
    kind: 'settings',
    settings: [...before.filter(({ name }) => name !== setting.name), setting],
  };
}

const LABELS: Readonly<Record<SettingName, string>> = {
  'error-recovery': 'Error recovery of the drive',
  'command-timeout': 'Time-out of the kernel',
  'eh-deadline': 'Error handling of the host',
  'standby-timer': 'Standby timer',
};

/** One line for each setting, for the technician. */
export function admissionInWords(admission: Admission): string[] {
  if (admission.kind === 'none') return [admission.why];
  return admission.settings.map(settingInWords);
}

/** `Error recovery of the drive: 7 s (was without limit)`. */
function settingInWords(setting: Setting): string {
  const { name, now } = setting;
  const label = LABELS[name];
  const value = valueInWords(name, now);
  switch (setting.outcome) {
    case 'set': {
      const before =
        setting.before === 'unknown' ? '' : ` (was ${valueInWords(name, setting.before)})`;
      return `${label}: ${value}${before}`;
    }
    case 'kept':
      return `${label}: ${value}, left as it is: ${setting.why}`;
    case 'failed':
      return `${label}: ${value}, could not be set: ${setting.why}`;
  }
}

function valueInWords(name: SettingName, value: SettingValue): string {
  if (typeof value === 'number') return `${value / 1000} s`;
  if (value === 'unknown') return 'unknown';
  return name === 'standby-timer' ? 'off' : 'without limit';
}
