import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { rootOf } from '../../src/volumes/descriptors.ts';
import { CaseSearch } from '../../src/volumes/folder.ts';
import { mountIdOf } from '../../src/volumes/mount-table.ts';
import { openVolumeFile } from '../../src/volumes/open-file.ts';
import { SecondLook } from '../../src/volumes/second-look.ts';
import { walkFolder } from '../../src/volumes/walk.ts';
import { parseVolumePath } from '../../src/volumes/windows-path.ts';

/**
 * Reads a folder as that of a volume in a process with ever fewer descriptors left; says for each number
 * what became of a file that it opened and of a walk.
 */

const [, , directory = ''] = process.argv;
const never = new AbortController().signal;
const handle = await open(directory);
const [root, ground] = await rootOf(directory, (await mountIdOf(handle.fd)) ?? -1);
const tree = { root, ground, search: new CaseSearch(), layers: [] };

const codeOf = (error: unknown) =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

async function opened(): Promise<string> {
  try {
    await using _ = await openVolumeFile(tree, parseVolumePath('\\folder\\file'), never);
    return 'opened';
  } catch (error) {
    return codeOf(error);
  }
}

async function walked(): Promise<string> {
  try {
    const look = new SecondLook([], () => undefined);
    const place = { place: root, names: [] };
    const found = await Array.fromAsync(walkFolder(place, { ground, look }, never));
    return found.map((entry) => `${entry.kind}`).join(' ');
  } catch (error) {
    return codeOf(error);
  }
}

const taken: number[] = [];
try {
  while (true) taken.push(openSync('/dev/null', 'r'));
} catch {
  // There are no more.
}
for (let left = 0; left < 6; left++) {
  process.stderr.write(`${left}: ${await opened()}, ${await walked()}\n`);
  closeSync(taken.pop() ?? -1);
}
