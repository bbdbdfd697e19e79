import type { OperatorDependencies } from '../../src/work/operator-actions.ts';

/** For operators of a station whose bays are empty. */
export const NOTHING_PLUGGED_IN: OperatorDependencies = {
  bayOf: () => undefined,
  whereIs: () => ({ kind: 'nowhere' }),
};
