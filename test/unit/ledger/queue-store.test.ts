import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import type { CopyTask } from '../../../src/ledger/contract.ts';
import type { Callback, QueueStore } from '../../../src/ledger/queue-store.ts';
import type { SqliteLedger } from '../../../src/ledger/sqlite.ts';
import { aTask } from '../../support/copy-queue.ts';
import { openLedger, temporaryDirectory } from '../../support/ledger.ts';

/** The store as better-queue sees it, and what it finds after a restart. */

let store: QueueStore;
let reopen: () => Promise<QueueStore>;

beforeEach(async () => {
  const directory = await temporaryDirectory();
  const file = join(directory.path, 'ledger.sqlite');
  let ledger: SqliteLedger = await openLedger(file);
  store = ledger.queueStore();
  reopen = async () => {
    await ledger.close();
    ledger = await openLedger(file);
    return ledger.queueStore();
  };
  onTestFinished(async () => {
    await ledger.close();
    await directory[Symbol.asyncDispose]();
  });
});

it('takes the first or the last tasks, the urgent ones before', async () => {
  await put('a', 'b');
  await asked<void>((done) => store.putTask('urgent', aTask('urgent'), 5, done));
  await put('c');
  expect(await take(2)).toEqual(['urgent', 'a']);
  const last = await asked<string>((done) => store.takeLastN(1, done));
  expect(Object.keys(await asked((done) => store.getLock(last, done)))).toEqual(['c']);
  expect(await take(5)).toEqual(['b']);
  expect(await take(5)).toEqual([]);
});

it('answers for a lock that it has just taken within the same turn', async () => {
  await put('a');
  const lockId = await asked<string>((done) => store.takeFirstN(1, done));
  let batch: object | undefined;
  store.getLock(lockId, (_, found) => {
    batch = found;
  });
  expect(batch).toEqual({ a: aTask('a') });
});

it('knows only waiting tasks by id, and counts the running ones too', async () => {
  await put('a', 'b');
  await take(1);
  const get = (id: string) => asked<CopyTask | undefined>((done) => store.getTask(id, done));
  expect(await get('a')).toBeUndefined();
  expect(await get('b')).toEqual(aTask('b'));
  expect(await asked((done) => store.connect(done))).toBe(2);
});

it('never doubles an id, and keeps the place of one that waits', async () => {
  await put('a', 'b', 'a');
  expect(await take(5)).toEqual(['a', 'b']);
});

it('hands out after a restart what was taken and not released', async () => {
  await put('a', 'b', 'c');
  const first = await asked<string>((done) => store.takeFirstN(1, done));
  const second = await asked<string>((done) => store.takeFirstN(1, done));
  await asked<void>((done) => store.releaseLock(first, done));
  store = await reopen();
  expect(await asked((done) => store.getRunningTasks(done))).toEqual({
    [second]: { b: aTask('b') },
  });
  expect(await asked((done) => store.getLock(second, done))).toEqual({ b: aTask('b') });
  await asked<void>((done) => store.releaseLock(second, done));
  expect(await take(5)).toEqual(['c']);
});

it('lets a task wait again that was put while it ran, also without a settlement', async () => {
  await put('a');
  const lockId = await asked<string>((done) => store.takeFirstN(1, done));
  await put('a');
  expect(await take(5)).toEqual([]);
  await asked<void>((done) => store.releaseLock(lockId, done));
  expect(await take(5)).toEqual(['a']);
});

it('lets everything that ran wait again in its old place, without what was cancelled', async () => {
  await put('a', 'b', 'c', 'd');
  await take(3);
  await asked<void>((done) => store.deleteTask('b', done));
  store = await reopen();
  await store.requeueRunning();
  expect(await take(5)).toEqual(['a', 'c', 'd']);
});

it('counts the failures of a task until a person resolved what was wrong', async () => {
  await put('a');
  await take(1);
  await store.settle('a', { kind: 'failed', failures: 1, dueAtMs: 5 });
  expect(await store.find('a')).toMatchObject({ status: 'delayed', failures: 1, dueAtMs: 5 });
  await put('a');
  await take(1);
  await store.settle('a', { kind: 'parked' });
  expect(await store.find('a')).toMatchObject({ status: 'parked', failures: 1, lockId: null });
});

it('settles only what runs', async () => {
  await put('a');
  await store.settle('a', { kind: 'finished' });
  expect(await store.find('a')).toMatchObject({ status: 'waiting' });
  expect(await store.settle('never-there', { kind: 'finished' })).toBeUndefined();
});

async function put(...ids: string[]): Promise<void> {
  for (const id of ids) {
    await asked<void>((done) => store.putTask(id, aTask(id), undefined, done));
  }
}

async function take(count: number): Promise<string[]> {
  const lockId = await asked<string>((done) => store.takeFirstN(count, done));
  return Object.keys(await asked((done) => store.getLock(lockId, done)));
}

function asked<T>(call: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error === null ? resolve(value) : reject(error)));
  });
}
