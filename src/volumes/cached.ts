import { isStationError } from '../errors.ts';
import { runVolumeTool } from './tools.ts';

/** Dropping is not cancelled half-way; each tool has a deadline of its own. */
const UNSTOPPABLE = new AbortController().signal;

/**
 * Drops what the kernel keeps in memory of files and block devices: `dd` with `nocache` and a count of 0
 * advises it to. It is advice, so a tool that fails changes nothing but what the next reads cost.
 */
export async function forgetCached(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const args = [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none'];
    try {
      await runVolumeTool({ tool: 'dd', args }, UNSTOPPABLE);
    } catch (error) {
      if (!isStationError(error, 'tool-failed', 'tool-timed-out')) throw error;
    }
  }
}
