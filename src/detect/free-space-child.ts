/**
 * Runs in a process of its own: prints the file systems that `node-disk-info` finds with `df`, which
 * hangs where one of them is a network share whose server is away.
 */
import { statfs } from 'node:fs/promises';
import { getDiskInfoSync } from 'node-disk-info';
import { messageOf } from '../errors.ts';

const directory = process.argv[2] ?? '/';

/** `df` counts in units of 1,024 bytes as long as POSIXLY_CORRECT is not set. */
const DF_UNIT_BYTES = 1024;

function fileSystems() {
  return getDiskInfoSync().map(({ mounted, available }) => ({
    mountpoint: mounted,
    availableBytes: available * DF_UNIT_BYTES,
  }));
}

/** `df` fails as a whole when it may not look at one file system; the one we need still answers. */
async function answer() {
  const { bavail, bsize } = await statfs(directory);
  const direct = { mountpoint: directory, availableBytes: bavail * bsize };
  try {
    return { fileSystems: fileSystems(), direct, failure: null };
  } catch (error) {
    return { fileSystems: [], direct, failure: messageOf(error) };
  }
}

process.stdout.write(JSON.stringify(await answer()));
