import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { aTask, QueueBench } from '../../support/copy-queue.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryDirectory } from '../../support/ledger.ts';

/**
 * Any order of what can happen to a queue, next to a model of what it must hold: each task is settled
 * exactly once or still in the queue, and never more than the bound run at once.
 */

const CONCURRENT = 2;
const MAX_ATTEMPTS = 3;
const IDS = ['a', 'b', 'c', 'd'];
const FAILED = { kind: 'failed', error: new Error('no') } as const;

/** What the model knows of one task. */
interface Known {
  /** Has the queue to run it (again)? */
  wanted: boolean;
  running: boolean;
  delayed: boolean;
  /** Cancelled while it ran; the run has not ended. */
  cancelled: boolean;
  /** Enqueued while it ran. */
  again: boolean;
  failures: number;
}

type Step =
  | { readonly do: 'enqueue' | 'cancel'; readonly id: string }
  | { readonly do: 'end'; readonly which: number; readonly how: 'finished' | 'parked' | 'failed' }
  | { readonly do: 'wake' | 'pause' | 'resume' | 'crash' };

const id = fc.constantFrom(...IDS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('enqueue' as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), id }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('end' as const),
      which: fc.nat(CONCURRENT - 1),
      how: fc.constantFrom('finished', 'parked', 'failed', 'failed'),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'wake' as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'pause' as const }, { do: 'resume' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'crash' as const }) },
);

it('holds what the model holds after any steps', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      await using directory = await temporaryDirectory();
      const world = await World.open(join(directory.path, 'ledger.sqlite'));
      try {
        for (const next of steps) {
          await world.take(next);
          await world.expectAgreement();
        }
        await world.finishAll();
      } finally {
        await world.close();
      }
    }),
    { numRuns: 30 },
  );
});

class World {
  readonly #file: string;
  readonly #known = new Map<string, Known>(IDS.map((name) => [name, nothingKnown()]));
  #bench: QueueBench;
  #paused = false;
  #gaveUp = 0;

  private constructor(file: string, bench: QueueBench) {
    this.#file = file;
    this.#bench = bench;
  }

  static async open(file: string): Promise<World> {
    return new World(file, await openBench(file));
  }

  async take(next: Step): Promise<void> {
    switch (next.do) {
      case 'enqueue':
        await this.#bench.queue.enqueue(aTask(next.id));
        return enqueued(this.#of(next.id));
      case 'cancel':
        expect(await this.#bench.queue.cancel(next.id)).toBe(this.#of(next.id).running);
        return cancelled(this.#of(next.id));
      case 'end':
        return this.#end(next.which, next.how);
      case 'wake':
        this.#bench.wake();
        for (const task of this.#known.values()) task.delayed = false;
        return;
      case 'pause':
        this.#paused = true;
        return this.#bench.queue.pause('test');
      case 'resume':
        this.#paused = false;
        return this.#bench.queue.resume('test');
      case 'crash':
        return await this.#crash();
    }
  }

  /** The queue starts what it may and holds what it must; nothing it does takes longer than this. */
  async expectAgreement(): Promise<void> {
    const wanted = this.#names((task) => task.wanted);
    await eventually(async () => {
      this.#noteStarts();
      const held: string[] = [];
      for (const name of IDS) if (await this.#bench.queue.has(name)) held.push(name);
      expect(held).toEqual(wanted);
      const ready = this.#names((task) => task.wanted && !task.running && !task.delayed);
      const free = CONCURRENT - this.#bench.runs.length;
      if (!this.#paused) expect(Math.min(free, ready.length)).toBe(0);
      const delayed = this.#names((task) => task.delayed).length;
      expect(this.#bench.pauses.length).toBe(delayed);
      // A pause that is over is written down before a crash may come.
      expect((await this.#bench.queue.depth()).delayed).toBe(delayed);
      expect(this.#bench.givenUp.length).toBe(this.#gaveUp);
    });
    expect(this.#bench.mostAtOnce).toBeLessThanOrEqual(CONCURRENT);
    const running = this.#names((task) => task.running);
    expect(this.#bench.runningIds).toEqual(running);
  }

  /** Everything that is still in the queue can be brought to its end. */
  async finishAll(): Promise<void> {
    await this.take({ do: 'resume' });
    while (this.#names((task) => task.wanted || task.running).length > 0) {
      await this.take({ do: 'wake' });
      await this.expectAgreement();
      await this.take({ do: 'end', which: 0, how: 'finished' });
      await this.expectAgreement();
    }
    expect(await this.#bench.queue.depth()).toEqual({ waiting: 0, running: 0, delayed: 0 });
  }

  async close(): Promise<void> {
    await this.#bench.close();
  }

  #end(which: number, how: 'finished' | 'parked' | 'failed'): void {
    const run = this.#bench.runs[which];
    if (run === undefined) return;
    const task = this.#of(run.id);
    run.end(how === 'failed' ? FAILED : { kind: how });
    if (ended(task, how) === 'gave-up') this.#gaveUp++;
  }

  async #crash(): Promise<void> {
    await this.#bench.crash();
    this.#bench = await openBench(this.#file);
    this.#paused = false;
    this.#gaveUp = 0;
    for (const task of this.#known.values()) {
      if (task.cancelled && task.again) task.failures = 0;
      if (task.cancelled && !task.again) Object.assign(task, nothingKnown());
      Object.assign(task, { running: false, cancelled: false, again: false });
    }
  }

  /** Which of the ready tasks start is the queue's affair; the model learns of it here. */
  #noteStarts(): void {
    for (const run of this.#bench.runs) {
      const task = this.#of(run.id);
      if (task.running) continue;
      expect(task).toMatchObject({ wanted: true, delayed: false });
      task.running = true;
    }
  }

  #names(is: (task: Known) => boolean): string[] {
    return IDS.filter((name) => is(this.#of(name)));
  }

  #of(name: string): Known {
    return this.#known.get(name) ?? expect.unreachable();
  }
}

function openBench(file: string): Promise<QueueBench> {
  return QueueBench.open(file, { concurrent: CONCURRENT, maxAttempts: MAX_ATTEMPTS });
}

function nothingKnown(): Known {
  return {
    wanted: false,
    running: false,
    delayed: false,
    cancelled: false,
    again: false,
    failures: 0,
  };
}

function enqueued(task: Known): void {
  if (task.running) task.again = true;
  task.wanted = true;
}

function cancelled(task: Known): void {
  if (!task.running) Object.assign(task, nothingKnown());
  else Object.assign(task, { wanted: false, cancelled: true, again: false });
}

function ended(task: Known, how: 'finished' | 'parked' | 'failed'): 'gave-up' | undefined {
  const before = { ...task };
  Object.assign(task, { running: false, cancelled: false, again: false });
  if (before.cancelled) {
    task.failures = 0;
    task.wanted = before.again;
    return undefined;
  }
  switch (how) {
    case 'finished':
      Object.assign(task, nothingKnown());
      return undefined;
    case 'parked':
      task.wanted = before.again;
      return undefined;
    case 'failed':
      task.failures++;
      task.delayed = true;
      if (task.failures < MAX_ATTEMPTS) return undefined;
      Object.assign(task, nothingKnown());
      return 'gave-up';
  }
}
