import { expect, it } from 'vitest';
import { recordDiskUnavailable } from '../../native-fixtures/record-disk.ts';
import { FilesBench, type FilesRestart } from '../support/crash-states/files-bench.ts';
import { expectedBlobs, REPLACED, specs } from '../support/crash-states/files-specs.ts';
import { carryOut, markIn, TRIAL_DEADLINE_MS } from '../support/crash-states/trial.ts';

/**
 * Crashes by generation (see `crash-states.test.ts`) of a copy of files: small ones, files of blocks with
 * and without ids, pages, a name that is somebody else's and one that is to be replaced. From every
 * state: all blobs are there once and hold what they must, and none that was there is made again.
 */

const unavailable = recordDiskUnavailable();

it.skipIf(unavailable !== undefined)(
  `a copy of files goes on from every state that a crash left (${unavailable ?? 'recorded'})`,
  { timeout: TRIAL_DEADLINE_MS },
  async () => {
    await using bench = await FilesBench.create();
    const operations = await bench.record();
    const problems = await carryOut({
      ...{ name: 'files', operations, from: markIn(operations, 'begin'), count: 24 },
      always: new Set(),
      restart: async (state) => brokenPromises(await bench.restart(state)),
    });
    expect(problems).toEqual([]);
  },
);

function brokenPromises({ before, after, settled, left }: FilesRestart): string[] {
  const expected = expectedBlobs();
  const broken = left.map((path) => `${path} is left behind`);
  const { files } = settled.verdict;
  const { completed, renamed, overwritten } = files ?? {};
  if (completed !== specs().length || renamed !== 1 || overwritten !== 1) {
    broken.push(`the verdict is ${JSON.stringify(files)}`);
  }
  for (const [name, digest] of expected) {
    if (after.get(name)?.sha256 !== digest) broken.push(`${name} is not what it must be`);
  }
  for (const [name, { sequenceNumber }] of after) {
    if (sequenceNumber !== 0) broken.push(`${name} still has our mark`);
  }
  broken.push(...[...after.keys()].filter((name) => !expected.has(name)).map((name) => `${name}?`));
  for (const [name, { version, sha256 }] of before) {
    const isWhole = expected.get(name) === sha256;
    if (isWhole && after.get(name)?.version !== version) broken.push(`${name} was made again`);
    // Pages are written in place, and what is to be replaced is somebody else's until then.
    const mayDiffer = name === REPLACED || name.endsWith('.vhd');
    if (!isWhole && !mayDiffer) broken.push(`when it crashed, ${name} was not whole`);
  }
  return broken;
}
