import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What this machine has and allows. */

export function onPath(tool: string): boolean {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return directories.some((directory) => allows(join(directory, tool), constants.X_OK));
}

export function allows(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
