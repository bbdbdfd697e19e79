import type { CopyTask } from './contract.ts';
import {
  changeTask,
  countTasks,
  findTask,
  insertTask,
  nextPosition,
  type QueueRow,
  type QueueScope,
  type QueueStatus,
  removeTask,
  tasksIn,
} from './queue-rows.ts';
import type { Database, Executor } from './tables.ts';

/** After an error the value is an empty one: better-queue does not always look at the error. */
export type Callback<T = void> = (error: unknown, value: T) => void;
export type Batch = Record<string, CopyTask>;

export interface QueueStoreOptions {
  readonly station: string;
}

export interface QueueStoreDependencies {
  readonly db: Database;
  readonly uuid: () => string;
}

/** How one run of a task ended, and when it is due again if it is. */
export type Settlement =
  | { readonly kind: 'finished' | 'parked' | 'gave-up' }
  /** Stopped to make room: due again at once, and no failure. */
  | { readonly kind: 'evicted' }
  | { readonly kind: 'failed'; readonly failures: number; readonly dueAtMs: number };

/**
 * The work queue on the ledger's database, in the shape that better-queue asks of a store, with what
 * it lacks beside it. Each method is one transaction, so a crash at any instant leaves every task in
 * exactly one row: taken ones are kept under their lock until they are settled or released.
 *
 * better-queue counts a batch as running only after `getLock` has answered; an answer in a later turn
 * would let it start more than `concurrent` ones. A lock taken here is therefore answered at once.
 */
export class QueueStore {
  readonly #station: string;
  readonly #db: Database;
  readonly #uuid: () => string;
  readonly #taken = new Map<string, Batch>();

  constructor(options: QueueStoreOptions, dependencies: QueueStoreDependencies) {
    this.#station = options.station;
    this.#db = dependencies.db;
    this.#uuid = dependencies.uuid;
  }

  /** Answers how many tasks are waiting or running. */
  connect(done: Callback<number>): void {
    const count = this.depth().then(({ waiting, running }) => waiting + running);
    answer(count, 0, done);
  }

  /** The task when it waits; one that is running, delayed or parked is none to better-queue. */
  getTask(id: string, done: Callback<CopyTask | undefined>): void {
    const waiting = this.find(id).then((row) => (row?.status === 'waiting' ? row.task : undefined));
    answer(waiting, undefined, done);
  }

  /** Makes the task wait; one that runs is noted to be wanted again. Never doubles an id. */
  putTask(id: string, task: CopyTask, priority: number | undefined, done: Callback): void {
    answer(this.put({ ...task, id }, priority), undefined, done);
  }

  /** Takes the task out; one that runs is forgotten when it ends. */
  deleteTask(id: string, done: Callback): void {
    const removed = this.remove(id).then(() => undefined);
    answer(removed, undefined, done);
  }

  /** Takes the next tasks, the most urgent and then the oldest first, under a new lock. */
  takeFirstN(count: number, done: Callback<string>): void {
    const lock = this.#take((waiting) => waiting.slice(0, count));
    answer(lock, '', done);
  }

  takeLastN(count: number, done: Callback<string>): void {
    const lock = this.#take((waiting) => waiting.slice(-count).reverse());
    answer(lock, '', done);
  }

  getLock(lockId: string, done: Callback<Batch>): void {
    const taken = this.#taken.get(lockId);
    if (taken === undefined) answer(this.#locked(lockId), {}, done);
    else done(null, taken);
  }

  getRunningTasks(done: Callback<Record<string, Batch>>): void {
    answer(this.#running(), {}, done);
  }

  /** Ends what is still under the lock; a task that was put again meanwhile waits again. */
  releaseLock(lockId: string, done: Callback): void {
    this.#taken.delete(lockId);
    answer(this.#release(lockId), undefined, done);
  }

  async find(id: string): Promise<QueueRow | undefined> {
    return await findTask(this.#scope(this.#db), id);
  }

  async depth(): Promise<Record<QueueStatus, number>> {
    return await countTasks(this.#scope(this.#db));
  }

  async tasks(status: QueueStatus): Promise<readonly QueueRow[]> {
    return await tasksIn(this.#scope(this.#db), status);
  }

  async put(task: CopyTask, priority = 0): Promise<void> {
    await this.#transaction(async (scope) => {
      const row = await findTask(scope, task.id);
      if (row === undefined) return await insertTask(scope, { task, priority });
      const changed = { task: JSON.stringify(task), priority };
      switch (row.status) {
        case 'waiting':
          return await changeTask(scope, task.id, changed);
        case 'running':
          return await changeTask(scope, task.id, { ...changed, after_run: wantedAgain(row) });
        case 'delayed':
        case 'parked':
          return await changeTask(scope, task.id, { ...changed, ...(await atTheEnd(scope)) });
      }
    });
  }

  /** Notes of a task that runs that it is wanted again; whether it still ran. */
  async wantAgain({ id }: CopyTask): Promise<boolean> {
    return await this.#transaction(async (scope) => {
      const row = await findTask(scope, id);
      if (row?.status !== 'running') return false;
      await changeTask(scope, id, { after_run: wantedAgain(row) });
      return true;
    });
  }

  /** Removes the task, at once or when its run ends; answers what it was doing. */
  async remove(id: string): Promise<QueueStatus | undefined> {
    return await this.#transaction(async (scope) => {
      const row = await findTask(scope, id);
      if (row?.status === 'running') await changeTask(scope, id, { after_run: 'remove' });
      else await removeTask(scope, id);
      return row?.status;
    });
  }

