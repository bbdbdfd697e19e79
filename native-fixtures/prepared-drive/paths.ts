import { join } from 'node:path';

/** Where a path of the drive is while the drive is mounted. */
export function onHost(root: string, path: string): string {
  return join(root, ...path.split('\\').filter((name) => name !== ''));
}
