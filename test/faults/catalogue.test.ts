import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../src/rehearsal/catalogue.ts';
import { SILENT } from '../../src/rehearsal/contract.ts';
import { phrasesOf } from '../../src/rehearsal/heard.ts';
import { RehearsalRun, rehearsalUnavailable } from '../../src/rehearsal/run.ts';

/** Every fault of the catalogue, as `drive-station rehearse` plays it. */

const WITH_SLOW = process.env.DRIVE_STATION_SLOW_FAULTS === '1';

const unavailable = await rehearsalUnavailable();
if (unavailable !== undefined) {
  process.stdout.write(`SKIPPED: the catalogue of faults is not played: ${unavailable}\n`);
}

describe.skipIf(unavailable !== undefined)('the fault', { timeout: 120_000 }, () => {
  let run: RehearsalRun;
  beforeAll(async () => {
    run = await RehearsalRun.create();
  });
  afterAll(() => run[Symbol.asyncDispose]());

  const played = CATALOGUE.filter(({ slow }) => slow !== true || WITH_SLOW);
  it.each(played)('$name: $happens', async (rehearsal) => {
    await run.play(rehearsal, SILENT, new AbortController().signal);
  });
});

describe('the catalogue', () => {
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
