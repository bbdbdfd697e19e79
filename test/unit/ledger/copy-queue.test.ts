import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { CopyQueueOptions } from '../../../src/ledger/copy-queue-contract.ts';
import { aTask, QueueBench } from '../../support/copy-queue.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/ledger.ts';

const FAILED = { kind: 'failed', error: new Error('it does not read') } as const;

it('runs tasks in the order of their arrival, never more than the bound at once', async () => {
  const { open } = await place();
  const bench = await open();
  for (const id of ['c', 'a', 'd', 'b']) await bench.queue.enqueue(aTask(id));
  await running(bench, 'a', 'c');
  bench.run('c').end({ kind: 'finished' });
  await running(bench, 'a', 'd');
  bench.run('d').end({ kind: 'finished' });
  await running(bench, 'a', 'b');
  expect(bench.started).toEqual(['c', 'a', 'd', 'b']);
  expect(bench.mostAtOnce).toBe(2);
  expect(await bench.queue.depth()).toEqual({ waiting: 0, running: 2, delayed: 0 });
});

it('does nothing for a task that is in the queue already', async () => {
  const { open } = await place();
  const bench = await open({ concurrent: 1 });
  await Promise.all(['a', 'a', 'b', 'b', 'b'].map((id) => bench.queue.enqueue(aTask(id))));
  await running(bench, 'a');
  bench.run('a').end({ kind: 'finished' });
  await running(bench, 'b');
  bench.run('b').end({ kind: 'finished' });
  await empty(bench);
  expect(bench.started).toEqual(['a', 'b']);
});

it('takes up what it had after a kill, within the bound and in the old order', async () => {
  const { open } = await place();
  const first = await open({ concurrent: 3 });
  for (const id of ['a', 'b', 'c', 'd', 'e']) await first.queue.enqueue(aTask(id));
  await running(first, 'a', 'b', 'c');
  await first.crash();
  const second = await open({ concurrent: 2 });
  await running(second, 'a', 'b');
  second.run('b').end({ kind: 'finished' });
  await running(second, 'a', 'c');
  expect(second.mostAtOnce).toBe(2);
});

it('fills every free place at the start', async () => {
  const { open } = await place();
  const first = await open({ startPaused: true });
  for (const id of ['a', 'b', 'c', 'd']) await first.queue.enqueue(aTask(id));
  await first.close();
  const second = await open({ concurrent: 4 });
  await running(second, 'a', 'b', 'c', 'd');
});

it('tries a failed task again after a doubled pause, then gives it up', async () => {
  const { open } = await place();
  const bench = await open({ maxAttempts: 3, retryDelayMs: 1000 });
  await bench.queue.enqueue(aTask('a'));
  for (const pause of [1000, 2000]) {
    await running(bench, 'a');
    bench.run('a').end(FAILED);
    await eventually(() => expect(bench.pauses).toMatchObject([{ milliseconds: pause }]));
    expect(await bench.queue.has('a')).toBe(true);
    expect(bench.runs).toEqual([]);
    bench.wake();
  }
  await running(bench, 'a');
  bench.run('a').end(FAILED);
  await empty(bench);
  expect(bench.givenUp).toEqual([{ id: 'a', error: FAILED.error }]);
  expect(bench.started).toHaveLength(3);
  await bench.queue.enqueue(aTask('a'));
  await running(bench, 'a');
});

it('begins the count anew when a failed run came further than the runs before it', async () => {
  const { open } = await place();
  const bench = await open({ maxAttempts: 2, retryDelayMs: 1000 });
  await bench.queue.enqueue(aTask('a'));
  for (let crash = 0; crash < 5; crash++) {
    await running(bench, 'a');
    bench.run('a').end({ ...FAILED, progressed: true });
    await eventually(() => expect(bench.pauses).toMatchObject([{ milliseconds: 1000 }]));
    bench.wake();
  }
  await running(bench, 'a');
  bench.run('a').end(FAILED);
  await empty(bench);
  expect(bench.givenUp).toHaveLength(1);
});

