import type {
  AlertView,
  CandidateView,
  DiskView,
  DriveView,
  JobView,
  StationView,
} from '../serve/wire.ts';
import { driveKeyOf, inOrderOfUrgency } from './alert-words.ts';
import { isFinished } from './job-ways.ts';
import { driveWords, openDrives, type StateWords } from './words.ts';

/** One bay with a disk that may be a customer's, and the drive that the disk is, when it is known. */
export interface Bay {
  readonly disk: DiskView;
  readonly drive: DriveView | undefined;
  readonly words: StateWords;
}

/** An open alert, and the bay where the disk is that it speaks of. */
export interface ShownAlert {
  readonly alert: AlertView;
  readonly bay: string | undefined;
}

/** A drive of which no disk is plugged in. */
export interface AbsentDrive {
  readonly drive: DriveView;
  readonly words: StateWords;
}

export interface PageModel {
  readonly bays: readonly Bay[];
  /** Copies that were interrupted by pulling the disk: somebody has to put it back. */
  readonly unplugged: readonly AbsentDrive[];
  readonly absent: readonly AbsentDrive[];
  /** The station's own disks and what can be no customer's disk. */
  readonly others: readonly DiskView[];
  /** What a disk without an answer could be. */
  readonly open: readonly DriveView[];
  /** What nobody looks after first, then by age. */
  readonly alerts: readonly ShownAlert[];
  /** The finished ones apart: they are kept in sight for a while and ask for nothing. */
  readonly jobs: readonly JobView[];
  readonly finishedJobs: readonly JobView[];
  /** Bays, drives and alerts that wait for a person. */
  readonly needsYou: number;
}

/** Arranges a view for the page: bays by name, what needs a person counted. */
export function pageModel(view: StationView): PageModel {
  const drives = new Map(view.drives.map((drive) => [drive.key, drive]));
  const isOther = ({ match }: DiskView) => match.kind === 'own' || match.kind === 'excluded';
  const bays = view.disks
    .filter((disk) => !isOther(disk))
    .sort(byBay)
    .map((disk) => bayOf(disk, drives));
  const shown = new Set(bays.flatMap(({ drive }) => drive?.key ?? []));
  const elsewhere = view.drives
    .filter((drive) => !shown.has(drive.key))
    .map((drive) => ({ drive, words: driveWords(drive) }));
  const isUrgent = ({ words }: AbsentDrive) => words.tone === 'attention' || words.tone === 'fault';
  const unplugged = elsewhere.filter((entry) => isUrgent(entry) && !isDone(entry.drive));
  const finished = new Set(view.jobs.filter(isFinished).map(({ id }) => id));
  const isQuiet = (entry: AbsentDrive) => !isUrgent(entry) || isDone(entry.drive);
  return {
    bays,
    unplugged,
    absent: elsewhere.filter((entry) => isQuiet(entry) && !finished.has(entry.drive.jobId)),
    others: view.disks.filter(isOther).sort(byBay),
    open: openDrives(view.drives),
    alerts: inOrderOfUrgency(view.alerts).map((alert) => ({ alert, bay: bayOfAlert(alert, bays) })),
    jobs: view.jobs.filter(({ id }) => !finished.has(id)),
    finishedJobs: view.jobs.filter(({ id }) => finished.has(id)),
    needsYou: countOf(bays, unplugged, view.alerts),
  };
}

/**
 * What waits for a person, each thing once: a faulted drive has a card and an alert, and counts as
 * one. What somebody said to look after needs nobody else.
 */
function countOf(
  bays: readonly Bay[],
  unplugged: readonly AbsentDrive[],
  alerts: readonly AlertView[],
): number {
  // The question which drive a disk is stands on the card of the disk.
  const missing = unplugged.filter(({ drive }) => drive.activity.kind !== 'waiting-for-person');
  const waiting = new Set([
    ...bays.filter(({ words }) => isWaitingForPerson(words)).map(thingIn),
    ...missing.map(({ drive }) => `drive ${drive.key}`),
    ...alerts.map(subjectOf),
  ]);
  for (const alert of alerts) if (alert.acknowledged !== null) waiting.delete(subjectOf(alert));
  return waiting.size;
}

/** Names what is in a bay as the alert about the same thing names it. */
function thingIn({ disk, drive }: Bay): string {
  if (drive !== undefined) return `drive ${drive.key}`;
  const extra = disk.match.kind === 'extra' ? disk.match.extra : null;
  return extra === null ? `disk ${disk.key}` : `extra ${extra.id}`;
}

/** A job, or a drive that is done, can have several alerts, and each asks for something else. */
function subjectOf(alert: AlertView): string {
  if (alert.extraId !== null) return `extra ${alert.extraId}`;
  return alert.kind === 'drive-faulted' ? `drive ${driveKeyOf(alert)}` : `alert ${alert.id}`;
}

function bayOfAlert(alert: AlertView, bays: readonly Bay[]): string | undefined {
  const key = driveKeyOf(alert);
  const about = bays.find(({ disk, drive }) => {
    if (key !== undefined) return drive?.key === key;
    if (alert.dockId !== null) return disk.unreliableDock?.id === alert.dockId;
    const { match } = disk;
    return alert.extraId !== null && match.kind === 'extra' && match.extra?.id === alert.extraId;
  });
  return about?.disk.bay;
}

function bayOf(disk: DiskView, drives: ReadonlyMap<string, DriveView>): Bay {
  const { match } = disk;
  switch (match.kind) {
    case 'drive': {
      const drive = drives.get(match.driveKey);
      const found: StateWords = { label: 'found', tone: 'active', detail: null };
      return { disk, drive, words: drive === undefined ? found : driveWords(drive) };
    }
    case 'extra':
      return { disk, drive: undefined, words: words('extra drive', 'On no list. It is not read.') };
    case 'near':
    case 'ambiguous':
      return { disk, drive: undefined, words: words('which drive?', match.reason) };
    case 'own':
    case 'excluded':
      return { disk, drive: undefined, words: { label: 'not used', tone: 'quiet', detail: null } };
  }
}

function words(label: string, detail: string): StateWords {
  return { label, tone: 'attention', detail };
}

function isWaitingForPerson({ tone, label }: StateWords): boolean {
  return tone === 'fault' || (tone === 'attention' && label !== 'done, with notes');
}

function isDone(drive: DriveView): boolean {
  return drive.state === 'CompletedMoreInfo';
}

/** "Bay 2" before "Bay 10". */
function byBay(a: DiskView, b: DiskView): number {
  return a.bay.localeCompare(b.bay, 'en', { numeric: true }) || (a.key < b.key ? -1 : 1);
}

/** The key of a drive is `<jobId>/<driveId>`, and an id of a job has no slash. */
export function jobIdOf({ driveKey, driveId }: CandidateView): string {
  return driveKey.slice(0, -`/${driveId}`.length);
}
