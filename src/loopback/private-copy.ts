import { isStationError } from '../errors.ts';
import { emptyBay, openPlainFile, requirePlainFile } from './bay.ts';
import type { AttachOrder, Backing } from './contract.ts';
import { type LoopAttachment, shrinkToNothing, updateCapacity } from './loop-device.ts';
import { runTool } from './run-tool.ts';

/** Copying an image of some gigabytes onto the slowest disk that a station has. */
const COPY_DEADLINE_MS = 300_000;

/**
 * The ordinary backing file: a copy of the image (shared blocks where the file system can, holes
 * kept), because a pull cuts it to nothing.
 */
export async function privateCopy(order: AttachOrder): Promise<Backing> {
  const { imagePath, pluggedPath } = order;
  await requirePlainFile(imagePath);
  const flags = ['--reflink=auto', '--sparse=always', '--no-dereference'];
  await runTool('cp', [...flags, '--', imagePath, pluggedPath], COPY_DEADLINE_MS);
  return backingFile(pluggedPath);
}

/** A plugged file that lies there already. */
export function backingFile(pluggedPath: string): Backing {
  // Without content the loop driver fails reads with EIO for as long as the device has a size.
  const fail = async () => {
    await using handle = await openPlainFile(pluggedPath, 'write');
    await handle.truncate(0);
  };
  const vanish = async (loop: LoopAttachment) => {
    try {
      await shrinkToNothing(loop);
    } catch (error) {
      if (!isStationError(error, 'tool-failed')) throw error;
      await fail();
      await updateCapacity(loop);
    }
  };
  return { fail, vanish, release: () => Promise.resolve(), close: () => emptyBay(pluggedPath) };
}
