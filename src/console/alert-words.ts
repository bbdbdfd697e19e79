import type { AlertView } from '../serve/wire.ts';
import { formatDuration } from './format.ts';

/** What the page and the command line say of an alert beyond its own words. */

/** Button texts by resolution; what each does in full comes with the alert. */
const LABELS: Readonly<Record<string, string>> = {
  noted: 'Noted',
  replaced: 'It was replaced',
  'clock-is-right': 'The clock is right',
  'wait-longer': 'Wait two more weeks',
  'stop-waiting': 'Stop waiting',
  retry: 'Retry the drive',
  'end-without-copy': 'End without a copy',
  'go-on': 'Let the job go on',
  destroyed: 'The drives are destroyed',
};

/** After these something is over for a customer, and no button brings it back. */
const ENDINGS: readonly string[] = ['stop-waiting', 'end-without-copy', 'destroyed'];

export function resolutionLabel(resolution: string): string {
  return LABELS[resolution] ?? resolution;
}

export function endsSomething(resolution: string): boolean {
  return ENDINGS.includes(resolution);
}

/** What nobody looks after comes first, and of that what waits longest. */
export function inOrderOfUrgency(alerts: readonly AlertView[]): AlertView[] {
  const rank = ({ acknowledged, raisedAt, id }: AlertView) =>
    `${acknowledged === null ? 0 : 1} ${raisedAt} ${id}`;
  return [...alerts].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** `3 h`, whole days from two days on. */
export function ageOf(since: string, now: Date): string {
  const seconds = Math.max(0, (now.getTime() - Date.parse(since)) / 1000);
  const days = Math.floor(seconds / 86_400);
  return days >= 2 ? `${days} days` : formatDuration(seconds);
}

/** The key of the drive that an alert is about. */
export function driveKeyOf({ jobId, driveId }: AlertView): string | undefined {
  return jobId === null || driveId === null ? undefined : `${jobId}/${driveId}`;
}
