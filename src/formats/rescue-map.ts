import type { HungPlace } from '../domain/rescue/hung-place.ts';
import { type Area, type AreaStatus, endOf, RescueMap } from '../domain/rescue/map.ts';
import type { Standing } from '../domain/rescue/rescue.ts';
import { StationError } from '../errors.ts';

/**
 * The map file of GNU ddrescue ("Mapfile structure" in its manual): which bytes of a disk were read, and
 * what is known of the others. With it, ddrescue itself can go on with the disk where the station
 * stopped. What ddrescue has no place for stands in a comment, which it passes over.
 */

/** What a map file says: a rescue can go on from it. */
export interface RescueFile {
  readonly map: RescueMap;
  readonly standing: Standing;
  /** Whose rescue it is: 16 hex digits; not said by the maps of others. */
  readonly nonce?: string;
  /** None unless given. */
  readonly hung?: readonly HungPlace[];
}

const SIGN: Readonly<Record<AreaStatus, string>> = {
  'non-tried': '?',
  'non-trimmed': '*',
  'non-scraped': '/',
  bad: '-',
  finished: '+',
};
const STATUS = new Map<string, AreaStatus>([
  ['?', 'non-tried'],
  ['*', 'non-trimmed'],
  ['/', 'non-scraped'],
  ['-', 'bad'],
  ['+', 'finished'],
]);
const SPENT = /^# Time spent on bad areas: (?<ms>\d{1,15}) ms$/mu;
const NONCE = /^# Copy: (?<nonce>[0-9a-f]{16})$/mu;
const HUNG =
  /^# (?<what>Hung|Left out): (?<offset>0x[0-9A-F]{1,14}) {2}(?<length>0x[0-9A-F]{1,14})$/gmu;
const NUMBER = /^(?:0[xX][0-9a-fA-F]{1,14}|\d{1,16})$/u;

/** The text of a map file, line by line. */
export function* rescueMapText({ map, standing, nonce, hung = [] }: RescueFile): Generator<string> {
  const { status, pass, positionBytes, spentMs } = standing;
  yield '# Mapfile. Created by Drive Station\n';
  if (nonce !== undefined) yield `# Copy: ${nonce}\n`;
  yield `# Time spent on bad areas: ${spentMs} ms\n`;
  for (const { offsetBytes, lengthBytes, isLeftOut } of hung) {
    yield `# ${isLeftOut ? 'Left out' : 'Hung'}: ${hex(offsetBytes)}  ${hex(lengthBytes)}\n`;
  }
  yield '# current_pos  current_status  current_pass\n';
  yield `${hex(positionBytes)}     ${SIGN[status]}               ${pass}\n`;
  yield '#      pos        size  status\n';
  for (const area of map.areas()) {
    yield `${hex(area.offsetBytes)}  ${hex(area.lengthBytes)}  ${SIGN[area.status]}\n`;
  }
}

function hex(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(8, '0')}`;
}

/**
 * Reads a map file, ours or one of ddrescue's. The areas must begin at 0, touch each other and end inside
 * of what a number holds exactly. Throws `rescue-map-invalid` with the line.
 */
export function parseRescueMap(text: string): RescueFile {
  const rows = rowsOf(text);
  const head = rows[0];
  if (head === undefined) throw invalid(1, 'it has no status line');
  const areas = rows.slice(1).map(areaOf);
  const sizeBytes = areas.reduce((end, area, index) => {
    if (area.offsetBytes !== end) throw invalid(rows[index + 1]?.line ?? 0, 'areas must touch');
    return endOf(area);
  }, 0);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes === 0)
    throw invalid(head.line, 'it has no areas');
  const map = new RescueMap(sizeBytes);
  for (const area of areas) map.mark(area, area.status);
  const spentMs = Number(SPENT.exec(text)?.groups?.ms ?? 0);
  const nonce = NONCE.exec(text)?.groups?.nonce;
  const standing = { ...standingOf(head), spentMs };
  const hung = hungIn(text).filter((place) => endOf(place) <= sizeBytes);
  const ours = {
    ...(nonce === undefined ? {} : { nonce }),
    ...(hung.length === 0 ? {} : { hung }),
  };
  return { map, standing, ...ours };
}

function hungIn(text: string): HungPlace[] {
  return [...text.matchAll(HUNG)].map(({ groups }) => ({
    offsetBytes: Number(groups?.offset),
    lengthBytes: Number(groups?.length),
    isLeftOut: groups?.what === 'Left out',
  }));
}

interface Row {
  readonly line: number;
  readonly words: readonly string[];
}

function rowsOf(text: string): Row[] {
  return text.split('\n').flatMap((content, index) => {
    const words = content.replace(/(?:^|\s)#.*$/u, '').trim();
    return words === '' ? [] : [{ line: index + 1, words: words.split(/\s+/u) }];
  });
}

function standingOf({ line, words }: Row): Omit<Standing, 'spentMs'> {
  const [position = '', sign = '', pass = '1'] = words;
  const status = STATUS.get(sign);
  if (!NUMBER.test(position) || !/^[1-9]\d{0,8}$/u.test(pass) || words.length > 3) {
    throw invalid(line, 'the status line is not a position, a sign and a pass');
  }
  // Filling and generating are modes of ddrescue that try nothing.
  if (status === undefined)
    throw invalid(line, `"${sign}" is not a state that can be gone on from`);
  return { status, pass: Number(pass), positionBytes: Number(position) };
}

function areaOf({ line, words }: Row): Area {
  const [offset = '', length = '', sign = ''] = words;
  const status = STATUS.get(sign);
  if (!NUMBER.test(offset) || !NUMBER.test(length) || status === undefined || words.length !== 3) {
    throw invalid(line, 'an area is an offset, a length and one of ? * / - +');
  }
  if (Number(length) === 0) throw invalid(line, 'an area has at least one byte');
  return { offsetBytes: Number(offset), lengthBytes: Number(length), status };
}

function invalid(line: number, problem: string): StationError<'rescue-map-invalid'> {
  const words = `line ${line} of the rescue map: ${problem}`;
  return new StationError('rescue-map-invalid', words, { line, problem });
}
