import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AdmissionRules,
  admissionInWords,
  commandTimeoutUnder,
  type SettingValue,
  wantedCommandTimeout,
  wantedRecovery,
  withSetting,
} from '../../../src/domain/admission.ts';

const RULES: AdmissionRules = {
  errorRecoveryMs: 7000,
  commandTimeoutMs: 150_000,
  ehDeadlineMs: 60_000,
  keepAwake: true,
};
const LEFT: AdmissionRules = { ...RULES, errorRecoveryMs: 0 };

describe('how long a drive may try', () => {
  it.each<[SettingValue, number | undefined]>([
    ['off', 7000],
    ['unknown', 7000],
    [120_000, 7000],
    [7000, undefined],
    [5000, undefined],
  ])('one that tries for %s is told %s', (now, told) => {
    expect(wantedRecovery(now, RULES)).toBe(told);
    expect(wantedRecovery(now, LEFT)).toBeUndefined();
  });
});

describe('how long the kernel waits', () => {
  it.each<[string, number, SettingValue, boolean, number | undefined]>([
    ['a drive that limits itself', 30_000, 7000, true, undefined],
    ['one that needs more than the kernel gives', 30_000, 25_000, true, 35_000],
    ['platters without a limit', 30_000, 'off', true, 150_000],
    ['platters of which nothing is known', 30_000, 'unknown', true, 150_000],
    ['a disk without platters', 30_000, 'unknown', false, undefined],
    ['one that somebody gave more', 180_000, 'off', true, undefined],
  ])('%s', (_, nowMs, recovery, triesLong, wanted) => {
    expect(wantedCommandTimeout(nowMs, { recovery, triesLong }, RULES)).toBe(wanted);
    expect(wantedCommandTimeout(nowMs, { recovery, triesLong }, LEFT)).toBeUndefined();
  });

  it('is whole seconds, never less than before, and more than the drive takes', () => {
    const recovery = fc.oneof(fc.integer({ min: 100, max: 300_000 }), fc.constant('off' as const));
    const nowMs = fc.integer({ min: 1, max: 600 }).map((seconds) => seconds * 1000);
    fc.assert(
      fc.property(nowMs, recovery, fc.boolean(), (now, tries, triesLong) => {
        const wanted = wantedCommandTimeout(now, { recovery: tries, triesLong }, RULES);
        const then = wanted ?? now;
        expect(then % 1000).toBe(0);
        expect(then).toBeGreaterThanOrEqual(now);
        if (tries !== 'off') expect(then).toBeGreaterThan(tries);
      }),
    );
  });

  it('stays below the time after which a disk is reset and given up', () => {
    expect(commandTimeoutUnder({ readHangMs: 240_000 })).toBe(150_000);
    expect(commandTimeoutUnder({ readHangMs: 60_000 })).toBe(37_500);
  });
});

describe('what is said of it', () => {
  it('names what was set, what was before, and what could not be set with its reason', () => {
    const admission = withSetting(
      {
        kind: 'settings',
        settings: [
          { name: 'error-recovery', now: 7000, outcome: 'set', before: 'off' },
          { name: 'command-timeout', now: 30_000, outcome: 'kept', why: 'it is long enough' },
          { name: 'standby-timer', now: 'off', outcome: 'set', before: 'unknown' },
          { name: 'eh-deadline', now: 'off', outcome: 'failed', why: 'old' },
        ],
      },
      { name: 'eh-deadline', now: 60_000, outcome: 'set', before: 'off' },
    );
    expect(admissionInWords(admission)).toEqual([
      'Error recovery of the drive: 7 s (was without limit)',
      'Time-out of the kernel: 30 s, left as it is: it is long enough',
      'Standby timer: off',
      'Error handling of the host: 60 s (was without limit)',
    ]);
  });

  it('is one sentence for a disk that has none', () => {
    const none = { kind: 'none', why: 'An NVMe disk has no such settings.' } as const;
    expect(admissionInWords(none)).toEqual(['An NVMe disk has no such settings.']);
  });
});
