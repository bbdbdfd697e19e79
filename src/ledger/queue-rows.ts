import { z } from 'zod';
import type { CopyTask } from './contract.ts';
import { copyTaskOf } from './rows.ts';
import type { Executor, QueueTable } from './tables.ts';

/**
 * The rows of the work queue. A task is one row for as long as anything is known about it:
 *
 * - `waiting`: to be taken, by priority and then in the order of arrival;
 * - `running`: taken under a lock; after a crash it waits again;
 * - `delayed`: failed, due again at a time;
 * - `parked`: out of the queue until someone enqueues it again, with its failures remembered.
 */
const status = z.enum(['waiting', 'running', 'delayed', 'parked']);
export type QueueStatus = z.output<typeof status>;

/**
 * What was asked for while the task ran: `again` (enqueued meanwhile: counts when the run is parked),
 * `remove` (cancelled), `restart` (cancelled, then enqueued anew).
 */
const afterRun = z.enum(['again', 'remove', 'restart']);

export interface QueueRow {
  readonly task: CopyTask;
  readonly status: QueueStatus;
  readonly lockId: string | null;
  readonly afterRun: z.output<typeof afterRun> | null;
  readonly failures: number;
  readonly dueAtMs: number | null;
}

const queueRow = z.object({
  task: z.string(),
  status,
  lock_id: z.string().nullable(),
  after_run: afterRun.nullable(),
  failures: z.int().min(0),
  due_at_ms: z.int().nullable(),
});

function rowOf(stored: QueueTable): QueueRow {
  const row = queueRow.parse(stored);
  const { status, failures, lock_id: lockId, after_run, due_at_ms: dueAtMs } = row;
  return { task: copyTaskOf(row.task), status, lockId, afterRun: after_run, failures, dueAtMs };
}

/** The queue of one station: a fleet shares the table, never a task. */
export interface QueueScope {
  readonly db: Executor;
  readonly station: string;
}

export async function findTask(scope: QueueScope, id: string): Promise<QueueRow | undefined> {
  const row = await scope.db
    .selectFrom('queue')
    .selectAll()
    .where('station', '=', scope.station)
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? undefined : rowOf(row);
}

export async function tasksIn(scope: QueueScope, wanted: QueueStatus): Promise<QueueRow[]> {
  const rows = await scope.db
    .selectFrom('queue')
    .selectAll()
    .where('station', '=', scope.station)
    .where('status', '=', wanted)
    .orderBy('priority', 'desc')
    .orderBy('position')
    .execute();
  return rows.map(rowOf);
}

export async function countTasks(scope: QueueScope): Promise<Record<QueueStatus, number>> {
  const rows = await scope.db
    .selectFrom('queue')
    .select((build) => ['status', build.fn.countAll<number>().as('count')])
    .where('station', '=', scope.station)
    .groupBy('status')
    .execute();
  const counts = { waiting: 0, running: 0, delayed: 0, parked: 0 };
  for (const row of rows) counts[status.parse(row.status)] = Number(row.count);
  return counts;
}

export interface NewTask {
  readonly task: CopyTask;
  readonly priority: number;
}

/** A task that is not in the table yet, at the end of the queue. */
export async function insertTask(scope: QueueScope, { task, priority }: NewTask): Promise<void> {
  await scope.db
    .insertInto('queue')
    .values({
      station: scope.station,
      id: task.id,
      task: JSON.stringify(task),
      priority,
      position: await nextPosition(scope),
      status: 'waiting',
      lock_id: null,
      after_run: null,
      failures: 0,
      due_at_ms: null,
    })
    .execute();
}

export type QueueChange = Partial<Omit<QueueTable, 'station' | 'id' | 'status'>> & {
  readonly status?: QueueStatus;
};

export async function changeTask(
  scope: QueueScope,
  id: string,
  change: QueueChange,
): Promise<void> {
  await scope.db
    .updateTable('queue')
    .set(change)
    .where('station', '=', scope.station)
    .where('id', '=', id)
    .execute();
}

export async function removeTask(scope: QueueScope, id: string): Promise<void> {
  await scope.db
    .deleteFrom('queue')
    .where('station', '=', scope.station)
    .where('id', '=', id)
    .execute();
}

/** Behind every task that there is. */
export async function nextPosition(scope: QueueScope): Promise<number> {
  const row = await scope.db
    .selectFrom('queue')
    .select((build) => build.fn.max('position').as('last'))
    .where('station', '=', scope.station)
    .executeTakeFirst();
  return Number(row?.last ?? 0) + 1;
}
