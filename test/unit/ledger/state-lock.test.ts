import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { lockStateDirectory } from '../../../src/ledger/state-lock.ts';
import { temporaryDirectory } from '../../support/ledger.ts';
import { CAN_MOUNT, smallDisk } from '../../support/small-disk.ts';

const HOLDER = fileURLToPath(new URL('../../support/lock-holder.ts', import.meta.url));

it('refuses a second process until the first has ended, even by SIGKILL', async () => {
  await using directory = await temporaryDirectory();
  await using holder = await startHolder(directory.path);
  const second = lockStateDirectory(directory.path);
  await expect(second).rejects.toMatchObject({
    code: 'state-directory-in-use',
    payload: { directory: directory.path },
  });
  await holder.kill();
  const release = await lockStateDirectory(directory.path);
  release();
});

it('refuses a second process also when the file of the lock was deleted, by any path', async () => {
  await using directory = await temporaryDirectory();
  const state = join(directory.path, 'state');
  await using holder = await startHolder(state);
  await rm(join(state, 'station.lock'));
  const other = join(directory.path, 'other');
  await symlink(state, other);
  for (const path of [state, other, state]) {
    const second = lockStateDirectory(path);
    await expect(second).rejects.toMatchObject({ code: 'state-directory-in-use' });
  }
  await holder.kill();
  (await lockStateDirectory(state))();
});

it('refuses a second lock in the same process and gives way after the release', async () => {
  await using directory = await temporaryDirectory();
  const release = await lockStateDirectory(directory.path);
  const second = lockStateDirectory(directory.path);
  await expect(second).rejects.toMatchObject({ code: 'state-directory-in-use' });
  release();
  release();
  (await lockStateDirectory(directory.path))();
});

it('makes the directory, for its owner alone', async () => {
  await using directory = await temporaryDirectory();
  const inner = join(directory.path, 'state', 'inner');
  (await lockStateDirectory(inner))();
  expect((await stat(inner)).mode & 0o777).toBe(0o700);
  (await lockStateDirectory(inner))();
});

it('names a path that cannot be a state directory', async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'file');
  await writeFile(file, '');
  for (const path of [file, join(file, 'below')]) {
    await expect(lockStateDirectory(path)).rejects.toMatchObject({
      code: 'state-directory-unusable',
      message: expect.stringContaining(`${path} cannot be the state directory`),
    });
  }
});

it.runIf(CAN_MOUNT)('needs no room on the disk', async () => {
  await using small = await smallDisk(1024 * 1024);
  await small.disk.fill();
  const release = await lockStateDirectory(small.path);
  const second = lockStateDirectory(small.path);
  await expect(second).rejects.toMatchObject({ code: 'state-directory-in-use' });
  release();
});

async function startHolder(directory: string) {
  const child = spawn(process.execPath, [HOLDER, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const kill = async () => {
    child.kill('SIGKILL');
    await closed;
  };
  await Promise.race([once(child.stdout, 'data'), closed]);
  expect(child.exitCode).toBeNull();
  return { kill, [Symbol.asyncDispose]: kill };
}
