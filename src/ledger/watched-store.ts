import type BetterQueue from 'better-queue';
import type { CopyTask } from './contract.ts';
import type { QueueStore } from './queue-store.ts';

export interface StoreWatcher {
  readonly onConnected: () => void;
  /** better-queue takes a failed fetch for the end of all work: someone must poke it later. */
  readonly onTakeFailed: (error: unknown) => void;
}

/** The store for better-queue, telling of the two moments that it keeps to itself. */
export function watchedStore(
  store: QueueStore,
  watcher: StoreWatcher,
): BetterQueue.Store<CopyTask> {
  const watched: BetterQueue.Store<CopyTask> & Pick<QueueStore, 'getRunningTasks'> = {
    connect: (done) => store.connect(done),
    // Its types do not know that there may be no such task.
    getTask: (id, done) => store.getTask(id, (...found) => Reflect.apply(done, undefined, found)),
    putTask: (id, task, priority, done) => store.putTask(id, task, priority, done),
    deleteTask: (id, done) => store.deleteTask(id, done),
    takeFirstN: (count, done) =>
      store.takeFirstN(count, (error, lockId) => {
        if (error !== null) watcher.onTakeFailed(error);
        done(error, lockId);
      }),
    takeLastN: (count, done) => store.takeLastN(count, done),
    getLock: (lockId, done) => store.getLock(lockId, done),
    // The run was settled before, so nothing is under the lock; it would ask again each millisecond.
    releaseLock: (lockId, done) => store.releaseLock(lockId, () => done(null)),
    getRunningTasks: (done) => {
      store.getRunningTasks(done);
      watcher.onConnected();
    },
  };
  return watched;
}
