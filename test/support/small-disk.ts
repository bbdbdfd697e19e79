import { mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StateDisk } from '../../src/rehearsal/state-disk.ts';

/** A small file system of its own that a test can fill; only root can mount one. */

export const CAN_MOUNT = process.getuid?.() === 0;
if (!CAN_MOUNT) process.stdout.write('SKIPPED: only root can mount a small disk to be filled\n');

export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  readonly disk: StateDisk;
  read(name: string): Promise<Buffer>;
  /** In place of what the file was. */
  write(name: string, bytes: number): Promise<void>;
  freeBytes(): Promise<number>;
}

export async function smallDisk(sizeBytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'drive-station-small-'));
  const disk = await StateDisk.mount(path, sizeBytes);
  const dispose = async () => {
    await disk[Symbol.asyncDispose]();
    await rm(path, { recursive: true });
  };
  return {
    ...{ path, disk },
    read: (name) => readFile(join(path, name)),
    write: (name, bytes) => writeFile(join(path, name), Buffer.alloc(bytes)),
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    },
    [Symbol.asyncDispose]: dispose,
  };
}
