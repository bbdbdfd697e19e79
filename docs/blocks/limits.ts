import { readdirSync, readFileSync } from 'node:fs';
import * as limits from '../../src/limits.ts';
import { code, table } from './markdown.ts';

const SOURCE = new URL('../../src/limits.ts', import.meta.url);
/** Bounds of one subject each; `SOURCE` gives them on. */
const PARTS = new URL('../../src/limits/', import.meta.url);
/** One documented constant: its comment, and its name. */
const CONSTANT = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport const (\w+)/gu;

/** Every bound with its value and its reason, which is the comment above it in the source. */
export function limitsTable(): string {
  const values = new Map<string, unknown>(Object.entries(limits));
  const reasons = documented();
  const silent = [...values.keys()].filter((name) => !reasons.has(name));
  if (silent.length > 0) throw new RangeError(`without a reason: ${silent.join(', ')}`);
  const rows = [...reasons].flatMap(([name, reason]) => rowsOf(name, values.get(name), reason));
  return table(['bound', 'value', 'reason'], rows);
}

function rowsOf(name: string, value: unknown, reason: string): string[][] {
  if (typeof value === 'number') return [[code(name), amount(name, value), reason]];
  return typeof value === 'object' && value !== null ? planRows(name, value, reason) : [];
}

/** In the order of the sources. */
function documented(): Map<string, string> {
  const parts = readdirSync(PARTS).sort();
  const sources = [SOURCE, ...parts.map((part) => new URL(part, PARTS))];
  const found = sources.flatMap((source) => [...readFileSync(source, 'utf8').matchAll(CONSTANT)]);
  return new Map(found.map(([, comment = '', name = '']) => [name, inOneLine(comment)]));
}

function inOneLine(comment: string): string {
  return comment
    .replace(/\n \* ?/gu, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
}

/** The parts of one object share its reason, which stands beside the first. */
function planRows(name: string, parts: object, reason: string): string[][] {
  return Object.entries(parts).map(([key, value], at) => {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    const shown = values.map((item) => amount(key, Number(item))).join(' and ');
    return [code(`${name}.${key}`), shown, at === 0 ? reason : 'as above'];
  });
}

/** The unit is the end of the name; a name without one counts things. */
export function amount(name: string, value: number): string {
  if (/bytes$/iu.test(name)) return inUnits(value, BYTE_UNITS);
  if (/ms$/iu.test(name)) return inUnits(value, TIME_UNITS);
  return value.toLocaleString('en-US');
}

const BYTE_UNITS = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['bytes', 1],
] as const;
const TIME_UNITS = [
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

/** In the largest unit that leaves no fraction. */
function inUnits(value: number, units: readonly (readonly [string, number])[]): string {
  const [unit, size] = units.find(([, each]) => value >= each && value % each === 0) ?? ['', 1];
  const shown = (value / size).toLocaleString('en-US');
  return unit === '' ? `${shown} ${units.at(-1)?.[0]}` : `${shown} ${unit}`;
}
