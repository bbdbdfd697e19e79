import type { z } from 'zod';
import { ageOf } from '../console/alert-words.ts';
import { pageModel } from '../console/model.ts';
import type { alert } from '../serve/api/shapes.ts';
import type { AlertView, StationView } from '../serve/wire.ts';
import { shortId, wrapped } from './text.ts';

/** Alerts for a terminal: the queue in full, and what a table of everything says of it. */

/** An alert with what became of it. */
export type AlertInFull = z.output<typeof alert>;

export interface TextOptions {
  readonly columns: number;
  readonly now: Date;
}

const INDENT = '          ';
/** The oldest ones that a table names; the queue has a command of its own. */
const NOTES_MAX = 3;

/** A paragraph for each alert: what it is, what is the case, what to do, and what can be answered. */
export function alertText(alerts: readonly AlertInFull[], options: TextOptions): string {
  if (alerts.length === 0) return 'nothing waits for an operator';
  return alerts.map((alert) => paragraph(alert, options).join('\n')).join('\n\n');
}

function paragraph(alert: AlertInFull, { columns, now }: TextOptions): string[] {
  const about = [alert.jobName, alert.driveId].filter((part) => part !== null);
  const head = [alert.title, ...about, `raised ${ageOf(alert.raisedAt, now)} ago`].join(', ');
  const below = [alert.reason, ...standing(alert, now)];
  const width = columns - INDENT.length;
  const [first = '', ...more] = wrapped(head, width);
  const rest = [...more, ...below.flatMap((text) => wrapped(text, width))];
  return [
    `${shortId(alert.id).padEnd(INDENT.length)}${first}`,
    ...rest.map((line) => INDENT + line),
  ];
}

/** What became of it, or what is to be done and who does it. */
function standing({ resolved, acknowledged, nextStep, resolutions }: AlertInFull, now: Date) {
  if (resolved !== null) {
    const how = resolved.resolution ?? 'over by itself';
    const note = resolved.note === null ? '' : ` (${resolved.note})`;
    return [`resolved ${ageOf(resolved.at, now)} ago by ${resolved.by}: ${how}${note}`];
  }
  const answers = `resolve: ${resolutions.map(({ name }) => name).join(', ')}`;
  if (acknowledged === null) return [nextStep, answers];
  return [
    nextStep,
    `${acknowledged.by} looks after it, for ${ageOf(acknowledged.at, now)}`,
    answers,
  ];
}

/** The oldest alerts that nobody looks after and that no line of the table stands for. */
export function alertNotes(view: StationView, now: Date): string[] {
  const open = pageModel(view).alerts.filter(({ alert, bay }) => {
    if (alert.acknowledged !== null || alert.kind === 'drive-faulted') return false;
    const hasLine = alert.kind === 'extra-drive' || alert.kind === 'dock-unreliable';
    return !hasLine || bay === undefined;
  });
  const notes = open.slice(0, NOTES_MAX).map(({ alert }) => {
    return `${nameOf(alert)}, for ${ageOf(alert.raisedAt, now)}: ${alert.reason}`;
  });
  const more = open.length - notes.length;
  return more > 0 ? [...notes, `and ${more} more: drive-station alerts`] : notes;
}

/** How many alerts are open, and of how many somebody looks after. */
export function alertCount(alerts: readonly AlertView[]): string | undefined {
  if (alerts.length === 0) return undefined;
  const kept = alerts.filter(({ acknowledged }) => acknowledged !== null).length;
  const count = `${alerts.length} ${alerts.length === 1 ? 'alert' : 'alerts'}`;
  return kept === 0 ? count : `${count} (${kept} looked after)`;
}

/** What an alert is and what about, in one line. */
export function nameOf({ title, jobName, driveId }: AlertView): string {
  const about = [jobName, driveId].filter((part) => part !== null);
  return about.length === 0 ? title : `${title} (${about.join(', ')})`;
}
