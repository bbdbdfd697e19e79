import { constants } from 'node:fs';
import { type FileHandle, open, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { type DiskIdentityFile, identityFileOf } from '../detect/identity-file.ts';
import { errnoOf, StationError } from '../errors.ts';

/**
 * Bays of a loopback directory. A bay is taken by creating its identity file, which can succeed only
 * once; the identity is therefore complete before the kernel shows the disk.
 */

const PREFIX = 'plugged-';
const SUFFIX = '.img';
const MAX_NUMBERED_BAYS = 64;
const BAY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/u;

export interface Bay {
  readonly name: string;
  readonly pluggedPath: string;
  /** What the disk in this bay says of itself, the name of the bay included. */
  readonly identity: DiskIdentityFile;
}

/** `<directory>/plugged-<bay>.img`. Throws `request-invalid` for a name that is no file name. */
export function pluggedPathOf(directory: string, bay: string): string {
  if (!BAY_NAME.test(bay)) {
    throw refused(`the bay "${bay}" has a name with other characters than letters, digits, . _ -`);
  }
  return join(directory, `${PREFIX}${bay}${SUFFIX}`);
}

/** The bay of a plugged file that lies directly in the directory; `undefined` for any other path. */
export function bayOf(directory: string, path: string): string | undefined {
  if (dirname(path) !== directory) return undefined;
  const name = path.slice(directory === '/' ? 1 : directory.length + 1);
  if (!name.startsWith(PREFIX) || !name.endsWith(SUFFIX)) return undefined;
  const bay = name.slice(PREFIX.length, -SUFFIX.length);
  return BAY_NAME.test(bay) ? bay : undefined;
}

/** The directory as the kernel spells it in the path of a backing file. */
export async function loopbackDirectory(directory: string): Promise<string> {
  try {
    return await realpath(directory);
  } catch (cause) {
    throw refused(`the loopback directory ${directory} cannot be used`, cause);
  }
}

/** Takes a bay. Throws `request-invalid` when it is occupied; without a name any empty one will do. */
export async function takeBay(
  directory: string,
  identity: DiskIdentityFile,
  name?: string,
): Promise<Bay> {
  if (name !== undefined) {
    const bay = await tryBay(directory, identity, name);
    if (bay === undefined) throw refused(`${name} in ${directory} is occupied`);
    return bay;
  }
  for (let number = 1; number <= MAX_NUMBERED_BAYS; number++) {
    const bay = await tryBay(directory, identity, `bay-${number}`);
    if (bay !== undefined) return bay;
  }
  throw refused(`all ${MAX_NUMBERED_BAYS} bays in ${directory} are occupied`);
}

async function tryBay(
  directory: string,
  content: DiskIdentityFile,
  name: string,
): Promise<Bay | undefined> {
  const pluggedPath = pluggedPathOf(directory, name);
  const identity = { ...content, bay: name };
  try {
    await writeFile(identityFileOf(pluggedPath), stringify(identity), { flag: 'wx' });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw error;
  }
  return { name, pluggedPath, identity };
}

export async function emptyBay(pluggedPath: string): Promise<void> {
  await rm(pluggedPath, { force: true });
  await rm(identityFileOf(pluggedPath), { force: true });
}

/**
 * Opens a plain file; never a device and never through a link, so that a name in the loopback
 * directory cannot lead to a real disk. Throws `request-invalid`.
 */
export async function openPlainFile(path: string, access: 'read' | 'write'): Promise<FileHandle> {
  const { O_RDONLY, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const flags = (access === 'read' ? O_RDONLY : O_WRONLY) | O_NOFOLLOW | O_NONBLOCK;
  let handle: FileHandle;
  try {
    handle = await open(path, flags);
  } catch (cause) {
    throw refused(`${path} cannot be used as an image: ${errnoOf(cause) ?? 'unreadable'}`, cause);
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw refused(`${path} is not an image file`);
}

export async function requirePlainFile(path: string): Promise<void> {
  await (await openPlainFile(path, 'read')).close();
}

export function refused(problem: string, cause?: unknown) {
  return new StationError('request-invalid', problem, { problems: [problem] }, cause);
}
