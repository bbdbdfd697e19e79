import type {
  DriveView,
  HangView,
  StationInfo,
  StuckProcessView,
  UnreliableDockView,
} from '../serve/wire.ts';
import { formatBytes } from './format.ts';

type Activity<Kind extends DriveView['activity']['kind']> = Extract<
  DriveView['activity'],
  { kind: Kind }
>;

/** How a state is to be looked at: what moves, what is fine, what waits, what needs a person. */
export type Tone = 'active' | 'good' | 'waiting' | 'attention' | 'fault' | 'quiet';

export interface StateWords {
  /** At most 22 characters: a badge, a column. */
  readonly label: string;
  readonly tone: Tone;
  /** What it means or what to do now; `null` when the label says all. */
  readonly detail: string | null;
}

const say = (label: string, tone: Tone, detail: string | null = null): StateWords => ({
  label,
  tone,
  detail,
});

const COMMITTING = 'The store has what it is to make a blob of, and has not answered yet.';
const TURNS = 'Sick drives take turns, so that they hold up nobody; it goes on where it was.';

/** One drive's state in the words that the page and the command line share. */
export function driveWords(drive: DriveView): StateWords {
  switch (drive.state) {
    case 'Specified':
      return drive.bay === null ? say('not here yet', 'quiet') : say('found', 'active');
    case 'NeverReceived':
      return say('never received', 'waiting', 'Put it in any bay if it turns up.');
    case 'Received':
    case 'Transferring':
      return activityWords(drive);
    case 'Completed':
      return say('verified', 'good', reasonsOf(drive));
    case 'CompletedMoreInfo':
      return say('done, with notes', 'attention', reasonsOf(drive));
    case 'ShippedBack':
      return say('shipped back', 'quiet');
    case 'Faulted':
      return say('needs you', 'fault', drive.fault?.reason ?? null);
  }
}

function activityWords(drive: DriveView): StateWords {
  const { activity, hang } = drive;
  if (hang !== null) return say('disk does not answer', 'attention', hangWords(hang));
  switch (activity.kind) {
    case 'idle':
      return drive.state === 'Received' ? say('received', 'waiting') : say('paused', 'waiting');
    case 'queued':
      if (activity.reason !== undefined) {
        return say('waiting for the station', 'attention', activity.reason);
      }
      return say('waiting its turn', 'waiting', drive.sick === null ? null : TURNS);
    case 'starting':
      return say('starting', 'active');
    case 'asking':
      return say('starting', 'active', askingWords(activity));
    case 'spinning-up':
      return say('spinning up', 'waiting', spinUpWords(activity));
    case 'copying':
      return say('copying', 'active');
    case 'rescuing':
      return say('reading bad places', 'attention', rescueWords(activity));
    case 'waiting-for-storage':
      return say('waiting for storage', 'waiting', activity.reason);
    case 'slow-storage':
      return say('copying, slowly', 'active', 'The way to the store is slow; bytes do move.');
    case 'waiting-for-commit':
      return say('waiting for the commit', 'waiting', COMMITTING);
    case 'halted':
      return say('halted', 'attention', `${activity.reason}. ${activity.nextStep}`);
    case 'settling':
      return say('verifying', 'active', 'All bytes are stored; they are being checked.');
    case 'detached':
      return say('unplugged', 'attention', `It left ${activity.bay}. Put it back in any bay.`);
    case 'waiting-for-person':
      return say('needs you', 'attention', activity.reason);
    case 'retrying':
      return say('trying again', 'waiting', activity.reason);
  }
}

/**
 * What waits, where, and until when. The seconds run: a log of changes leaves them out, or it would have
 * a line for each.
 */
export function hangWords(hang: HangView, clock: 'running' | 'left out' = 'running'): string {
  const { waitedSeconds, giveUpSeconds, kernelLimitSeconds, tried } = hang;
  const seconds = clock === 'running' ? ` for ${waitedSeconds} s` : '';
  const limit = kernelLimitSeconds === null ? '' : `kernel limit ${kernelLimitSeconds} s, `;
  const done = tried.length === 0 ? '' : ` Tried: ${tried.join('; ')}.`;
  return `Waiting on ${placeOf(hang)}${seconds}; ${limit}given up after ${giveUpSeconds} s.${done}`;
}

