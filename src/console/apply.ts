import type { Change, StationView } from '../serve/wire.ts';

/**
 * The view after the changes of one delta; the other half of the station's feed. Each list stays in
 * the order of its keys, so that the result equals the station's own view.
 */
export function applyChanges(view: StationView, changes: readonly Change[]): StationView {
  let station = view.station;
  const jobs = new Map(view.jobs.map((job) => [job.id, job]));
  const drives = new Map(view.drives.map((drive) => [drive.key, drive]));
  const disks = new Map(view.disks.map((disk) => [disk.key, disk]));
  const alerts = new Map(view.alerts.map((alert) => [alert.id, alert]));
  const lists = { job: jobs, drive: drives, disk: disks, alert: alerts };
  for (const change of changes) {
    if (change.op === 'remove') lists[change.entity].delete(change.key);
    else if (change.entity === 'station') station = change.value;
    else if (change.entity === 'job') jobs.set(change.key, change.value);
    else if (change.entity === 'drive') drives.set(change.key, change.value);
    else if (change.entity === 'disk') disks.set(change.key, change.value);
    else alerts.set(change.key, change.value);
  }
  return {
    station,
    jobs: inOrder(jobs),
    drives: inOrder(drives),
    disks: inOrder(disks),
    alerts: inOrder(alerts),
  };
}

function inOrder<T>(items: ReadonlyMap<string, T>): T[] {
  return [...items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}
