import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { CopyQueueOptions } from '../../../src/ledger/copy-queue-contract.ts';
import { aTask, QueueBench } from '../../support/copy-queue.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/ledger.ts';

/** The lane of the sick: what turned sick, or hangs, never keeps a healthy one waiting. */

const SICK_FAILURE = { kind: 'failed', error: new Error('it does not read'), sick: true } as const;

it('a copy that turns sick makes room for the next one, and goes on', async () => {
  const bench = await filled(['a', 'b', 'c', 'd']);
  await running(bench, 'a', 'b');
  bench.queue.turned('a', 'sick');
  await running(bench, 'a', 'b', 'c');
  bench.run('a').end({ kind: 'finished' });
  await running(bench, 'b', 'c');
  bench.run('b').end({ kind: 'finished' });
  await running(bench, 'c', 'd');
  for (const id of ['c', 'd']) bench.run(id).end({ kind: 'finished' });
  await empty(bench);
  expect(bench.started).toEqual(['a', 'b', 'c', 'd']);
});

it('one that finds no room among the sick is put back, and goes on when there is some', async () => {
  const bench = await filled(['a', 'b', 'c', 'd']);
  await running(bench, 'a', 'b');
  bench.queue.turned('a', 'sick');
  await running(bench, 'a', 'b', 'c');
  bench.queue.turned('b', 'sick');
  await running(bench, 'a', 'b', 'c', 'd');
  expect(bench.run('b').makeRoom.aborted).toBe(true);
  bench.run('b').end({ kind: 'evicted' });
  await running(bench, 'a', 'c', 'd');
  expect(await bench.queue.has('b')).toBe(true);
  bench.run('c').end({ kind: 'finished' });
  await running(bench, 'a', 'd');
  bench.run('a').end({ kind: 'finished' });
  await running(bench, 'b', 'd');
  expect(bench.givenUp).toEqual([]);
});

it('the longest among the sick is put back after its turn when another one waits', async () => {
  const bench = await filled(['a', 'b'], { sickTurnMs: 5000 });
  await running(bench, 'a', 'b');
  bench.queue.turned('a', 'sick');
  bench.queue.turned('b', 'sick');
  bench.run('b').end({ kind: 'evicted' });
  await eventually(() => expect(bench.pauses).toMatchObject([{ milliseconds: 5000 }]));
  expect(bench.run('a').makeRoom.aborted).toBe(false);
  bench.wake();
  await eventually(() => expect(bench.run('a').makeRoom.aborted).toBe(true));
  bench.run('a').end({ kind: 'evicted' });
  await running(bench, 'b');
  await eventually(() => expect(bench.pauses).toMatchObject([{ milliseconds: 5000 }]));
  bench.run('b').end({ kind: 'finished' });
  await running(bench, 'a');
  expect(bench.started).toEqual(['a', 'b', 'b', 'a']);
});

it('one that hangs needs no place in any lane', async () => {
  const bench = await filled(['a', 'b', 'c', 'd'], { concurrent: 1 });
  await running(bench, 'a');
  bench.queue.turned('a', 'hanging');
  await running(bench, 'a', 'b');
  bench.queue.turned('b', 'hanging');
  await running(bench, 'a', 'b', 'c');
  bench.queue.turned('c', 'sick');
  await running(bench, 'a', 'b', 'c', 'd');
});

it.each(['hanging', 'sick'] as const)(
  'one that was %s and is well again comes back before those that wait',
  async (condition) => {
    const bench = await filled(['a', 'b', 'c'], { concurrent: 1 });
    await running(bench, 'a');
    bench.queue.turned('a', condition);
    await running(bench, 'a', 'b');
    bench.queue.turned('a', 'well');
    bench.run('b').end({ kind: 'finished' });
    await eventually(async () => expect((await bench.queue.depth()).running).toBe(2));
    expect(bench.runningIds).toEqual(['a']);
    bench.run('a').end({ kind: 'finished' });
    await running(bench, 'c');
  },
);

it('an attempt after a failure of the disk begins among the sick', async () => {
  const bench = await filled(['a', 'b', 'c']);
  await running(bench, 'a', 'b');
  bench.run('a').end(SICK_FAILURE);
  await running(bench, 'b', 'c');
  bench.wake();
  await running(bench, 'a', 'b', 'c');
});

it('a crash loses neither who is sick, nor who was put back', async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'ledger.sqlite');
  const first = await QueueBench.open(file);
  for (const id of ['a', 'b', 'c', 'd']) await first.queue.enqueue(aTask(id));
  await running(first, 'a', 'b');
  first.queue.turned('a', 'sick');
  first.queue.turned('b', 'sick');
  first.run('b').end({ kind: 'evicted' });
  await running(first, 'a', 'c', 'd');
  await first.crash();
  const second = await QueueBench.open(file, { concurrent: 4 });
  onTestFinished(() => second.close());
  second.wake();
  await running(second, 'a', 'b', 'c', 'd');
});

it('what is cancelled among the sick is gone, whether it runs or waits', async () => {
  const bench = await filled(['a', 'b']);
  await running(bench, 'a', 'b');
  bench.queue.turned('a', 'sick');
  bench.queue.turned('b', 'sick');
  bench.run('b').end({ kind: 'evicted' });
  await running(bench, 'a');
  await eventually(async () => expect(await bench.queue.cancel('b')).toBe(true));
  await eventually(async () => expect(await bench.queue.has('b')).toBe(false));
  expect(await bench.queue.cancel('a')).toBe(true);
  bench.run('a').end({ kind: 'parked' });
  await empty(bench);
});

async function filled(
  ids: readonly string[],
  options: Partial<CopyQueueOptions> = {},
): Promise<QueueBench> {
  const directory = await temporaryDirectory();
  const bench = await QueueBench.open(join(directory.path, 'ledger.sqlite'), options);
  onTestFinished(async () => {
    await bench.close();
    await directory[Symbol.asyncDispose]();
  });
  for (const id of ids) await bench.queue.enqueue(aTask(id));
  return bench;
}

async function running(bench: QueueBench, ...ids: readonly string[]): Promise<void> {
  await eventually(() => expect(bench.runningIds).toEqual(ids));
}

async function empty(bench: QueueBench): Promise<void> {
  const nothing = { waiting: 0, running: 0, delayed: 0 };
  await eventually(async () => expect(await bench.queue.depth()).toEqual(nothing));
}
