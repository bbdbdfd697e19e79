import { dirname } from 'node:path';
import { readIdentityFile } from '../detect/identity-file.ts';
import { emptyBay, loopbackDirectory, refused, takeBay } from './bay.ts';
import type { Backing, LoopDisk, PlugOptions } from './contract.ts';
import { attachLoop } from './loop-device.ts';
import { AttachedLoopDisk } from './loop-disk.ts';
import { privateCopy } from './private-copy.ts';

/**
 * Plugs an image in as a read-only disk. Plugging it in again after `unplug` or `pull` gives a new
 * attachment with another `diskseq`; name another bay, and the old name in `avoid`, for a disk that
 * comes back elsewhere.
 *
 * Throws `request-invalid` for an occupied bay, an image that is no plain file and an identity with
 * faults that the `attach` strategy is missing for; `identity-file-invalid`; `tool-failed` and
 * `tool-timed-out` for `losetup` and `cp`. Nothing is left behind then.
 */
export async function plug(imagePath: string, options: PlugOptions = {}): Promise<LoopDisk> {
  const directory = await loopbackDirectory(options.directory ?? dirname(imagePath));
  const identity = options.identity ?? (await readIdentityFile(imagePath));
  if (options.attach === undefined && (identity.faults ?? []).length > 0) {
    throw refused(`${imagePath} lists faults, which only the test rig can carry out`);
  }
  const bay = await takeBay(directory, identity, options.bay ?? identity.bay);
  const { pluggedPath } = bay;
  let backing: Backing | undefined;
  try {
    const attach = options.attach ?? privateCopy;
    backing = await attach({ imagePath, pluggedPath, identity: bay.identity });
    const { sectorBytes = 512, avoid = [] } = options;
    const loop = await attachLoop(pluggedPath, { sectorBytes, avoid });
    return new AttachedLoopDisk({ loop, bay: bay.name, pluggedPath }, backing);
  } catch (error) {
    await backing?.close();
    await emptyBay(pluggedPath);
    throw error;
  }
}
