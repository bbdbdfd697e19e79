import type { CandidateView, DiskView, DriveView, StationView } from '../serve/wire.ts';
import { driveWords, openDrives, type StateWords } from './words.ts';

/** One bay with a disk that may be a customer's, and the drive that the disk is, when it is known. */
export interface Bay {
  readonly disk: DiskView;
  readonly drive: DriveView | undefined;
  readonly words: StateWords;
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
  /** Bays and drives that wait for a person. */
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
  const waits = ({ words }: { words: StateWords }) => isWaitingForPerson(words);
  return {
    bays,
    unplugged: elsewhere.filter((entry) => isUrgent(entry) && !isDone(entry.drive)),
    absent: elsewhere.filter((entry) => !isUrgent(entry) || isDone(entry.drive)),
    others: view.disks.filter(isOther).sort(byBay),
    open: openDrives(view.drives),
    needsYou: [...bays, ...elsewhere.filter((entry) => !isDone(entry.drive))].filter(waits).length,
  };
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
