import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DriveId, JobId } from '../../src/domain/job.ts';
import type { JobEvent, JobStateName } from '../../src/domain/job-state.ts';
import { ownStorageOf, type StorageCredential } from '../../src/domain/job-storage.ts';
import type { LedgerEvent, NewJob } from '../../src/ledger/contract.ts';
import { secretBox } from '../../src/ledger/secret-box.ts';
import type { SqliteLedger } from '../../src/ledger/sqlite.ts';
import {
  aNewJob,
  BOUND_DISK,
  openLedger,
  type TemporaryDirectory,
  temporaryDirectory,
  transferring,
} from '../support/ledger.ts';

const KEY = '238810-662376-448998-450120-652806-203390-606320-483076';
const BOX = secretBox(randomBytes(32));
const VERSION_1 = fileURLToPath(new URL('../unit/ledger/version-1.sql', import.meta.url));

let directory: TemporaryDirectory;
let ledger: SqliteLedger;
let clock: Date;
const file = () => join(directory.path, 'ledger.sqlite');

const open = (secrets = BOX) => openLedger(file(), () => clock, { secrets });

beforeEach(async () => {
  clock = new Date('2026-01-01T00:00:00.000Z');
  directory = await temporaryDirectory();
  ledger = await open();
});
afterEach(async () => {
  await ledger.close();
  await directory[Symbol.asyncDispose]();
});

function inGroup(group: string, name: string, over: Partial<NewJob['details']> = {}): NewJob {
  const job = aNewJob(name, ['A1', 'B2'], false);
  const driveList = [
    { driveId: 'A1' as DriveId, bitLockerKey: KEY, manifestFile: '\\m.xml', driveHeaderHash: '' },
  ];
  return { ...job, driveList, details: { ...job.details, resourceGroup: group, ...over } };
}

async function events(): Promise<LedgerEvent[]> {
  const found: LedgerEvent[] = [];
  for await (const event of ledger.events(0, 1000)) found.push(event);
  return found;
}

const RETURN = { recipientName: 'Test' };
const PARCEL = { carrierName: 'FedEx', trackingNumber: '992016102507' };

describe('jobs by address', () => {
  it('may share a name across groups, and are then named by id', async () => {
    const one = await ledger.createJob(inGroup('one', 'Job-1'), 'alex');
    expect(await ledger.jobByName('job-1')).toEqual(one);
    const two = await ledger.createJob(inGroup('two', 'job-1'), 'alex');
    const ids = [one.id, two.id];
    await expect(ledger.jobByName('JOB-1')).rejects.toMatchObject({
      code: 'job-name-ambiguous',
      payload: { ids },
    });
    expect(await ledger.jobByName(two.id)).toEqual(two);
    const { subscriptionId } = two.details;
    const address = { subscriptionId, resourceGroup: 'TWO', name: 'JOB-1' };
    expect(await ledger.jobAt(address)).toEqual(two);
    await expect(ledger.createJob(inGroup('ONE', 'JOB-1'), 'alex')).rejects.toMatchObject({
      code: 'job-exists',
    });
  });

  it('are given in pages by age, whole although the last of a page goes meanwhile', async () => {
    const names: string[] = [];
    for (const name of ['c', 'a', 'b', 'd', 'e']) {
      await ledger.createJob(inGroup('one', `job-${name}`), 'alex');
      // Two are of one moment.
      if (name !== 'a') clock = new Date(clock.getTime() + 1000);
    }
    let after: string | undefined;
    do {
      const page = await ledger.jobsPage({ top: 2, ...(after === undefined ? {} : { after }) });
      expect(page.jobs.length).toBeLessThanOrEqual(2);
      names.push(...page.jobs.map(({ name }) => name));
      const last = page.jobs.at(-1);
      if (names.length === 2 && last !== undefined) await ledger.deleteJob(last.id, 'alex');
      after = page.next;
    } while (after !== undefined);
    expect(names).toEqual(['job-c', 'job-a', 'job-b', 'job-d', 'job-e']);
  });

  it('keeps what the list says of a drive, byte for byte', async () => {
    const { id } = await ledger.createJob(inGroup('one', 'job'), 'alex');
    await ledger.close();
    ledger = await open();
    const [first, second] = await ledger.drivesOf(id);
    expect(first?.listed).toEqual({ manifestFile: '\\m.xml', driveHeaderHash: '' });
    expect(second?.listed).toBeUndefined();
  });

  it('reads jobs of the first schema by their address', async () => {
    await ledger.close();
    await directory[Symbol.asyncDispose]();
    directory = await temporaryDirectory();
    const shell = new DatabaseSync(file());
    shell.exec(await readFile(VERSION_1, 'utf8'));
    shell.close();
    ledger = await open();
    const subscriptionId = '00000000-0000-0000-0000-000000000000';
    const job = await ledger.jobAt({ subscriptionId, resourceGroup: 'station', name: 'archive' });
    expect(job).toMatchObject({ state: { name: 'Shipping' }, updatedAt: job?.createdAt });
    expect(await ledger.jobByName('Archive')).toEqual(job);
    const query = { subscriptionId, filter: { jobType: 'Import' as const }, top: 10 };
    expect((await ledger.listJobs(query)).jobs).toEqual([job]);
  });
});

