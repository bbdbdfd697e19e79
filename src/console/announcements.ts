import type { StationView } from '../serve/wire.ts';
import { checkInCount } from './check-in-list.ts';
import { pageModel } from './model.ts';

/**
 * What a screen reader is told after a change of the view: states, parcels and alerts, each in a short
 * sentence. Progress alone is not worth a word.
 */
export function announcements(before: StationView | undefined, after: StationView): string[] {
  return [...bayNews(before, after), ...parcelNews(before, after), ...alertNews(before, after)];
}

function bayNews(before: StationView | undefined, after: StationView): string[] {
  const old = labelsOf(before);
  const now = labelsOf(after);
  const news = [...now].filter(([bay, label]) => old.get(bay) !== label);
  const gone = [...old.keys()].filter((bay) => !now.has(bay));
  return [
    ...news.map(([bay, label]) => `${bay}: ${label}.`),
    ...gone.map((bay) => `${bay}: empty.`),
  ];
}

function labelsOf(view: StationView | undefined): Map<string, string> {
  if (view === undefined) return new Map();
  return new Map(pageModel(view).bays.map(({ disk, words }) => [disk.bay, words.label]));
}

function parcelNews(before: StationView | undefined, { station }: StationView): string[] {
  const was = before?.station.parcel ?? null;
  const { parcel } = station;
  if (parcel === null) return was === null ? [] : [`The parcel of ${was.jobName} is unpacked.`];
  if (was?.id !== parcel.id) return [`Unpacking a parcel of ${parcel.jobName}.`];
  const seen = parcel.seen.filter((driveId) => !was.seen.includes(driveId));
  return seen.map((driveId) => `${driveId} is in the parcel, ${checkInCount(parcel)}.`);
}

function alertNews(before: StationView | undefined, after: StationView): string[] {
  if (before === undefined)
    return after.alerts.length === 0 ? [] : [`Alerts: ${after.alerts.length}.`];
  const known = new Map(before.alerts.map((alert) => [alert.id, alert]));
  const fresh = after.alerts.filter(({ id }) => !known.has(id));
  const kept = after.alerts.flatMap(({ id, title, acknowledged }) => {
    const wasKept = known.get(id)?.acknowledged !== null;
    return acknowledged === null || wasKept ? [] : `${acknowledged.by} looks after: ${title}.`;
  });
  const open = new Set(after.alerts.map(({ id }) => id));
  const over = [...known.values()].filter(({ id }) => !open.has(id));
  return [
    ...fresh.map(({ title, reason }) => `Alert: ${title}. ${reason}`),
    ...kept,
    ...over.map(({ title, reason }) => `No longer open: ${title}. ${reason}`),
  ];
}
