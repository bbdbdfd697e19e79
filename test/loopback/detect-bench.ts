import { execFile } from 'node:child_process';
import {
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rm,
  rmdir,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { type DiskIdentityFile, identityFileOf } from '../../src/detect/identity-file.ts';

const run = promisify(execFile);

/** Why loop devices cannot be made here; `undefined` when they can. */
export async function whyNoLoopDevices(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'loop devices need root';
  return (await succeeds('losetup', ['--version'])) ? undefined : 'losetup is missing (util-linux)';
}

export async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}

/** One image on a read-only loop device of our own. */
export interface BenchDisk {
  readonly device: string;
  readonly name: string;
  readonly image: string;
  readonly diskseq: number;
}

export interface Making {
  readonly sizeBytes?: number;
  /** Puts a file system on the image before it is attached. */
  format?(image: string): Promise<unknown>;
}

/** A temporary directory of images, and the loop devices made from them. */
export class LoopBench implements AsyncDisposable {
  readonly directory: string;
  readonly #attached = new Map<string, BenchDisk>();

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(): Promise<LoopBench> {
    const made = await mkdtemp(join(tmpdir(), 'drive-station-detect-'));
    return new LoopBench(await realpath(made));
  }

  /** Makes an image with an identity file, or without one, and attaches it read-only. */
  async plug(name: string, identity?: DiskIdentityFile, making: Making = {}): Promise<BenchDisk> {
    const image = join(this.directory, `${name}.img`);
    await writeFile(image, '');
    await truncate(image, making.sizeBytes ?? 1 << 20);
    await making.format?.(image);
    if (identity !== undefined) await writeFile(identityFileOf(image), stringify(identity));
    const { stdout } = await run('losetup', ['--find', '--show', '--read-only', image]);
    const device = stdout.trim();
    const loop = basename(device);
    const diskseq = Number(await readFile(`/sys/block/${loop}/diskseq`, 'utf8'));
    const disk = { device, name: loop, image, diskseq };
    this.#attached.set(image, disk);
    return disk;
  }

  /** Detaches; the kernel lets go when the last program has closed the device. */
  async unplug(disk: BenchDisk): Promise<void> {
    this.#attached.delete(disk.image);
    if (!(await isOurs(disk))) return;
    await run('losetup', ['--detach', disk.device]);
    for (let tries = 0; tries < 200 && (await isOurs(disk)); tries++) await sleep(10);
  }

  /** Mounts a disk read-only and without replaying its journal, until the answer is disposed of. */
  async mount(disk: BenchDisk): Promise<AsyncDisposable> {
    const place = join(this.directory, `${disk.name}.mnt`);
    await mkdir(place);
    await run('mount', ['-o', 'ro,noload', disk.device, place]);
    return {
      async [Symbol.asyncDispose]() {
        await run('umount', [place]);
        await rmdir(place);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const disk of [...this.#attached.values()]) await this.unplug(disk);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A loop device is taken by others as soon as it is free: only our own image counts. */
async function isOurs({ name, image }: BenchDisk): Promise<boolean> {
  const file = `/sys/block/${name}/loop/backing_file`;
  return (await readFile(file, 'utf8').catch(() => '')).trim() === image;
}

/** Reads, sectors read, writes and sectors written, as the kernel counted them. */
export async function countersOf({ name }: BenchDisk): Promise<number[]> {
  const fields = (await readFile(`/sys/block/${name}/stat`, 'utf8')).trim().split(/\s+/u);
  return [0, 2, 4, 6].map((index) => Number(fields[index]));
}