it('never gives up what is postponed, and counts the failures before and after it', async () => {
  const { open } = await place();
  const bench = await open({ maxAttempts: 2, retryDelayMs: 1000 });
  await bench.queue.enqueue(aTask('a'));
  await running(bench, 'a');
  bench.run('a').end(FAILED);
  await eventually(() => expect(bench.pauses).toHaveLength(1));
  bench.wake();
  for (const [times, pause] of [1000, 2000, 4000].entries()) {
    await running(bench, 'a');
    bench.run('a').end({ kind: 'postponed', reason: 'it was killed', times: times + 1 });
    await eventually(() => expect(bench.pauses).toMatchObject([{ milliseconds: pause }]));
    bench.wake();
  }
  await running(bench, 'a');
  expect(bench.givenUp).toEqual([]);
  bench.run('a').end(FAILED);
  await empty(bench);
  expect(bench.givenUp).toHaveLength(1);
});

it('counts failures over restarts and over a parking, and waits out a pause that was begun', async () => {
  const { open } = await place();
  const first = await open({ maxAttempts: 2 });
  await first.queue.enqueue(aTask('a'));
  await running(first, 'a');
  first.run('a').end(FAILED);
  await eventually(() => expect(first.pauses).toHaveLength(1));
  await first.crash();
  const second = await open({ maxAttempts: 2 });
  await eventually(() => expect(second.pauses).toMatchObject([{ milliseconds: 1000 }]));
  expect(second.runs).toEqual([]);
  second.wake();
  await running(second, 'a');
  second.run('a').end({ kind: 'parked' });
  await gone(second, 'a');
  await second.queue.enqueue(aTask('a'));
  await running(second, 'a');
  second.run('a').end(FAILED);
  await eventually(() => expect(second.givenUp).toHaveLength(1));
});

it('takes what a run throws for a failure', async () => {
  const { open } = await place();
  const bench = await open({ maxAttempts: 1 });
  await bench.queue.enqueue(aTask('a'));
  await running(bench, 'a');
  bench.run('a').fail(FAILED.error);
  await eventually(() => expect(bench.givenUp).toEqual([{ id: 'a', error: FAILED.error }]));
});

it('runs a parked task again only when it is enqueued, also when that was during the run', async () => {
  const { open } = await place();
  const bench = await open();
  await bench.queue.enqueue(aTask('a'));
  await running(bench, 'a');
  bench.run('a').end({ kind: 'parked' });
  await gone(bench, 'a');
  expect(bench.started).toHaveLength(1);
  await bench.queue.enqueue(aTask('a'));
  await running(bench, 'a');
  await bench.queue.enqueue(aTask('a'));
  bench.run('a').end({ kind: 'parked' });
  await eventually(() => expect(bench.started).toHaveLength(3));
  await bench.queue.enqueue(aTask('a'));
  bench.run('a').end({ kind: 'finished' });
  await gone(bench, 'a');
});

it('takes a task again that was parked just while it was enqueued', async () => {
  const { open } = await place();
  const bench = await open({ concurrent: 1 });
  await bench.queue.enqueue(aTask('a'));
  await running(bench, 'a');
  const store = bench.store;
  const find = store.find.bind(store);
  store.find = async (id) => {
    const row = await find(id);
    store.find = find;
    bench.run('a').end({ kind: 'parked' });
    await eventually(async () => expect((await find(id))?.status).toBe('parked'));
    return row;
  };
  await bench.queue.enqueue(aTask('a'));
  await eventually(() => expect(bench.started).toEqual(['a', 'a']));
});

it('keeps the place of a cancelled run until it has ended', async () => {
  const { open } = await place();
  const bench = await open({ concurrent: 1 });
  for (const id of ['a', 'b']) await bench.queue.enqueue(aTask(id));
  await running(bench, 'a');
  expect(await bench.queue.cancel('a')).toBe(true);
  expect(bench.run('a').signal.reason).toMatchObject({ code: 'cancelled' });
  expect(await bench.queue.has('a')).toBe(false);
  await sleep(50);
  expect(bench.runningIds).toEqual(['a']);
  bench.run('a').end(FAILED);
  await running(bench, 'b');
  expect(bench.givenUp).toEqual([]);
  expect(await bench.queue.has('a')).toBe(false);
});