describe('changes', () => {
  it('that are refused change nothing and are in the log', async () => {
    const { id } = await ledger.createJob(inGroup('one', 'job'), 'alex');
    const { job: before } = await ledger.updateJob(
      id,
      { returnAddress: RETURN, deliveryPackage: PARCEL, ship: true },
      'alex',
    );
    const refused = ledger.updateJob(id, { tags: { a: 'b' }, driveList: [] }, 'sam');
    await expect(refused).rejects.toMatchObject({
      code: 'job-change-refused',
      payload: { property: 'driveList', state: 'Shipping' },
    });
    expect(await ledger.jobByName('job')).toEqual(before);
    expect((await events()).at(-1)).toMatchObject({
      type: 'update-refused',
      actor: 'sam',
      data: { property: 'driveList', from: 'Shipping' },
    });
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
  });

  it('by a new definition leave the plan, which is the station’s', async () => {
    const plan = { kind: 'image', container: 'elsewhere', blobPrefix: '' } as const;
    await ledger.createJob(inGroup('one', 'job', { plan }), 'alex');
    const { job } = await ledger.putJob(inGroup('one', 'job', { location: 'eastus' }), 'kim');
    expect(job.details).toMatchObject({ plan, location: 'eastus' });
  });

  it('restart the clock of Creating', async () => {
    const { id, updatedAt } = await ledger.createJob(inGroup('one', 'job'), 'alex');
    clock = new Date('2026-01-09T00:00:00.000Z');
    expect((await ledger.updateJob(id, {}, 'sam')).job).toMatchObject({
      createdAt: updatedAt,
      updatedAt: clock.toISOString(),
      createdBy: 'alex',
      updatedBy: 'sam',
    });
    clock = new Date('2026-01-10T00:00:00.000Z');
    const { job, created } = await ledger.putJob(inGroup('one', 'job'), 'kim');
    expect([created, job.id, job.updatedAt]).toEqual([false, id, clock.toISOString()]);
  });
});

describe('secrets', () => {
  it('are in no file of the ledger as they were given, in no event, and open with the key', async () => {
    const { id } = await ledger.createJob(inGroup('one', 'job'), 'alex');
    await ledger.updateJob(
      id,
      { driveList: [{ driveId: 'C3' as DriveId, bitLockerKey: KEY }] },
      'alex',
    );
    for (const name of await readdir(directory.path)) {
      expect((await readFile(join(directory.path, name))).includes(KEY)).toBe(false);
    }
    expect(JSON.stringify(await events())).not.toContain(KEY);
    await ledger.close();
    ledger = await open();
    expect(await ledger.bitLockerKeys(id)).toEqual([{ driveId: 'C3', bitLockerKey: KEY }]);
    await ledger.close();
    ledger = await open(secretBox(randomBytes(32)));
    await expect(ledger.bitLockerKeys(id)).rejects.toMatchObject({ code: 'secret-unreadable' });
  });

  it('leave the file with their job', async () => {
    const { id } = await ledger.createJob(inGroup('one', 'job'), 'alex');
    const shell = new DatabaseSync(file());
    const sealed = String(
      shell.prepare('SELECT max(bit_locker_key) AS sealed FROM drives').get()?.sealed,
    );
    shell.close();
    expect(sealed).toMatch(/^v1\./u);
    await ledger.deleteJob(id, 'alex');
    await ledger.close();
    for (const name of await readdir(directory.path)) {
      expect((await readFile(join(directory.path, name))).includes(sealed)).toBe(false);
    }
    ledger = await open();
  });

  it('do not open in the row of another drive', async () => {
    const { id } = await ledger.createJob(inGroup('one', 'job'), 'alex');
    const shell = new DatabaseSync(file());
    shell.exec('UPDATE drives SET bit_locker_key = (SELECT max(bit_locker_key) FROM drives)');
    shell.close();
    await expect(ledger.bitLockerKeys(id)).rejects.toMatchObject({ code: 'secret-unreadable' });
  });
});

