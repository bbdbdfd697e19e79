import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JOB_STATES } from '../../../src/domain/job-state.ts';
import { parseFilter } from '../../../src/serve/arm/filter.ts';

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

describe('the filter of job lists', () => {
  it('reads back whatever was written, in any order and spacing', () => {
    const blanks = fc.stringMatching(/^[ \t]{1,3}$/u);
    const terms = fc.record(
      {
        type: fc.constantFrom('Import', 'Export'),
        state: fc.constantFrom(...JOB_STATES),
        trackingnumber: fc.string({ maxLength: 30, unit: 'grapheme' }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(terms, blanks, fc.boolean(), (wanted, blank, shout) => {
        const names = Object.entries(wanted).map(([name, value]) =>
          [shout ? name.toUpperCase() : name, 'eq', quoted(value)].join(blank),
        );
        fc.pre(names.length > 0);
        const answer = parseFilter(names.reverse().join(`${blank}and${blank}`));
        const { type, state, trackingnumber } = wanted;
        expect(answer).toEqual({
          ok: true,
          filter: {
            ...(type === undefined ? {} : { jobType: type }),
            ...(state === undefined ? {} : { state }),
            ...(trackingnumber === undefined ? {} : { trackingNumber: trackingnumber }),
          },
        });
      }),
    );
  });

  it('answers any text at once, and names a place within it', () => {
    const piece = fc.constantFrom(
      "type eq 'Import'",
      ' and ',
      "'",
      'state',
      'eq',
      ' ',
      'or',
      '(',
      "''",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 40 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(text, (filter) => {
        const answer = parseFilter(filter);
        if (answer.ok) expect(Object.keys(answer.filter).length).toBeGreaterThan(0);
        else expect(answer.at).toBeLessThanOrEqual(filter.length);
      }),
    );
  });

  it.each([
    ["state eq 'Lost'", 0, 'state is one of'],
    ["name eq 'x'", 0, 'cannot be compared'],
    ["state ne 'Shipping'", 0, 'should stand here'],
    ['state eq Shipping', 0, 'should stand here'],
    ["state eq 'Shipping", 0, 'should stand here'],
    ["type eq 'Import' or type eq 'Export'", 17, 'joined with "and"'],
    ["type eq 'Import' and ", 20, 'should stand here'],
    ["type eq 'Import'and state eq 'Closed'", 16, 'joined with "and"'],
    ["type eq 'Import' andstate eq 'Closed'", 17, 'joined with "and"'],
    ["type eq 'Import' and type eq 'Import'", 20, 'twice'],
    ["(type eq 'Import')", 0, 'should stand here'],
    [`trackingnumber eq '${'x'.repeat(1000)}'`, 1000, 'longer than'],
  ])('says what is wrong with %.50s', (filter, at, words) => {
    expect(parseFilter(filter)).toEqual({ ok: false, at, problem: expect.stringContaining(words) });
  });
});
