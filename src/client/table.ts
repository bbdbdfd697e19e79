import { stripVTControlCharacters, styleText } from 'node:util';
import {
  formatBytes,
  formatDuration,
  formatEta,
  formatRate,
  percent,
  printable,
} from '../console/format.ts';
import { dockWords, driveWords, isSafeToRemove, stuckWords, type Tone } from '../console/words.ts';
import type { DiskView, DriveView, StationView } from '../serve/wire.ts';
import { alertCount, alertNotes } from './alert-text.ts';
import { wrapped } from './text.ts';

export interface TableOptions {
  /** Width of the terminal; no line is longer. */
  readonly columns: number;
  readonly now: Date;
  /** Whether states are coloured; they are words in any case. */
  readonly colour?: boolean;
}

interface Column {
  readonly title: string;
  readonly cell: (drive: DriveView) => string;
  /** Columns with a higher number go first when the terminal is narrow. */
  readonly rank: number;
}

const GAP = '  ';
/** Columns go before the bar gets shorter than this. */
const BAR_WANTED = 12;
const BAR_MIN = 4;
const BAR_MAX = 30;

/**
 * The station in one screen of text: a line for the station, one for each drive with a progress bar,
 * rate and range of the remaining time, then the disks that need a person. Pure: the same view, width
 * and time give the same text.
 */
export function renderTable(view: StationView, options: TableOptions): string {
  const lines = [
    stationLine(view, options),
    ...driveLines(view, options),
    ...noteLines(view, options),
  ];
  return lines.map((line) => cut(line, options.columns)).join('\n');
}

function stationLine(
  { station, jobs, drives, alerts }: StationView,
  { now }: TableOptions,
): string {
  const { detection, storage } = station;
  const parts = [`${station.name}: ${count(jobs.length, 'job')}, ${count(drives.length, 'drive')}`];
  const open = alertCount(alerts);
  if (open !== undefined) parts.push(open);
  if (!detection.known) parts.push(`bays unknown (${detection.reason})`);
  if (storage.kind === 'away') {
    const seconds = (now.getTime() - Date.parse(storage.since)) / 1000;
    parts.push(`storage away for ${formatDuration(seconds)} (${storage.reason})`);
  }
  if (station.belowReserve) parts.push('little free space: no new drive is started');
  return printable(parts.join(' · '));
}

function driveLines(view: StationView, options: TableOptions): string[] {
  if (view.drives.length === 0) return ['No drive is listed by any job.'];
  const all: Column[] = [
    { title: 'DRIVE', cell: (drive) => printable(drive.driveId), rank: 0 },
    { title: 'BAY', cell: (drive) => printable(drive.bay ?? '-'), rank: 1 },
    { title: 'STATE', cell: (drive) => driveWords(drive).label, rank: 0 },
    { title: 'JOB', cell: (drive) => printable(drive.jobName), rank: 4 },
    { title: 'SIZE', cell: sizeOf, rank: 5 },
    { title: 'RATE', cell: rateOf, rank: 3 },
    { title: 'LEFT', cell: leftOf, rank: 2 },
  ];
  const drives = [...view.drives].sort(byJobAndBay);
  const columns = fitting(all, drives, options.columns);
  const barWidth = Math.min(BAR_MAX, options.columns - widthOf(columns, drives) - PERCENT_WIDTH);
  const header = row(columns, drives, (column) => column.title);
  return [
    `${header}${GAP}PROGRESS`,
    ...drives.map((drive) => {
      const cells = row(columns, drives, (column) =>
        column.title === 'STATE' ? painted(drive, options) : column.cell(drive),
      );
      return `${cells}${GAP}${bar(drive, barWidth)}`;
    }),
  ];
}

/** A gap, the bar, a blank and ` 41.2 %`. */
const PERCENT_WIDTH = GAP.length + 1 + '100.0 %'.length;

/** The columns that leave room for a bar. */
function fitting(all: Column[], drives: readonly DriveView[], width: number): Column[] {
  let kept = all;
  for (let rank = 5; rank > 0; rank--) {
    if (widthOf(kept, drives) + PERCENT_WIDTH + BAR_WANTED <= width) break;
    kept = kept.filter((column) => column.rank < rank);
  }
  return kept;
}

function widthOf(columns: readonly Column[], drives: readonly DriveView[]): number {
  const widths = columns.map((column) => columnWidth(column, drives) + GAP.length);
  return widths.reduce((sum, width) => sum + width, -GAP.length);
}

function columnWidth({ title, cell }: Column, drives: readonly DriveView[]): number {
  return Math.max(title.length, ...drives.map((drive) => cell(drive).length));
}

