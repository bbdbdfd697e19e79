import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Medium } from '../../../native-fixtures/record-disk/medium.ts';
import { readOperations } from '../../../native-fixtures/record-disk/operations.ts';
import { writeState } from '../../../native-fixtures/record-disk/write-state.ts';
import { RecordDisk } from '../../../native-fixtures/record-disk.ts';

/**
 * Works in an empty directory, cuts the power when that is done, or when the work calls `cut`, and looks
 * at a directory with what is left: nothing but what the work had forced to the medium.
 */
export async function afterPowerCut(
  work: (directory: string, cut: () => Promise<void>) => Promise<void>,
  look: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-power-'));
  try {
    const [lower, mount, log] = [
      join(directory, 'lower'),
      join(directory, 'mount'),
      join(directory, 'log'),
    ];
    for (const made of [lower, mount]) await mkdir(made);
    {
      await using disk = await RecordDisk.mount({ lower, mount, log });
      const cut = () => disk.mark('power cut');
      await work(mount, cut);
      await cut();
    }
    const { operations } = await readOperations(log);
    const cut = operations.findIndex(({ kind }) => kind === 'mark');
    const left = join(directory, 'left');
    await writeState(
      new Medium(operations).after(cut, () => false),
      left,
    );
    await look(left);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
