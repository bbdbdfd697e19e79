import type { CheckInView, DiskView, DriveView, StationView } from '../serve/wire.ts';
import { driveWords } from './words.ts';

/** What a parcel's list says of one drive, or of a disk that is on no list. */
export interface CheckInRow {
  readonly kind: 'seen' | 'missing' | 'extra' | 'elsewhere';
  /** The serial to look for on a label. */
  readonly name: string;
  /** Where it is and what happens to it, or what to do. */
  readonly words: string;
}

/** The list that a technician ticks off, what is to be looked at first; page and terminal show it. */
export function checkInRows(
  parcel: CheckInView,
  view: Pick<StationView, 'drives' | 'disks'>,
): CheckInRow[] {
  const seen = new Set(parcel.seen);
  const drives = new Map(
    view.drives.filter((drive) => drive.jobId === parcel.jobId).map((d) => [d.driveId, d]),
  );
  const expected = parcel.expected.map((name): CheckInRow => {
    const drive = drives.get(name);
    if (seen.has(name)) return { kind: 'seen', name, words: placeOf(drive) };
    const marked = drive?.state === 'NeverReceived';
    return { kind: 'missing', name, words: marked ? 'given up before; still away' : 'not yet' };
  });
  const extras = parcel.extras.map(({ serial, bay, id }): CheckInRow => {
    const words = `on no list: set it aside (${isThere(id, view.disks) ? '' : 'was in '}${bay})`;
    return { kind: 'extra', name: serial ?? 'no serial', words };
  });
  const earlier = parcel.elsewhere.map((name): CheckInRow => {
    return { kind: 'elsewhere', name, words: 'came in another parcel' };
  });
  return [...expected, ...extras, ...earlier];
}

function placeOf(drive: DriveView | undefined): string {
  if (drive === undefined) return 'here';
  const { label } = driveWords(drive);
  return drive.bay === null ? label : `${drive.bay}, ${label}`;
}

function isThere(extraId: string, disks: readonly DiskView[]): boolean {
  return disks.some(({ match }) => match.kind === 'extra' && match.extra?.id === extraId);
}

/** How far the unpacking is. */
export function checkInCount({ expected, seen }: CheckInView): string {
  if (expected.length === 0) return seen.length === 0 ? 'nothing yet' : `${seen.length} here`;
  return `${seen.length} of ${expected.length} here`;
}