function row(
  columns: readonly Column[],
  drives: readonly DriveView[],
  text: (column: Column) => string,
): string {
  const cells = columns.map((column) => {
    const content = text(column);
    const missing = columnWidth(column, drives) - stripVTControlCharacters(content).length;
    return content + ' '.repeat(Math.max(0, missing));
  });
  return cells.join(GAP);
}

function bar({ progress }: DriveView, width: number): string {
  if (progress === null) return '';
  const share = percent(progress.stagedBytes, progress.totalBytes);
  const words = `${share.toFixed(1)} %`.padStart(7);
  if (width < BAR_MIN) return words;
  const full = Math.floor((share / 100) * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)} ${words}`;
}

const COLOURS = {
  active: 'cyan',
  good: 'green',
  waiting: 'gray',
  attention: 'yellow',
  fault: 'red',
  quiet: 'gray',
} as const satisfies Record<Tone, string>;

function painted(drive: DriveView, { colour = false }: TableOptions): string {
  const { label, tone } = driveWords(drive);
  return colour ? styleText(COLOURS[tone], label, { validateStream: false }) : label;
}

/**
 * What a person has to do, the oldest alerts, then what may be pulled; wrapped, because the end says what
 * to do.
 */
function noteLines(view: StationView, options: TableOptions): string[] {
  const asking = view.disks.filter(({ match }) => isAsking(match.kind)).map(questionOf);
  // Which disk is where now, nobody knows while the bays are not seen.
  const safe = (view.station.detection.known ? view.drives : [])
    .filter(isSafeToRemove)
    .map((drive) => `${placeOf(drive)}: safe to remove`);
  const stuck = stuckWords(view.station);
  const hanging = stuck === null ? [] : [`hangs in the kernel: ${stuck}`];
  return [
    ...[
      ...asking,
      ...hanging,
      ...view.drives.flatMap(noteOf),
      ...view.disks.flatMap(dockNoteOf),
      ...alertNotes(view, options.now),
    ].flatMap((note) => marked('!', note, options)),
    ...safe.flatMap((note) => marked('✓', note, options)),
  ];
}

function marked(
  mark: '!' | '✓',
  note: string,
  { columns, colour = false }: TableOptions,
): string[] {
  const style = mark === '!' ? 'yellow' : 'green';
  const first = colour ? styleText(style, mark, { validateStream: false }) : mark;
  return wrapped(note, columns - GAP.length).map((line, at) => `${at === 0 ? first : ' '} ${line}`);
}

function isAsking(kind: DiskView['match']['kind']): boolean {
  return kind === 'extra' || kind === 'near' || kind === 'ambiguous';
}

function questionOf(disk: DiskView): string {
  const name = disk.serial ?? 'no serial';
  const what = disk.match.kind === 'extra' ? 'extra drive' : 'which drive?';
  return `${disk.bay}: ${what} (${name}, ${formatBytes(disk.sizeBytes)}) ${disk.match.reason}`;
}

function noteOf(drive: DriveView): string[] {
  const { fault } = drive;
  if (fault !== null) return [`${placeOf(drive)}: ${fault.reason} ${fault.nextStep}`];
  const { tone, detail } = driveWords(drive);
  return tone === 'attention' && detail !== null ? [`${placeOf(drive)}: ${detail}`] : [];
}

function dockNoteOf({ bay, unreliableDock }: DiskView): string[] {
  return unreliableDock === null ? [] : [`${bay}: ${dockWords(unreliableDock)}`];
}

function placeOf(drive: DriveView): string {
  return drive.bay === null ? drive.driveId : `${drive.bay} (${drive.driveId})`;
}

function sizeOf({ progress }: DriveView): string {
  return progress === null ? '-' : formatBytes(progress.totalBytes);
}

function rateOf({ activity, progress }: DriveView): string {
  const moving = activity.kind === 'copying' && progress !== null;
  return moving ? formatRate(progress.rateBytesPerSecond) : '-';
}

function leftOf({ activity, progress }: DriveView): string {
  const eta = activity.kind === 'copying' ? progress?.eta : null;
  return eta ? formatEta(eta) : '-';
}

function count(n: number, what: string): string {
  return `${n} ${n === 1 ? what : `${what}s`}`;
}

function byJobAndBay(a: DriveView, b: DriveView): number {
  const key = (drive: DriveView) => `${drive.jobName}\n${drive.driveId}`;
  return key(a) < key(b) ? -1 : 1;
}

/** Cuts by what is seen; a line with colours in it is cut only when it has none beyond the end. */
function cut(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  if (plain.length <= columns) return line;
  return `${plain.slice(0, Math.max(0, columns - 1))}…`;
}
