import { inKeyOrder } from './view.ts';
import type { Change, StationView } from './wire.ts';

/**
 * The view after the changes of one delta. The other half of `Feed`: for any two views, applying
 * their difference to the first gives the second.
 */
export function applyChanges(view: StationView, changes: readonly Change[]): StationView {
  let station = view.station;
  const jobs = new Map(view.jobs.map((job) => [job.id, job]));
  const drives = new Map(view.drives.map((drive) => [drive.key, drive]));
  const disks = new Map(view.disks.map((disk) => [disk.key, disk]));
  const lists = { job: jobs, drive: drives, disk: disks };
  for (const change of changes) {
    if (change.op === 'remove') lists[change.entity].delete(change.key);
    else if (change.entity === 'station') station = change.value;
    else if (change.entity === 'job') jobs.set(change.key, change.value);
    else if (change.entity === 'drive') drives.set(change.key, change.value);
    else disks.set(change.key, change.value);
  }
  return inKeyOrder({
    station,
    jobs: [...jobs.values()],
    drives: [...drives.values()],
    disks: [...disks.values()],
  });
}
