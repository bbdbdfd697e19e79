import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { fileSystemOf, freeSpace } from '../../../src/detect/free-space.ts';

const never = new AbortController().signal;

describe('free space', () => {
  it('is what the file system of the directory has', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'drive-station-space-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const { availableBytes: bytes } = await freeSpace(directory, never);
    const { bavail, bsize } = await statfs(directory);
    // Other programs write meanwhile; a wrong unit would be off by a factor of two at least.
    expect(bytes / (bavail * bsize)).toBeGreaterThan(0.7);
    expect(bytes / (bavail * bsize)).toBeLessThan(1.4);
  });

  it('is looked at with what was compiled ahead, every ten seconds', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'drive-station-space-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('NODE_COMPILE_CACHE', directory);
    await freeSpace('/', never);
    await expect(readdir(directory, { recursive: true })).resolves.not.toEqual([]);
  });

  it('fails for a directory that is not there', async () => {
    await expect(freeSpace('/nonexistent/directory', never)).rejects.toMatchObject({
      code: 'tool-failed',
    });
  });

  it('takes the deepest mount, and the later of two at one place', () => {
    const at = (mountpoint: string, availableBytes: number) => ({ mountpoint, availableBytes });
    const all = [at('/', 1), at('/var/lib', 2), at('/var/li', 3), at('/var/lib', 4)];
    expect(fileSystemOf('/var/lib/drive-station', all)?.availableBytes).toBe(4);
    expect(fileSystemOf('/var/lib', all)?.availableBytes).toBe(4);
    expect(fileSystemOf('/var/liberal', all)?.availableBytes).toBe(1);
    expect(fileSystemOf('/', all)?.availableBytes).toBe(1);
  });
});
