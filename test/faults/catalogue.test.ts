import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../src/rehearsal/catalogue.ts';
import { phrasesOf } from '../../src/rehearsal/heard.ts';

/** The list of faults itself; `catalogue-*.test.ts` play them, group by group. */

describe('the catalogue', () => {
  it('has at least forty faults that are quick to play', () => {
    const quick = CATALOGUE.filter(({ slow }) => slow !== true);
    expect(quick.length).toBeGreaterThanOrEqual(40);
  });

  it('names each fault once, in small letters', () => {
    const names = CATALOGUE.map(({ name }) => name);
    expect(names.filter((name) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/u.test(name))).toEqual([]);
    expect([...new Set(names)]).toEqual(names);
  });

  it('says of each fault something that can be read', () => {
    const mute = CATALOGUE.filter(({ reads }) => phrasesOf(reads).length === 0);
    expect(mute.map(({ name }) => name)).toEqual([]);
  });
});
