import { mkdtemp, open, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Place } from '../../../src/volumes/descriptors.ts';
import { SecondLook } from '../../../src/volumes/second-look.ts';

let directory: string;
let folder: Place;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'second-look-'));
  for (let index = 0; index < 100; index++) await writeFile(join(directory, `${index}`), '');
  const handle = await open(directory);
  folder = { handle, stats: await handle.stat() };
});
afterEach(async () => {
  await folder.handle.close();
  await rm(directory, { recursive: true });
});

/** Descriptors of this process that are open on the folder. */
async function openOnFolder(): Promise<number> {
  const names = await readdir('/proc/self/fd');
  const targets = names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => undefined));
  return (await Promise.all(targets)).filter((target) => target === directory).length;
}

describe('the names in a folder', () => {
  it('leave nothing open when not all of them are asked for', async () => {
    const before = await openOnFolder();
    let during = 0;
    for await (const _ of new SecondLook([]).namesIn(folder)) {
      during = await openOnFolder();
      break;
    }
    expect(during).toBe(before + 1);
    expect(await openOnFolder()).toBe(before);
  });

  it('leave nothing open when they are all read', async () => {
    const before = await openOnFolder();
    expect(await Array.fromAsync(new SecondLook([]).namesIn(folder))).toHaveLength(100);
    expect(await openOnFolder()).toBe(before);
  });
});
