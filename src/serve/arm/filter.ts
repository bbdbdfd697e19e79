import { JOB_STATES } from '../../domain/job-state.ts';
import type { JobFilter } from '../../ledger/contract.ts';

export type FilterAnswer =
  | { readonly ok: true; readonly filter: JobFilter }
  /** `at` counts characters from 0. */
  | { readonly ok: false; readonly problem: string; readonly at: number };

const MAX_FILTER_LENGTH = 1000;
const JOB_TYPES = ['Import', 'Export'] as const;

/** Name, `eq`, text in single quotes, in which two quotes stand for one. */
const TERM = /\s*([A-Za-z]+)\s+eq\s+'((?:[^']|'')*)'\s*/iuy;
const AND = /and(?=\s)/iuy;

/**
 * Reads `$filter` of the job lists: `type eq 'Import'`, `trackingnumber eq '…'`, `state eq 'Shipping'`,
 * joined with `and`, each at most once. That is the whole grammar (earliest published swagger). Words
 * and the values of `type` and `state` are taken in any case, a tracking number letter for letter.
 */
export function parseFilter(text: string): FilterAnswer {
  if (text.length > MAX_FILTER_LENGTH) {
    return wrong(`is longer than ${MAX_FILTER_LENGTH} characters`, MAX_FILTER_LENGTH);
  }
  let filter: JobFilter = {};
  for (let at = 0; ; ) {
    TERM.lastIndex = at;
    const term = TERM.exec(text);
    if (term === null) return wrong("a comparison like state eq 'Shipping' should stand here", at);
    const [whole, name = '', quoted = ''] = term;
    const added = addTerm(filter, name, quoted.replaceAll("''", "'"));
    if (typeof added === 'string') return wrong(added, at);
    filter = added;
    at += whole.length;
    if (at === text.length) return { ok: true, filter };
    AND.lastIndex = at;
    if (!/\s/u.test(text.charAt(at - 1)) || !AND.test(text)) {
      return wrong('comparisons are joined with "and", and nothing else', at);
    }
    at += 'and'.length;
  }
}

/** The filter with one more term, or what is wrong with that. */
function addTerm(filter: JobFilter, name: string, value: string): JobFilter | string {
  switch (name.toLowerCase()) {
    case 'type': {
      if (filter.jobType !== undefined) return 'type is compared twice';
      const jobType = oneOf(JOB_TYPES, value);
      return jobType === undefined
        ? `type is one of ${JOB_TYPES.join(', ')}`
        : { ...filter, jobType };
    }
    case 'state': {
      if (filter.state !== undefined) return 'state is compared twice';
      const state = oneOf(JOB_STATES, value);
      return state === undefined
        ? `state is one of ${JOB_STATES.join(', ')}`
        : { ...filter, state };
    }
    case 'trackingnumber':
      if (filter.trackingNumber !== undefined) return 'trackingnumber is compared twice';
      return { ...filter, trackingNumber: value };
    default:
      return `${name} cannot be compared; type, state and trackingnumber can`;
  }
}

function oneOf<T extends string>(allowed: readonly T[], value: string): T | undefined {
  return allowed.find((item) => item.toLowerCase() === value.toLowerCase());
}

function wrong(problem: string, at: number): FilterAnswer {
  return { ok: false, problem, at };
}
