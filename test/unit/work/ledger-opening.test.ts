import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { DriveId } from '../../../src/domain/job.ts';
import { SECRETS_LOOK_MS } from '../../../src/limits.ts';
import { EmergencySlice } from '../../../src/work/emergency-slice.ts';
import { keyWatch } from '../../../src/work/key-watch.ts';
import { openLedger } from '../../../src/work/ledger-opening.ts';
import { Troubles } from '../../../src/work/troubles.ts';
import { aNewJob, TEST_TIME, temporaryDirectory } from '../../support/ledger.ts';

const KEY = '238810-662376-000000-111111-222222-333333-444444-555555';

let stateDirectory: string;
let keyFile: string;
beforeEach(async () => {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory[Symbol.asyncDispose]());
  stateDirectory = directory.path;
  keyFile = join(stateDirectory, 'secrets.key');
});

const open = async (own: string | undefined = undefined) =>
  await openLedger(
    { stateDirectory, name: 'station-1', keyFile: own },
    {
      slice: new EmergencySlice(join(stateDirectory, 'station.reserve')),
      now: () => TEST_TIME,
      onDamaged: () => undefined,
      onDiskFailed: () => undefined,
    },
  );

async function withSecret(): Promise<void> {
  const ledger = await open();
  const { id } = await ledger.createJob(aNewJob('job', ['A1'], false), 'alex');
  const driveList = [{ driveId: 'A1' as DriveId, bitLockerKey: KEY }];
  await ledger.updateJob(id, { driveList }, 'alex');
  expect(ledger.foreignSecrets()).toBe(0);
  await ledger.close();
}

describe('with the key of the station gone', () => {
  it('a ledger with sealed secrets is refused, and no other key is made', async () => {
    await withSecret();
    const key = await readFile(keyFile);
    await rm(keyFile);
    const refused = open();
    await expect(refused).rejects.toMatchObject({ code: 'secret-key-unreadable' });
    await expect(refused).rejects.toThrow(`${keyFile}: it is missing`);
    expect(existsSync(keyFile)).toBe(false);
    await writeFile(keyFile, key);
    const ledger = await open();
    const [job] = await ledger.jobs();
    const keys = job === undefined ? [] : await ledger.bitLockerKeys(job.id);
    expect(keys).toEqual([{ driveId: 'A1', bitLockerKey: KEY }]);
    await ledger.close();
  });

  it('a ledger without secrets gets another', async () => {
    await (await open()).close();
    await rm(keyFile);
    await (await open()).close();
    expect(existsSync(keyFile)).toBe(true);
  });
});

it.each([
  ['of 0 bytes', ''],
  ['that is cut off', 'ab'.repeat(20)],
  ['that is too long', 'ab'.repeat(33)],
])('a key file %s is refused and left as it is', async (_, content) => {
  await withSecret();
  await writeFile(keyFile, content);
  await expect(open()).rejects.toMatchObject({ code: 'secret-key-unreadable' });
  expect(await readFile(keyFile, 'utf8')).toBe(content);
});

it('secrets that another key sealed are counted', async () => {
  await withSecret();
  const other = join(stateDirectory, 'other.key');
  await writeFile(other, randomBytes(32).toString('hex'));
  const ledger = await open(other);
  expect(ledger.foreignSecrets()).toBe(1);
  await ledger.close();
});

it('an alert lasts as long as there are secrets that do not open', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const logger = { warn: () => undefined, info: () => undefined };
  const troubles = new Troubles({ logger, now: () => TEST_TIME, onChange: () => undefined });
  let foreign = 2;
  const watch = keyWatch({ ledger: { foreignSecrets: () => foreign }, troubles });
  watch.start();
  await vi.advanceTimersByTimeAsync(0);
  const [alert] = troubles.alerts;
  expect(alert).toMatchObject({ kind: 'secrets-of-other-key' });
  expect(alert?.reason).toMatch(/^2 secrets in the ledger .* cannot be opened/u);
  foreign = 0;
  await vi.advanceTimersByTimeAsync(SECRETS_LOOK_MS);
  expect(troubles.alerts).toEqual([]);
  await watch.close();
});
