import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CopyFailure } from '../../../src/copy/messages.ts';
import { CopyConclusion } from '../../../src/work/copy-conclusion.ts';
import { ShownActivity } from '../../../src/work/shown-activity.ts';
import { copyAtWork } from '../../support/copy-at-work.ts';
import { TEST_TIME } from '../../support/ledger.ts';

/** What the end of a copy process means, when what is attached has changed meanwhile. */

const HANG: CopyFailure = {
  kind: 'failed',
  code: 'disk-unresponsive',
  message: '/dev/sda has not answered a read at byte 0 for 20 s',
  payload: {},
};

let journalDirectory: string;
beforeEach(async () => {
  journalDirectory = await mkdtemp(join(tmpdir(), 'drive-station-conclusion-'));
});
afterEach(() => rm(journalDirectory, { recursive: true, force: true }));

/** A copy at work whose disk is attached still, or has left by the next look. */
async function atWork({ isThere }: { readonly isThere: boolean }) {
  const { ledger, ref, disk, floor, item } = await copyAtWork();
  let attached = [disk];
  const conclusion = new CopyConclusion({
    ...{ ledger, floor, journalDirectory },
    ...{ now: () => TEST_TIME, onStationFailed: () => undefined },
    logger: { info: () => undefined, warn: () => undefined },
    diskOf: () => attached[0],
    lookAgain: async () => {
      if (!isThere) attached = [];
    },
  });
  const makeRoom = new AbortController().signal;
  const attempt = { item, disk, makeRoom, shown: new ShownActivity(), isStuck: false };
  const conclude = (failure: CopyFailure) =>
    conclusion.conclude(attempt, { kind: 'failed', failure }, makeRoom);
  return { conclude, ledger, ref, floor };
}

async function ended(failure: CopyFailure, there: { readonly isThere: boolean }) {
  const { conclude, ledger, ref, floor } = await atWork(there);
  const end = await conclude(failure);
  const drive = await ledger.drive(ref);
  return { end: end.kind, state: drive?.state.name, since: floor.detachedSince(ref) };
}

it('a disk that hangs and is there is a fault', async () => {
  const { end, state, since } = await ended(HANG, { isThere: true });
  expect([end, state, since]).toEqual(['finished', 'Faulted', undefined]);
});

it('a copy that is killed from outside is postponed, longer each time, and never a fault', async () => {
  const killed = { ...HANG, code: 'copy-process-killed', message: 'it was killed (SIGKILL)' };
  const { conclude, floor, ref } = await atWork({ isThere: true });
  for (const times of [1, 2, 3]) {
    expect(await conclude(killed)).toMatchObject({ kind: 'postponed', times });
  }
  expect(floor.killed).toEqual([
    {
      ...{ ref, kind: 'killed', times: 3 },
      ...{ since: TEST_TIME.toISOString(), reason: killed.message },
    },
  ]);
});

it('a copy that gets too little of the machine is no failed attempt', async () => {
  const starved = { ...HANG, code: 'copy-process-starved', message: 'EMFILE: too many open files' };
  const { conclude, floor } = await atWork({ isThere: true });
  expect(await conclude(starved)).toMatchObject({ kind: 'postponed' });
  expect(floor.killed).toMatchObject([{ kind: 'starved', times: 1, reason: starved.message }]);
});

it('a copy that crashes by itself has failed', async () => {
  const crashed = { ...HANG, code: 'copy-process-ended', message: 'it crashed (SIGSEGV)' };
  const { conclude } = await atWork({ isThere: true });
  expect(await conclude(crashed)).toMatchObject({ kind: 'failed' });
});

// The station's reset of its USB device, or somebody's hand, can come right before the copy gives up.
it('a disk that has left while it hung is waited for', async () => {
  const { end, state, since } = await ended(HANG, { isThere: false });
  expect([end, state]).toEqual(['parked', 'Transferring']);
  expect(since).toBe(TEST_TIME.toISOString());
});

it.each([
  { code: 'disk-content-changed', left: 'asked' },
  { code: 'disk-unresponsive', left: 'stranger' },
])('a person counts as asked about the disk by a fault of it: $code', async ({ code, left }) => {
  const { conclude, ledger, ref } = await atWork({ isThere: true });
  const copy = await ledger.copyOf(ref);
  await writeFile(join(journalDirectory, `${copy?.id}.journal.stranger`), '{}');
  await conclude({ ...HANG, code });
  expect((await ledger.drive(ref))?.state.name).toBe('Faulted');
  expect(await readdir(journalDirectory)).toEqual([`${copy?.id}.journal.${left}`]);
});
