import { describe, expect, it } from 'vitest';
import {
  type CopySigns,
  conditionOf,
  type DriveCondition,
  WELL,
} from '../../../src/domain/condition.ts';

const LIMITS = { hangLaneMs: 10_000, slowBytesPerSecond: 1_000_000, wellAgainMs: 10_000 };
const GOOD: CopySigns = {
  waitedMs: 0,
  isRescuing: false,
  diskBytesPerSecond: 180_000_000,
  failedBefore: false,
  calmMs: 60_000,
};
const HANGING: DriveCondition = { kind: 'hanging' };
const sick = (why: Extract<DriveCondition, { kind: 'sick' }>['why']): DriveCondition => ({
  kind: 'sick',
  why,
});

describe('the condition of a copy', () => {
  it.each<[string, DriveCondition, Partial<CopySigns>, DriveCondition]>([
    ['nothing is wrong', WELL, {}, WELL],
    ['too little was read to tell its rate', WELL, { diskBytesPerSecond: undefined }, WELL],
    ['a read waits for a moment', WELL, { waitedMs: 9_999, calmMs: 0 }, WELL],
    ['a read waits long', WELL, { waitedMs: 10_000, calmMs: 0 }, HANGING],
    ['bad places are read', WELL, { isRescuing: true }, sick('bad-places')],
    ['a read of a bad place waits long', sick('bad-places'), { waitedMs: 20_000 }, HANGING],
    ['the disk gives little', WELL, { diskBytesPerSecond: 400_000 }, sick('slow')],
    ['the last attempt failed', WELL, { failedBefore: true, calmMs: 500 }, sick('failed-before')],
    [
      'the last attempt failed, this one goes well',
      sick('failed-before'),
      { failedBefore: true },
      WELL,
    ],
    ['it hung a moment ago', HANGING, { calmMs: 500 }, HANGING],
    ['it hung some time ago', HANGING, {}, WELL],
    ['it was slow a moment ago', sick('slow'), { calmMs: 500 }, sick('slow')],
  ])('%s', (_, before, over, expected) => {
    expect(conditionOf(before, { ...GOOD, ...over }, LIMITS)).toEqual(expected);
  });
});
