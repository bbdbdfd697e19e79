import { afterAll, beforeAll, describe, it } from 'vitest';
import { CATALOGUE } from '../../src/rehearsal/catalogue.ts';
import { type Group, SILENT } from '../../src/rehearsal/contract.ts';
import { RehearsalRun, rehearsalUnavailable } from '../../src/rehearsal/run.ts';

const WITH_SLOW = process.env.DRIVE_STATION_SLOW_FAULTS === '1';

/** The tests of one group of the catalogue: each fault as `drive-station rehearse` plays it. */
export async function playGroup(group: Group): Promise<void> {
  const unavailable = await rehearsalUnavailable();
  if (unavailable !== undefined) {
    process.stdout.write(`SKIPPED: faults of the group ${group} are not played: ${unavailable}\n`);
  }
  const faults = CATALOGUE.filter((fault) => fault.group === group);
  describe.skipIf(unavailable !== undefined)('the fault', () => {
    let run: RehearsalRun;
    beforeAll(async () => {
      run = await RehearsalRun.create();
    });
    afterAll(() => run[Symbol.asyncDispose]());

    const played = faults.filter(({ slow }) => slow !== true || WITH_SLOW);
    it.each(played)('$name: $happens', async (rehearsal) => {
      await run.play(rehearsal, SILENT, new AbortController().signal);
    });
  });
}
