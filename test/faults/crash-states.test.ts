import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type FaultDisk,
  faultDisk,
  faultDiskUnavailable,
} from '../../native-fixtures/fault-disk.ts';
import { contentAt } from '../../native-fixtures/image.ts';
import { plug } from '../../native-fixtures/loop-disk.ts';
import type { Operation } from '../../native-fixtures/record-disk/operations.ts';
import { brokenPromises, type Promised } from '../support/crash-states/judge.ts';
import { rescuedPlaces } from '../support/crash-states/rescued.ts';
import { Workplace } from '../support/crash-states/restart.ts';
import { carryOut, markIn, TRIAL_DEADLINE_MS } from '../support/crash-states/trial.ts';
import { BLOCK_BYTES, fileDigest, MIB, makeImage } from '../support/disks.ts';
import { bad, sha256 } from '../support/rescue.ts';

/**
 * Crashes by generation. A station's durable writes are recorded once, from its first start to the
 * verdict on its drive: ledger, journal, rescue map, scratch and a directory store lie on one FUSE file
 * system that writes every operation of all processes into one log (`native-fixtures/record-disk`). From
 * the log come the states that a crash can have left: after each operation, what processes had done that
 * were killed (`killed`); and after a power cut, what was forced to the medium (`bare`), the last write in
 * half (`torn`), and what was forced with some of the rest (`mixed`). States that are equal count once.
 *
 * From each state the real station is started, before the same disk, until the drive settles. What must
 * be true is in `judge.ts`: the event log whole and every move legal, no `Completed` before the blob is
 * whole, also at the moment of the crash; what was acknowledged or shown is still so; no block that the
 * store has is staged again; the blob is the image; and nothing is left that would pile up.
 *
 * An ordinary run tries some states of each recording; DRIVE_STATION_CRASH_STATES=all tries each,
 * DRIVE_STATION_CRASH_STATES=killed each prefix of what was written.
 */

const JOB = 'crash';
const SERIAL = 'WD-WCC4N7XKPZ01';
/** Two whole blocks and one of the smallest size. */
const SIZE = 2 * BLOCK_BYTES + MIB;
const unavailable = faultDiskUnavailable();

describe.skipIf(unavailable !== undefined)(
  `a station that crashed (${unavailable ?? 'recorded'})`,
  { timeout: TRIAL_DEADLINE_MS },
  () => {
    it('goes on from every state of a copy', async () => {
      await using place = await Workplace.create(JOB, SERIAL);
      const disk = { serial: SERIAL, sizeBytes: SIZE, sparseEveryBytes: MIB };
      const image = await makeImage(place.disksDirectory, disk);
      await using _ = await plug(image);
      const operations = await place.record();
      const promised = promisedIn(operations, {
        digest: await fileDigest(image),
        ending: 'copy-verified',
      });
      const problems = await carryOut({
        ...{ name: 'image', operations, from: markIn(operations, 'begin'), count: 8 },
        always: turningPoints(operations),
        restart: async (state) => brokenPromises(await place.restart(state), state, promised),
      });
      expect(problems).toEqual([]);
    });

    it('goes on from every state of a rescue, without a second look at what was read', async () => {
      await using place = await Workplace.create(JOB, SERIAL);
      const image = await makeImage(place.disksDirectory, { serial: SERIAL, sizeBytes: SIZE });
      await using disk = await faultDisk(image, { faults: FAULTS });
      const operations = await place.record();
      const promised = promisedIn(operations, {
        digest: digestWithHoles(),
        ending: 'copy-ended-with-notes',
      });
      const problems = await carryOut({
        ...{ name: 'rescue', operations, from: promised.acknowledgedAt, count: 4 },
        always: new Set(),
        restart: async (state) => {
          const restart = await place.restart(state, (root) => breakWhatWasRead(root, disk));
          return brokenPromises(restart, state, promised);
        },
      });
      expect(problems).toEqual([]);
    });
  },
);

const HOLES = [{ offsetBytes: BLOCK_BYTES + MIB, lengthBytes: 512 }];
const FAULTS = HOLES.map((hole) => bad(hole.offsetBytes, hole.lengthBytes));

function digestWithHoles(): string {
  const bytes = Buffer.from(contentAt(SERIAL, 0, SIZE));
  for (const { offsetBytes, lengthBytes } of HOLES) {
    bytes.fill(0, offsetBytes, offsetBytes + lengthBytes);
  }
  return sha256(bytes);
}

/** A drive may give a sector once and never again: what is kept of it must do. */
async function breakWhatWasRead(root: string, disk: FaultDisk): Promise<void> {
  await disk.clear();
  const read = await rescuedPlaces(join(root, 'state', 'journals'), SIZE);
  await disk.inject([
    ...FAULTS,
    ...read.map(({ offsetBytes, lengthBytes }) => bad(offsetBytes, lengthBytes)),
  ]);
}

function promisedIn(
  operations: readonly Operation[],
  result: Pick<Promised, 'digest' | 'ending'>,
): Promised {
  const acknowledgedAt = markIn(operations, 'acknowledged');
  const settledAt = markIn(operations, 'settled');
  return { ...result, job: JOB, serial: SERIAL, acknowledgedAt, settledAt };
}

/** When a blob is there, and the transactions of the ledger from there to the end of the drive. */
function turningPoints(operations: readonly Operation[]): Set<number> {
  const isCommit = (operation: Operation) =>
    operation.kind === 'rename' && operation.to.includes('/blobs/');
  const committed = operations.findIndex(isCommit);
  const settled = markIn(operations, 'settled');
  const points = [...operations.entries()].filter(
    ([at, { kind }]) => at > committed && at < settled && kind === 'sync',
  );
  return new Set([committed + 1, ...points.slice(-3).map(([at]) => at)]);
}