const ACCOUNT_KEY = `${'k'.repeat(86)}==`;
const ENDPOINT = 'https://contoso.blob.core.windows.net';
const BY_KEY: StorageCredential = {
  kind: 'account-key',
  blobEndpoint: ENDPOINT,
  accountName: 'contoso',
  accountKey: ACCOUNT_KEY,
};
const bySas = (sig: string, over: { container?: string; blobEndpoint?: string } = {}) =>
  ({
    kind: 'container-sas',
    blobEndpoint: ENDPOINT,
    container: 'disks',
    sasToken: `sr=c&se=2030-01-01&sig=${sig}`,
    ...over,
  }) satisfies StorageCredential;

function withStorage(name: string, credential: StorageCredential): NewJob {
  const job = inGroup('one', name);
  const ownStorage = ownStorageOf(credential);
  return { ...job, credential, details: { ...job.details, storageAccount: 'contoso', ownStorage } };
}

/** Everything that the files of the ledger hold at this moment, the write-ahead log included. */
async function filesOfLedger(): Promise<string> {
  const names = await readdir(directory.path);
  const contents = names.map((name) => readFile(join(directory.path, name), 'latin1'));
  return (await Promise.all(contents)).join('');
}

function sealedOf(id: JobId): string {
  const shell = new DatabaseSync(file());
  const row = shell.prepare('SELECT storage_credential FROM jobs WHERE id = ?').get(id);
  shell.close();
  return String(row?.storage_credential);
}