it('forgets a cancelled task that waits, is due later, or was parked', async () => {
  const { open } = await place();
  const bench = await open({ concurrent: 1 });
  await bench.queue.enqueue(aTask('late'));
  await running(bench, 'late');
  bench.run('late').end(FAILED);
  await eventually(() => expect(bench.pauses).toHaveLength(1));
  for (const id of ['a', 'b']) await bench.queue.enqueue(aTask(id));
  expect(await bench.queue.cancel('late')).toBe(false);
  expect(await bench.queue.cancel('b')).toBe(false);
  expect(await bench.queue.cancel('never-there')).toBe(false);
  bench.wake();
  await running(bench, 'a');
  bench.run('a').end({ kind: 'finished' });
  await empty(bench);
  expect(bench.started).toEqual(['late', 'a']);
});

it('runs a task that was enqueued again after its cancel, once the old run has ended', async () => {
  const { open } = await place();
  const bench = await open();
  await bench.queue.enqueue(aTask('a'));
  await running(bench, 'a');
  await bench.queue.cancel('a');
  await bench.queue.enqueue(aTask('a'));
  expect(await bench.queue.has('a')).toBe(true);
  await sleep(50);
  expect(bench.started).toHaveLength(1);
  bench.run('a').end({ kind: 'parked' });
  await eventually(() => expect(bench.started).toHaveLength(2));
});

it('starts nothing while one reason to pause is left, and lets running tasks go on', async () => {
  const { open } = await place();
  const bench = await open();
  await bench.queue.enqueue(aTask('a'));
  await running(bench, 'a');
  bench.queue.pause('storage');
  bench.queue.pause('reserve');
  for (const id of ['b', 'c']) await bench.queue.enqueue(aTask(id));
  bench.run('a').end({ kind: 'finished' });
  await gone(bench, 'a');
  bench.queue.resume('storage');
  expect(bench.queue.pauseReasons()).toEqual(['reserve']);
  await sleep(50);
  expect(bench.runs).toEqual([]);
  bench.queue.resume('reserve');
  await running(bench, 'b', 'c');
});

it('starts nothing before it is told to, whatever other reasons come and go', async () => {
  const { open } = await place();
  const bench = await open({ startPaused: true });
  await bench.queue.enqueue(aTask('a'));
  bench.queue.pause('reserve');
  bench.queue.resume('reserve');
  await sleep(50);
  expect(bench.runs).toEqual([]);
  bench.queue.resume();
  await running(bench, 'a');
});

it('stops what runs when it closes, counts no failure, and names what does not stop', async () => {
  const { open } = await place();
  const first = await open({ maxAttempts: 1 });
  for (const id of ['a', 'b', 'c']) await first.queue.enqueue(aTask(id));
  await running(first, 'a', 'b');
  const a = first.run('a');
  a.signal.addEventListener('abort', () => a.end(FAILED));
  const closing = first.queue.close(500);
  await eventually(() => expect(first.pauses).toMatchObject([{ milliseconds: 500 }]));
  await eventually(() => expect(first.runningIds).toEqual(['b']));
  first.wake();
  expect(await closing).toEqual(['b']);
  await expect(first.queue.enqueue(aTask('d'))).rejects.toMatchObject({ code: 'cancelled' });
  expect(first.givenUp).toEqual([]);
  await first.ledger.close();
  const second = await open();
  await running(second, 'a', 'b');
  expect(await second.queue.depth()).toEqual({ waiting: 1, running: 2, delayed: 0 });
});

/** A directory that lives as long as the test, and queues on one database in it. */
async function place() {
  const directory = await temporaryDirectory();
  const opened: QueueBench[] = [];
  onTestFinished(async () => {
    for (const bench of opened) await bench.close();
    await directory[Symbol.asyncDispose]();
  });
  const open = async (options: Partial<CopyQueueOptions> = {}) => {
    const bench = await QueueBench.open(join(directory.path, 'ledger.sqlite'), options);
    opened.push(bench);
    return bench;
  };
  return { open };
}

async function running(bench: QueueBench, ...ids: string[]): Promise<void> {
  await eventually(() => expect(bench.runningIds).toEqual(ids));
}

async function gone(bench: QueueBench, id: string): Promise<void> {
  await eventually(async () => expect(await bench.queue.has(id)).toBe(false));
}

async function empty(bench: QueueBench): Promise<void> {
  const nothing = { waiting: 0, running: 0, delayed: 0 };
  await eventually(async () => expect(await bench.queue.depth()).toEqual(nothing));
}
