import { StationError } from '../errors.ts';
import { WINDOWS_NAME_MAX, WINDOWS_PATH_MAX } from '../limits.ts';

/**
 * Paths as Windows means them, from a manifest: names from the root of the volume, between `\` or
 * `/`. What Windows could not have written as a file of the volume is refused here, before the drive
 * is asked.
 */

declare const volumePath: unique symbol;
/** The names from the root of the volume to a file; from a manifest, or read on the volume itself. */
export type VolumePath = readonly string[] & { readonly [volumePath]: true };

const DEVICE_NAME = /^(?:CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])$/iu;
const FORBIDDEN = /[<>"|?*\p{Cc}]/u;

/** Throws `file-name-invalid` or `file-name-too-long`. */
export function parseVolumePath(path: string): VolumePath {
  if (path.length > WINDOWS_PATH_MAX) throw tooLong(path, path.length, WINDOWS_PATH_MAX);
  const problem = problemOfWhole(path);
  if (problem !== undefined) throw invalid(path, problem);
  const names = path.replace(/^[\\/]/u, '').split(/[\\/]/u);
  for (const name of names) {
    const wrong = problemOfName(name);
    if (wrong !== undefined) throw invalid(path, wrong);
    if (name.length > WINDOWS_NAME_MAX) throw tooLong(path, name.length, WINDOWS_NAME_MAX);
  }
  return pathOnVolume(names);
}

/** Names that were read on the volume, which may be others than Windows allows. */
export function pathOnVolume(names: readonly string[]): VolumePath {
  return names as VolumePath;
}

function problemOfWhole(path: string): string | undefined {
  if (path === '') return 'it is empty';
  if (/^[\\/]{2}/u.test(path)) return 'it names a server or a device';
  if (/^[A-Za-z]:/u.test(path))
    return 'it names a drive letter; paths start at the root of the volume';
  if (!path.isWellFormed()) return 'it is not valid Unicode';
  return undefined;
}

function problemOfName(name: string): string | undefined {
  if (name === '') return 'it has an empty name between two backslashes, or names a folder';
  if (name === '.' || name === '..') return `"${name}" is no name`;
  if (name.includes(':')) return 'it names an alternate stream';
  if (FORBIDDEN.test(name)) return 'it has a character that NTFS forbids';
  if (/[. ]$/u.test(name)) return 'a name ends in a dot or a blank';
  const [base = ''] = name.split('.');
  if (DEVICE_NAME.test(base.trimEnd())) return `"${base}" is the name of a device`;
  return undefined;
}

/** As it is shown and logged. */
export function formatVolumePath(path: readonly string[]): string {
  return `\\${path.join('\\')}`;
}

/**
 * A name as NTFS compares it: upper case for each UTF-16 code unit by itself, nothing composed or
 * decomposed. NTFS takes a table from the volume; this is what that table says, except for a few
 * letters of late versions of Unicode. Letters outside ASCII never become ones inside it.
 */
export function foldCase(name: string): string {
  return name.replace(/[^\0-`{-\x7f]/gu, foldLetter);
}

function foldLetter(letter: string): string {
  if (letter.length > 1) return letter;
  const upper = letter.toUpperCase();
  const staysOutside = letter.charCodeAt(0) < 0x80 || upper.charCodeAt(0) >= 0x80;
  return upper.length === 1 && staysOutside ? upper : letter;
}

function invalid(path: string, problem: string) {
  const words = `the path ${shown(path)} cannot be one on Windows: ${problem}`;
  return new StationError('file-name-invalid', words, { path: shown(path), problem });
}

function tooLong(path: string, length: number, maxLength: number) {
  const words = `the path ${shown(path)} is too long: ${length} characters where ${maxLength} are allowed`;
  return new StationError('file-name-too-long', words, { path: shown(path), length, maxLength });
}

/** Enough of a path to know it again in a message. */
function shown(path: string): string {
  return path.length <= 300 ? path : `${path.slice(0, 300)}…`;
}