function placeOf({ waitsFor, offsetBytes, lba }: HangView): string {
  if (waitsFor !== 'read') return waitsFor === 'open' ? 'the disk to open' : 'the disk to close';
  if (lba !== null) return `LBA ${lba.toLocaleString('en')}`;
  return offsetBytes === null ? 'a read' : `byte ${offsetBytes.toLocaleString('en')}`;
}

/** What the command line says of a dock that does not hold; the card of a bay says it in two lines. */
export function dockWords({ words, nextStep }: UnreliableDockView): string {
  return `This dock is unreliable: ${words} ${nextStep}`;
}

/** What keeps a copy from starting before its disk is read. */
export function askingWords(
  { waitedSeconds }: Activity<'asking'>,
  clock: 'running' | 'left out' = 'running',
): string {
  const seconds = clock === 'running' ? ` for ${waitedSeconds} s` : '';
  return `The drive is asked how it is${seconds}; one that slept spins up first.`;
}

/** How long a disk that slept is waited for. */
export function spinUpWords(
  { waitedSeconds, limitSeconds }: Activity<'spinning-up'>,
  clock: 'running' | 'left out' = 'running',
): string {
  const seconds = clock === 'running' ? `${waitedSeconds} s of ` : '';
  return `The disk slept: ${seconds}up to ${limitSeconds} s until it reads. Leave it in.`;
}

/** The processes that hang, and what to do about them; `null` while there is none. */
export function stuckWords({ stuck, tooManyStuck }: StationInfo): string | null {
  const [first] = stuck;
  if (first === undefined) return null;
  const where = ({ pid, what, bay, driveId }: StuckProcessView) =>
    `${what} ${pid}${bay === null ? '' : ` in ${bay}`}${driveId === null ? '' : ` (${driveId})`}`;
  const since = new Date(first.since).toISOString().slice(11, 16);
  const what = tooManyStuck
    ? 'No copy is started while there are so many. Pull the disks that are named; if nothing changes, let the running copies end and restart the machine.'
    : 'Pull the disk that is named: the kernel then lets go.';
  return `${stuck.map(where).join(', ')}, the first since ${since} UTC. ${what}`;
}

function rescueWords({ openBytes, unreadableBytes }: Activity<'rescuing'>): string {
  const lost = unreadableBytes === 0 ? '' : `; ${formatBytes(unreadableBytes)} not read so far`;
  return `The good areas are stored. ${formatBytes(openBytes)} still to try${lost}.`;
}

/** What is lost when a drive is ended without a copy; empty where the store has nothing to lose. */
export function lossWords({ progress }: Pick<DriveView, 'progress'>): string {
  const lostBytes = (progress?.stagedBytes ?? 0) - (progress?.verifiedBytes ?? 0);
  if (lostBytes <= 0) return '';
  return `${formatBytes(lostBytes)} that the store has of it are in no blob yet, and are lost with it.`;
}

function reasonsOf(drive: DriveView): string | null {
  const words = (drive.verdict?.reasons ?? []).map((reason) => reason.words);
  const problem = drive.logs?.problem ?? null;
  if (problem !== null) words.push(`A copy log could not be written: ${problem}.`);
  return words.length === 0 ? null : words.join(' ');
}

/** Whether a drive may be pulled: only the verdict can say so. */
export function isSafeToRemove(drive: DriveView): boolean {
  return drive.verdict?.safeToRemove === true && drive.bay !== null;
}

/** Drives that a disk without an answer could be: of jobs at work, and not already in a bay. */
export function openDrives(drives: readonly DriveView[]): DriveView[] {
  return drives.filter(
    (drive) =>
      drive.bay === null &&
      (drive.state === 'Specified' ||
        drive.state === 'NeverReceived' ||
        drive.state === 'Received' ||
        drive.state === 'Transferring'),
  );
}