describe('credentials of jobs', () => {
  it('come back as they were given, and are nowhere to be read', async () => {
    const { id, details } = await ledger.createJob(withStorage('job', BY_KEY), 'alex');
    expect(details.ownStorage).toEqual({ kind: 'account-key', blobEndpoint: ENDPOINT });
    await ledger.close();
    ledger = await open();
    expect(await ledger.storageCredential(id)).toEqual(BY_KEY);
    expect((await ledger.jobByName('job'))?.details).toEqual(details);
    expect(await filesOfLedger()).not.toContain(ACCOUNT_KEY);
    expect(JSON.stringify([await ledger.jobs(), await events()])).not.toContain(ACCOUNT_KEY);
    const other = await ledger.createJob(inGroup('two', 'job-2'), 'alex');
    expect(await ledger.storageCredential(other.id)).toBeUndefined();
    const nobody = ledger.storageCredential('nobody' as JobId);
    await expect(nobody).rejects.toMatchObject({ code: 'job-not-found' });
  });

  it('open neither with another key nor in the row of another job', async () => {
    const one = await ledger.createJob(withStorage('one', BY_KEY), 'alex');
    const two = await ledger.createJob(withStorage('two', bySas('x')), 'alex');
    const shell = new DatabaseSync(file());
    shell
      .prepare('UPDATE jobs SET storage_credential = ? WHERE id = ?')
      .run(sealedOf(one.id), two.id);
    shell.close();
    const swapped = ledger.storageCredential(two.id);
    await expect(swapped).rejects.toMatchObject({ code: 'secret-unreadable' });
    await ledger.close();
    ledger = await open(secretBox(randomBytes(32)));
    const foreign = ledger.storageCredential(one.id);
    await expect(foreign).rejects.toMatchObject({ code: 'secret-unreadable' });
  });

  it('are renewed for the same place, which the log tells without them', async () => {
    const made = await ledger.createJob(withStorage('job', bySas('old-one')), 'alex');
    const before = sealedOf(made.id);
    for (const next of [bySas('new-one'), BY_KEY, bySas('third-one')]) {
      const shown = ownStorageOf(next);
      expect(await ledger.replaceCredential(made.id, next, 'maria')).toEqual(shown);
      const details = { ...made.details, ownStorage: shown };
      expect(await ledger.jobByName('job')).toEqual({ ...made, details });
      expect(await ledger.storageCredential(made.id)).toEqual(next);
    }
    const renewals = (await events()).filter(({ type }) => type === 'credential-replaced');
    expect(renewals.map(({ actor }) => actor)).toEqual(['maria', 'maria', 'maria']);
    expect(renewals[0]?.data).toMatchObject({ to: { expiresAt: '2030-01-01' } });
    expect(JSON.stringify(await events())).not.toMatch(/-one|kkkk/u);
    expect(await filesOfLedger()).not.toContain(before);
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
  });

  it.each([
    ['another account', withStorage('job', BY_KEY), bySas('x', { blobEndpoint: 'https://a.b' })],
    ['another container', withStorage('job', BY_KEY), bySas('x', { container: 'other' })],
    ['a job of a configured account', inGroup('one', 'job'), BY_KEY],
  ])('are not renewed for %s', async (_, job, credential) => {
    const { id } = await ledger.createJob(job, 'alex');
    const refused = ledger.replaceCredential(id, credential, 'maria');
    await expect(refused).rejects.toMatchObject({ code: 'job-change-refused' });
    expect(await ledger.storageCredential(id)).toEqual(job.credential);
    expect((await events()).at(-1)).toMatchObject({ type: 'credential-refused', actor: 'maria' });
  });

  it('go when a client defines the job anew for a configured account', async () => {
    const { id } = await ledger.createJob(withStorage('job', BY_KEY), 'alex');
    const { job } = await ledger.putJob(inGroup('one', 'job'), 'kim');
    expect(job.details).not.toHaveProperty('ownStorage');
    expect(await ledger.storageCredential(id)).toBeUndefined();
  });

  it('leave every file with their job, while the ledger is open', async () => {
    const long = bySas('s'.repeat(6000));
    const kept = await ledger.createJob(withStorage('kept', BY_KEY), 'alex');
    const gone: string[] = [];
    for (let index = 0; index < 20; index++) {
      const job = withStorage(`job-${index}`, index % 2 === 0 ? BY_KEY : long);
      const { id } = await ledger.createJob(job, 'alex');
      gone.push(sealedOf(id));
      await ledger.replaceCredential(id, bySas('y'), 'alex');
      gone.push(sealedOf(id));
      await ledger.deleteJob(id, 'alex');
    }
    const left = await filesOfLedger();
    expect(left).toContain(sealedOf(kept.id));
    expect(gone.filter((sealed) => left.includes(sealed.slice(-60)))).toEqual([]);
  });

  it('leave every file also when they are renewed in a larger action', async () => {
    const { id } = await ledger.createJob(withStorage('job', BY_KEY), 'alex');
    const before = sealedOf(id);
    const asked = { key: 'k', actor: 'alex', fingerprint: 'f' };
    await ledger.once(asked, (within) => within.replaceCredential(id, bySas('x'), 'alex'));
    expect(await ledger.storageCredential(id)).toEqual(bySas('x'));
    expect(await filesOfLedger()).not.toContain(before);
  });

  it('leave the files as soon as a reader that held the log lets go', async () => {
    const { id } = await ledger.createJob(withStorage('job', BY_KEY), 'alex');
    const sealed = sealedOf(id);
    const reader = new DatabaseSync(file());
    reader.exec('BEGIN; SELECT count(*) FROM jobs');
    await ledger.deleteJob(id, 'alex');
    expect(await filesOfLedger()).toContain(sealed);
    reader.close();
    await ledger.note('station/s', 'noted', {}, 'alex');
    expect(await filesOfLedger()).not.toContain(sealed);
  });

  it('leave the files at the start, after a kill between removal and purge', async () => {
    const { id } = await ledger.createJob(withStorage('job', BY_KEY), 'alex');
    const sealed = sealedOf(id);
    const killed = new DatabaseSync(file());
    killed.exec('PRAGMA secure_delete = ON; UPDATE jobs SET storage_credential = NULL');
    await ledger.close();
    expect(await filesOfLedger()).toContain(sealed);
    ledger = await open();
    expect(await filesOfLedger()).not.toContain(sealed);
    killed.close();
  });
});

