import { realpath } from 'node:fs/promises';
import { z } from 'zod';
import { throwIfCancelled } from '../errors.ts';
import { runChildScript } from './child-script.ts';

const fileSystemSchema = z.object({ mountpoint: z.string(), availableBytes: z.number().min(0) });

const freeSpaceSchema = z.object({
  fileSystems: z.array(fileSystemSchema),
  direct: fileSystemSchema,
  failure: z.string().nullable(),
});

/** Where a file system is mounted, and the bytes that are available to us in it. */
export type FileSystem = z.output<typeof fileSystemSchema>;

/** The file system that holds a directory. Throws `tool-failed`, `tool-timed-out` or `cancelled`. */
export async function freeSpace(directory: string, signal: AbortSignal): Promise<FileSystem> {
  throwIfCancelled(signal);
  const place = await realpath(directory).catch(() => directory);
  const answer = await runChildScript(
    { script: 'free-space-child.ts', args: [place], schema: freeSpaceSchema },
    signal,
  );
  return fileSystemOf(place, answer.fileSystems) ?? answer.direct;
}

/** The file system with the longest mount point above the path; of two at one place, the later. */
export function fileSystemOf(
  path: string,
  fileSystems: readonly FileSystem[],
): FileSystem | undefined {
  let best: FileSystem | undefined;
  for (const item of fileSystems) {
    const above = item.mountpoint.replace(/\/$/u, '');
    const holds = path === item.mountpoint || path.startsWith(`${above}/`);
    if (holds && item.mountpoint.length >= (best?.mountpoint.length ?? 0)) best = item;
  }
  return best;
}
