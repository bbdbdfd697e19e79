import { describe, expect, it } from 'vitest';
import { type Rehearsal, SILENT } from '../../src/rehearsal/contract.ts';
import { MIB } from '../../src/rehearsal/disks.ts';
import { RehearsalRun, rehearsalUnavailable } from '../../src/rehearsal/run.ts';

const SERIAL = 'ZC18QV4T';
const UNAVAILABLE = await rehearsalUnavailable();
if (UNAVAILABLE !== undefined) process.stdout.write(`SKIPPED: rehearsals: ${UNAVAILABLE}\n`);

describe.skipIf(UNAVAILABLE !== undefined)('one run', () => {
  it('plays a fault again that went wrong, whatever it left in the store', async () => {
    await using run = await RehearsalRun.create();
    let plays = 0;
    const rehearsal: Rehearsal = {
      ...{ name: 'goes-wrong-once', group: 'storage' },
      ...{ made: 'nothing', happens: 'nothing', reads: '“verified”' },
      async play(stage) {
        await stage.station();
        const image = await stage.image({ serial: SERIAL, sizeBytes: 8 * MIB });
        await stage.plug(image);
        await stage.job(SERIAL);
        await stage.arrived(SERIAL, image);
        plays += 1;
        stage.check(plays === 2, 'It is played for the second time.');
      },
    };
    const play = () => run.play(rehearsal, SILENT, new AbortController().signal);
    await expect(play()).rejects.toThrow(/second time/u);
    await play();
  });
});