  /** Records how a run ended; answers what is left of the task. */
  async settle(id: string, settlement: Settlement): Promise<QueueRow | undefined> {
    return await this.#transaction(async (scope) => {
      const row = await findTask(scope, id);
      if (row?.status !== 'running') return row;
      await settleRow(scope, row, settlement);
      return await findTask(scope, id);
    });
  }

  /**
   * Takes a running task out of better-queue's hands: what it releases from then on is not this task,
   * which runs until it is settled.
   */
  async keepRunning(id: string): Promise<void> {
    await this.#transaction(async (scope) => {
      const row = await findTask(scope, id);
      if (row?.status === 'running') await changeTask(scope, id, { lock_id: null });
    });
  }

  /** Lets a task that was delayed run outside of better-queue; whether it was there to be taken. */
  async takeDelayed(id: string): Promise<boolean> {
    return await this.#transaction(async (scope) => {
      const row = await findTask(scope, id);
      if (row?.status !== 'delayed') return false;
      await changeTask(scope, id, { status: 'running', ...unlocked });
      return true;
    });
  }

  /**
   * After a restart: everything that ran waits again, in its old place, instead of being started all
   * at once by better-queue; what was cancelled while it ran is gone.
   */
  async requeueRunning(): Promise<void> {
    await this.#transaction(async (scope) => {
      for (const row of await tasksIn(scope, 'running')) {
        const { id } = row.task;
        const failures = row.afterRun === 'restart' ? 0 : row.failures;
        if (row.afterRun === 'remove') await removeTask(scope, id);
        else await changeTask(scope, id, { status: 'waiting', ...unlocked, failures });
      }
    });
  }

  /** A person resolved what was wrong: earlier failures no longer count. In the caller's transaction. */
  async forgetFailures(db: Executor, id: string): Promise<void> {
    await changeTask(this.#scope(db), id, { failures: 0 });
  }

  async #take(choose: (waiting: readonly QueueRow[]) => readonly QueueRow[]): Promise<string> {
    const lockId = this.#uuid();
    const tasks = await this.#transaction(async (scope) => {
      const chosen = choose(await tasksIn(scope, 'waiting')).map((row) => row.task);
      const lock = { status: 'running', lock_id: lockId } as const;
      for (const task of chosen) await changeTask(scope, task.id, lock);
      return chosen;
    });
    this.#taken.set(lockId, batchOf(tasks));
    return lockId;
  }

  async #locked(lockId: string): Promise<Batch> {
    return (await this.#running())[lockId] ?? {};
  }

  async #running(): Promise<Record<string, Batch>> {
    const locks = Map.groupBy(await this.tasks('running'), (row) => row.lockId ?? '');
    const batches = [...locks].map(([lockId, rows]) => [lockId, batchOf(rows.map((r) => r.task))]);
    return Object.fromEntries(batches);
  }

  async #release(lockId: string): Promise<void> {
    await this.#transaction(async (scope) => {
      const rows = await tasksIn(scope, 'running');
      for (const row of rows.filter((running) => running.lockId === lockId)) {
        const again = row.afterRun === 'again' || row.afterRun === 'restart';
        if (again) await changeTask(scope, row.task.id, await atTheEnd(scope));
        else await removeTask(scope, row.task.id);
      }
    });
  }

  #scope(db: Executor): QueueScope {
    return { db, station: this.#station };
  }

  async #transaction<T>(work: (scope: QueueScope) => Promise<T>): Promise<T> {
    return await this.#db.transaction().execute((db) => work(this.#scope(db)));
  }
}

const unlocked = { lock_id: null, after_run: null, due_at_ms: null };

async function atTheEnd(scope: QueueScope) {
  return { status: 'waiting', position: await nextPosition(scope), ...unlocked } as const;
}

function wantedAgain(row: QueueRow): 'again' | 'restart' {
  return row.afterRun === 'remove' || row.afterRun === 'restart' ? 'restart' : 'again';
}

/** What was asked for while it ran comes before how it ended. */
async function settleRow(scope: QueueScope, row: QueueRow, settlement: Settlement): Promise<void> {
  const { id } = row.task;
  const delayed = { status: 'delayed', position: await nextPosition(scope), ...unlocked } as const;
  if (row.afterRun === 'remove') return await removeTask(scope, id);
  if (row.afterRun === 'restart') {
    return await changeTask(scope, id, { ...delayed, failures: 0, due_at_ms: 0 });
  }
  switch (settlement.kind) {
    case 'finished':
    case 'gave-up':
      return await removeTask(scope, id);
    case 'parked':
      if (row.afterRun === null) {
        return await changeTask(scope, id, { status: 'parked', ...unlocked });
      }
      return await changeTask(scope, id, { ...delayed, due_at_ms: 0 });
    case 'evicted':
      return await changeTask(scope, id, { ...delayed, due_at_ms: 0 });
    case 'failed': {
      const { failures, dueAtMs } = settlement;
      return await changeTask(scope, id, { ...delayed, failures, due_at_ms: dueAtMs });
    }
  }
}

function batchOf(tasks: readonly CopyTask[]): Batch {
  return Object.fromEntries(tasks.map((task) => [task.id, task]));
}

function answer<T>(work: Promise<T>, empty: T, done: Callback<T>): void {
  work.then(
    (value) => done(null, value),
    (error: unknown) => done(error, empty),
  );
}
