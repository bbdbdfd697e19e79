import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseVolumeKey } from '../../src/volumes/bitlocker-key.ts';
import type { OpenVolume, VolumeFile, VolumeSource } from '../../src/volumes/contract.ts';
import { openVolume, type VolumeOrder } from '../../src/volumes/open-volume.ts';
import { parseVolumePath } from '../../src/volumes/windows-path.ts';
import { fileDisk } from './volume-source.ts';

/** Opening volumes in tests, and looking at what is left of them. */

export const never = new AbortController().signal;

export async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-volumes-'));
  await mkdir(join(directory, 'work'));
  return directory;
}

/** Never removes what lies in a mount that is still there. */
export async function removeScratch(directory: string): Promise<void> {
  if ((await leftOvers(directory)).length === 0)
    await rm(directory, { recursive: true, force: true });
}

export interface Opening {
  readonly key?: string;
  readonly accept?: VolumeOrder['accept'];
  readonly directory: string;
}

export function open(source: VolumeSource, opening: Opening, signal = never): Promise<OpenVolume> {
  const { key, accept = 'any-filesystem', directory } = opening;
  const keys = key === undefined ? [] : parseVolumeKey(key);
  return openVolume({ source, keys, accept, workDirectory: join(directory, 'work') }, signal);
}

/** Opens the volume of an image file for as long as `use` runs. */
export async function withVolume<T>(
  image: string,
  opening: Opening,
  use: (volume: OpenVolume) => Promise<T>,
): Promise<T> {
  await using source = await fileDisk(image);
  await using volume = await open(source, opening);
  const result = await use(volume);
  await volume.close();
  return result;
}

export function openFile(volume: OpenVolume, path: string): Promise<VolumeFile> {
  return volume.openFile(parseVolumePath(path), never);
}

export async function contentOf(volume: OpenVolume, path: string): Promise<string> {
  await using file = await openFile(volume, path);
  const buffer = Buffer.alloc(file.sizeBytes);
  let done = 0;
  while (done < buffer.length) {
    done += await file.read(buffer.subarray(done), done, buffer.length - done);
  }
  return buffer.toString('utf8');
}

/** Loop devices, mounts and processes that have to do with a directory. */
export async function leftOvers(directory: string): Promise<readonly string[]> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const mounted = mounts.filter((line) => line.includes(` ${directory}/`));
  return [...mounted, ...(await loops(directory)), ...(await processes(directory))];
}

async function loops(directory: string): Promise<string[]> {
  const names = (await readdir('/sys/block')).filter((name) => name.startsWith('loop'));
  const backing = (name: string) =>
    readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '');
  const found = await Promise.all(
    names.map(async (name) => `${name}: ${(await backing(name)).trim()}`),
  );
  return found.filter((line) => line.includes(`${directory}/`));
}

async function processes(directory: string): Promise<string[]> {
  const commands = await processTexts('cmdline');
  return commands.filter(
    (command) => command.includes(`${directory}/`) && !command.includes('vitest'),
  );
}

/** What the kernel shows of all processes to whoever may look. */
export async function processTexts(file: 'cmdline' | 'environ'): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/u.test(name));
  const read = (id: string) => readFile(`/proc/${id}/${file}`, 'latin1').catch(() => '');
  const texts = await Promise.all(ids.map(read));
  return texts.map((text) => text.replaceAll('\0', ' '));
}
