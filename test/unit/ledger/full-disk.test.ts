import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StationError } from '../../../src/errors.ts';
import { readOrMakeSecretKey, readSecretKey } from '../../../src/ledger/secret-box.ts';
import type { SqliteLedger } from '../../../src/ledger/sqlite.ts';
import { lockStateDirectory } from '../../../src/ledger/state-lock.ts';
import { EmergencySlice } from '../../../src/work/emergency-slice.ts';
import { aNewJob, openLedger, TEST_TIME } from '../../support/ledger.ts';
import { CAN_MOUNT, smallDisk } from '../../support/small-disk.ts';

/** The ledger on a disk that is really full, or really read-only. */

const MIB = 1024 * 1024;
const FULL = { code: 'state-disk-failed', payload: { problem: 'full' } };

/** Until one does not fit any more; answers the error. What the write-ahead log reuses comes first. */
async function addJobsUntilRefused(ledger: SqliteLedger): Promise<unknown> {
  for (let index = 0; index < 500; index++) {
    try {
      await ledger.createJob(aNewJob(`job-${index}`, [`S${index}`]), 'alex');
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

async function eventsOf(ledger: SqliteLedger): Promise<string[]> {
  const events = await Array.fromAsync(ledger.events(0, Number.MAX_SAFE_INTEGER));
  return events.map(({ type }) => type);
}

describe.skipIf(!CAN_MOUNT)('a ledger on a full disk', () => {
  it('refuses a change whole, says why, and goes on when there is room', async () => {
    await using small = await smallDisk(4 * MIB);
    const ledger = await openLedger(join(small.path, 'ledger.sqlite'));
    await small.disk.fill();
    await expect(addJobsUntilRefused(ledger)).resolves.toMatchObject(FULL);
    const jobs = (await ledger.jobs()).length;
    expect(await eventsOf(ledger)).toHaveLength(jobs);
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
    await small.disk.makeRoom();
    await ledger.createJob(aNewJob('after', ['Z']), 'alex');
    expect(await ledger.jobs()).toHaveLength(jobs + 1);
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
    await ledger.close();
  });

  it('makes no half change when the work passes over the first refusal', async () => {
    await using small = await smallDisk(8 * MIB);
    const ledger = await openLedger(join(small.path, 'ledger.sqlite'));
    await small.disk.fill();
    const before = await eventsOf(ledger);
    const request = { key: 'key', actor: 'alex', fingerprint: 'f' };
    const once = ledger.once(request, async (within) => {
      // More than SQLite keeps in memory: it meets the full disk before the end.
      const data = Array.from({ length: 3000 }, () => randomBytes(1500).toString('hex'));
      await within.note('x', 'first', data, 'alex').catch(() => undefined);
      await within.note('x', 'second', {}, 'alex').catch(() => undefined);
      return 'done';
    });
    await expect(once).rejects.toMatchObject(FULL);
    expect(await eventsOf(ledger)).toEqual(before);
    await small.disk.makeRoom();
    await ledger.note('x', 'third', {}, 'alex');
    expect(await eventsOf(ledger)).toEqual([...before, 'third']);
    await ledger.close();
  });

  it('gives up the emergency slice for what has just happened', async () => {
    await using small = await smallDisk(12 * MIB);
    const slice = new EmergencySlice(join(small.path, 'station.reserve'));
    await slice.take();
    const heard: StationError[] = [];
    const ledger = await openLedger(join(small.path, 'ledger.sqlite'), () => TEST_TIME, {
      makeRoom: () => slice.release(),
      onError: (error) => heard.push(error),
    });
    await small.disk.fill();
    for (let index = 0; slice.isHeld && index < 500; index++) {
      await ledger.createJob(aNewJob(`job-${index}`, [`S${index}`]), 'alex');
    }
    expect(slice.isHeld).toBe(false);
    expect(heard).toMatchObject([FULL]);
    const jobs = await ledger.jobs();
    await ledger.createJob(aNewJob('one-more', ['S']), 'alex');
    expect(await ledger.jobs()).toHaveLength(jobs.length + 1);
    await ledger.close();
  });

  it('is not begun at all, and is begun when there is room', async () => {
    await using small = await smallDisk(MIB);
    await small.disk.fill();
    const file = join(small.path, 'ledger.sqlite');
    await expect(openLedger(file)).rejects.toMatchObject(FULL);
    await small.disk.makeRoom();
    await (await openLedger(file)).close();
  });

  it('is not told to have lost a key for which there was no room', async () => {
    await using small = await smallDisk(MIB);
    const file = join(small.path, 'secrets.key');
    await small.disk.fill();
    await expect(readOrMakeSecretKey(file)).rejects.toMatchObject(FULL);
    await small.disk.makeRoom();
    const key = await readOrMakeSecretKey(file);
    expect(await readSecretKey(file)).toEqual(Buffer.from(key));
  });

  it('says that the file system is read-only, and leaves the ledger as it is', async () => {
    await using small = await smallDisk(4 * MIB);
    const file = join(small.path, 'ledger.sqlite');
    await (await openLedger(file)).close();
    await writeFile(join(small.path, 'other'), '');
    const before = await readFile(file);
    await small.disk.readOnly(true);
    const readOnly = { code: 'state-disk-failed', payload: { problem: 'read-only' } };
    await expect(lockStateDirectory(small.path)).rejects.toMatchObject(readOnly);
    expect(await readFile(file)).toEqual(before);
  });
});
