import { describe, expect, it, vi } from 'vitest';
import { type FromCopy, NOTHING_GIVEN } from '../../../src/copy/messages.ts';
import type { DriveCondition } from '../../../src/domain/condition.ts';
import type { KernelAnswer } from '../../../src/domain/hang-ladder.ts';
import { VitalSigns } from '../../../src/work/vital-signs.ts';
import { eventually } from '../../support/eventually.ts';

const ANSWER: KernelAnswer = {
  attachment: 'same',
  state: 'running',
  requestsInFlight: 1,
  limitMs: 180_000,
  errors: null,
  timeOuts: null,
  messages: [],
};

/** A copy whose process speaks once a second. */
class Patient {
  readonly conditions: DriveCondition[] = [];
  readonly askKernel = vi.fn(async () => ANSWER);
  readonly reset = vi.fn(async () => ({ kind: 'skipped', words: 'none' }) as const);
  readonly signs: VitalSigns;
  #nowMs = 0;
  #given = NOTHING_GIVEN;

  constructor(failedBefore = false) {
    this.signs = new VitalSigns(
      { readHangMs: 240_000, spinUpMs: 60_000, failedBefore },
      {
        askKernel: this.askKernel,
        reset: this.reset,
        now: () => this.#nowMs,
        onCondition: (condition) => this.conditions.push(condition),
      },
    );
  }

  says(message: FromCopy): void {
    this.signs.hear(message);
  }

  /** Reads for so many seconds at this rate, never waiting long. */
  reads(seconds: number, bytesPerSecond: number): void {
    for (let second = 0; second < seconds; second++) this.#second(0, bytesPerSecond);
  }

  hangs(seconds: number): void {
    for (let second = 1; second <= seconds; second++) this.#second(second * 1000, 0);
  }

  #second(waitedMs: number, bytes: number): void {
    this.#nowMs += 1000;
    const { bytes: before, ms } = this.#given;
    if (bytes > 0) this.#given = { ...this.#given, bytes: before + bytes, ms: ms + 1000 };
    const wait = { kind: 'read', offsetBytes: 0, waitedMs } as const;
    this.says({ kind: 'alive', wait, given: this.#given });
  }
}

describe('the vital signs of a copy', () => {
  it('stay well at the pace of a healthy disk, through moments of waiting', () => {
    const patient = new Patient();
    patient.reads(200, 180_000_000);
    patient.hangs(9);
    patient.reads(5, 180_000_000);
    expect(patient.conditions).toEqual([]);
    expect(patient.askKernel).not.toHaveBeenCalled();
  });

  it('a disk that gives little for a minute is slow, and well again when it gives more', () => {
    const patient = new Patient();
    patient.reads(61, 300_000);
    expect(patient.conditions).toEqual([{ kind: 'sick', why: 'slow' }]);
    patient.reads(61, 100_000_000);
    expect(patient.conditions.at(-1)).toEqual({ kind: 'well' });
  });

  it('a disk that hangs is asked about; when it goes on it is well after a while', async () => {
    const patient = new Patient();
    patient.hangs(20);
    await eventually(() => expect(patient.signs.ladder.kernel).toEqual(ANSWER));
    expect(patient.conditions).toEqual([{ kind: 'hanging' }]);
    patient.reads(5, 100_000_000);
    expect(patient.signs.ladder.rung).toBe('calm');
    expect(patient.conditions).toHaveLength(1);
    patient.reads(6, 100_000_000);
    expect(patient.conditions.at(-1)).toEqual({ kind: 'well' });
  });

  it('a reset is tried once, late', async () => {
    const patient = new Patient();
    patient.hangs(179);
    expect(patient.reset).not.toHaveBeenCalled();
    patient.hangs(230);
    await eventually(() => expect(patient.signs.ladder.reset).toBeDefined());
    expect(patient.reset).toHaveBeenCalledOnce();
  });

  it('the reading of bad places is sick from its first word to its last', () => {
    const patient = new Patient();
    patient.says({ kind: 'rescuing', openBytes: 4096, unreadableBytes: 0 });
    patient.reads(30, 50_000);
    expect(patient.conditions).toEqual([{ kind: 'sick', why: 'bad-places' }]);
    patient.says({ kind: 'phase', phase: 'settling' });
    patient.reads(1, 50_000);
    expect(patient.conditions.at(-1)).toEqual({ kind: 'well' });
  });

  it('an attempt after a failure is sick until it has gone well for a while', () => {
    const patient = new Patient(true);
    patient.reads(9, 100_000_000);
    expect(patient.conditions).toEqual([{ kind: 'sick', why: 'failed-before' }]);
    patient.reads(2, 100_000_000);
    expect(patient.conditions.at(-1)).toEqual({ kind: 'well' });
  });
});

describe('a disk that spins up', () => {
  const alive = (waitedMs: number): FromCopy => {
    const wait = { kind: 'spin-up', waitedMs } as const;
    return { kind: 'alive', wait, given: NOTHING_GIVEN };
  };

  it('is told with its limit, is no rung of the ladder, and makes nobody sick', () => {
    const patient = new Patient();
    patient.says(alive(1000));
    expect(patient.signs.spinUp).toBeUndefined();
    patient.says(alive(55_000));
    expect(patient.signs.spinUp).toEqual({ waitedMs: 55_000, limitMs: 60_000 });
    expect(patient.signs.ladder.rung).toBe('calm');
    expect(patient.signs.condition).toEqual({ kind: 'well' });
    expect(patient.askKernel).not.toHaveBeenCalled();
    patient.says(alive(65_000));
    expect(patient.signs.spinUp).toBeUndefined();
  });

  it('hangs when it still holds its first read past the limit', () => {
    const patient = new Patient();
    patient.says(alive(55_000));
    const wait = { kind: 'read', offsetBytes: 0, waitedMs: 60_000 } as const;
    patient.says({ kind: 'alive', wait, given: NOTHING_GIVEN });
    expect(patient.signs.spinUp).toBeUndefined();
    expect(patient.signs.condition).toEqual({ kind: 'hanging' });
  });
});
