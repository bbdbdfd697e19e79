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
    for await (const _ of new SecondLook([], () => undefined).namesIn(folder)) {
      during = await openOnFolder();
      break;
    }
    expect(during).toBe(before + 1);
    expect(await openOnFolder()).toBe(before);
  });

  it('leave nothing open when they are all read', async () => {
    const before = await openOnFolder();
    expect(await Array.fromAsync(new SecondLook([], () => undefined).namesIn(folder))).toHaveLength(
      100,
    );
    expect(await openOnFolder()).toBe(before);
  });
});

describe('what reads at the second look', () => {
  const failing = (code: string, times: number) => {
    let tries = 0;
    return async () => {
      if (tries++ < times) throw Object.assign(new Error(code), { code });
      return tries;
    };
  };

  it('is told to have failed, once for each time', async () => {
    let signs = 0;
    const look = new SecondLook([], () => signs++);
    expect(await look.at(failing('EIO', 2))).toBe(3);
    expect(signs).toBe(2);
    await expect(look.at(failing('EUCLEAN', 100))).rejects.toMatchObject({ code: 'EUCLEAN' });
    expect(signs).toBeGreaterThan(3);
  });

  it('is no sign of an error when it was only not there', async () => {
    let signs = 0;
    const look = new SecondLook([], () => signs++);
    await expect(look.at(failing('ENOENT', 1))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(signs).toBe(0);
  });
});
