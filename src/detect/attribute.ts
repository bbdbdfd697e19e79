import { readdir, readFile, readlink } from 'node:fs/promises';
import { errnoOf } from '../errors.ts';

/**
 * What a driver answers for an attribute it has no value for, and what the kernel answers for a
 * device that has just gone. None of them says that the scan itself is broken.
 */
const ABSENT = new Set([
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'ENODEV',
  'ENXIO',
  'EINVAL',
  'EIO',
  'EACCES',
  'ENOTSUP',
]);

async function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (ABSENT.has(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** The text of one kernel attribute without its final newline; `undefined` when it has none. */
export async function readAttribute(path: string): Promise<string | undefined> {
  const text = await unlessAbsent(readFile(path, 'utf8'));
  return text?.replace(/\n$/u, '');
}

/** A decimal attribute; `undefined` when it is missing or no number. */
export async function readNumber(path: string): Promise<number | undefined> {
  const text = await readAttribute(path);
  return text !== undefined && /^\d+$/u.test(text.trim()) ? Number(text) : undefined;
}

export async function readBinary(path: string): Promise<Buffer | undefined> {
  return unlessAbsent(readFile(path));
}

/** Names in a directory of the kernel; none when it does not exist. */
export async function namesIn(directory: string): Promise<string[]> {
  return (await unlessAbsent(readdir(directory))) ?? [];
}

export async function linkTarget(path: string): Promise<string | undefined> {
  return unlessAbsent(readlink(path));
}