describe('deleting', () => {
  const ROAD: readonly [JobStateName, readonly Exclude<JobEvent, 'faulted'>[], boolean, boolean][] =
    [
      ['Creating', [], true, true],
      ['Shipping', ['shipped'], false, false],
      ['Received', ['shipped', 'all-drives-received'], false, false],
      ['Closed', ['shipped', 'never-arrived'], false, true],
      ['Completed', ['shipped', 'cancelled', 'returned-without-errors'], true, true],
    ];
  it.each(ROAD)('a job in %s', async (state, road, asked, expired) => {
    for (const [why, allowed] of [
      ['asked', asked],
      ['expired', expired],
    ] as const) {
      const { id } = await ledger.createJob(inGroup(why, 'job'), 'alex');
      for (const event of road) await ledger.transitionJob(id, { event }, 'station');
      const gone = ledger.deleteJob(id, 'alex', why);
      if (allowed) await gone;
      else await expect(gone).rejects.toMatchObject({ code: 'job-change-refused' });
      expect((await ledger.jobByName(id))?.state.name).toBe(allowed ? undefined : state);
      expect((await events()).at(-1)?.type).toBe(allowed ? 'deleted' : 'delete-refused');
    }
  });

  it('takes everything of the job with it, and nothing of others', async () => {
    const other = await transferring(ledger, 'other');
    const ref = await transferring(ledger, 'gone');
    const parcel = await ledger.parcels.open(ref.jobId, undefined, 'alex');
    await ledger.parcels.flagExtra({
      serial: 'X',
      model: null,
      bay: BOUND_DISK.bay,
      jobId: ref.jobId,
      parcelId: parcel.id,
      reason: 'extra',
    });
    const shell = new DatabaseSync(file());
    shell.prepare("UPDATE jobs SET state = 'Completed' WHERE id = ?").run(ref.jobId);
    shell.close();
    await ledger.deleteJob(ref.jobId, 'alex');
    expect(await ledger.drivesOf(ref.jobId)).toEqual([]);
    expect(await ledger.copyOf(ref)).toBeUndefined();
    expect(await ledger.parcels.checkIn()).toBeUndefined();
    expect((await ledger.parcels.extras('all')).map(({ jobId }) => jobId)).toEqual([null]);
    expect((await ledger.drive(other))?.state.name).toBe('Transferring');
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
  });
});

describe('lists', () => {
  it('walk every job once, whatever the page, and only those that are meant', async () => {
    const groups = ['a', 'a.b', 'a-b', 'ab', 'A_b'];
    for (const group of groups) {
      for (const name of ['j-1', 'j_2', 'j3']) await ledger.createJob(inGroup(group, name), 'alex');
    }
    const { subscriptionId } = inGroup('a', 'x').details;
    for (const [resourceGroup, count] of [
      [undefined, 15],
      ['A', 3],
      ['a.B', 3],
      ['none', 0],
    ] as const) {
      const scope = resourceGroup === undefined ? {} : { resourceGroup };
      for (const top of [1, 2, 3, 15, 100]) {
        const seen: JobId[] = [];
        let after: { readonly after?: string } = {};
        for (;;) {
          const query = { subscriptionId, ...scope, ...after, filter: {}, top };
          const { jobs, next } = await ledger.listJobs(query);
          seen.push(...jobs.map(({ id }) => id));
          if (next === undefined) break;
          after = { after: next };
        }
        expect(new Set(seen).size).toBe(count);
        expect(seen).toHaveLength(count);
      }
    }
  });
});
