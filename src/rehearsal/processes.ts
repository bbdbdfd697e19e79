import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The processes that a daemon started, however deep and however orphaned: each of them inherits PATH,
 * and a directory in it that exists nowhere marks them as one family.
 */

export interface FamilyMember {
  readonly pid: number;
  readonly command: string;
}

const NOWHERE = '/nonexistent/';

/** A PATH that marks every process which inherits it. */
export function markedPath(mark: string): string {
  return `${process.env.PATH ?? ''}:${NOWHERE}${mark}`;
}

/** The living processes that carry the mark; zombies and those that are just ending are left out. */
export async function familyOf(mark: string): Promise<FamilyMember[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/u.test(name)).map(Number);
  const members = await Promise.all(pids.map((pid) => memberOf(pid, mark)));
  return members.filter((member) => member !== undefined);
}

async function memberOf(pid: number, mark: string): Promise<FamilyMember | undefined> {
  const environment = await procFile(pid, 'environ');
  if (!environment.includes(`${NOWHERE}${mark}`)) return undefined;
  const command = (await procFile(pid, 'cmdline')).replaceAll('\0', ' ').trim();
  return command === '' ? undefined : { pid, command };
}

async function procFile(pid: number, name: string): Promise<string> {
  try {
    return await readFile(join('/proc', String(pid), name), 'latin1');
  } catch {
    return '';
  }
}

/** What of the family lives after the deadline; returns as soon as none does. */
export async function remainsAfter(
  mark: string,
  deadlineMs: number,
  among: (member: FamilyMember) => boolean = () => true,
): Promise<FamilyMember[]> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const left = (await familyOf(mark)).filter(among);
    if (left.length === 0 || performance.now() > end) return left;
    await sleep(50);
  }
}

/** Resident memory of a process in bytes; `undefined` when it has ended. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  const status = await procFile(pid, 'status');
  const kib = /^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}
