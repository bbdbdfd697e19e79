import { isStationError } from '../../errors.ts';
import type { OpenVolume } from '../../volumes/contract.ts';
import type { FromCopy } from '../messages.ts';

/** What is said of a volume once it is open. */
export function openedMessage({ filesystem, found, unlocked, notes }: OpenVolume): FromCopy {
  const { partition, table, passedOver } = found;
  const skipped = passedOver.map((each) => `partition ${each.partition}: ${each.reason}`);
  return {
    ...{ kind: 'volume-opened', filesystem, partition, table },
    ...(unlocked === undefined
      ? {}
      : { unlockedBy: `${unlocked.tool}, ${unlocked.protector}, ${unlocked.method}` }),
    notes: [...skipped, ...notes.map(({ words }) => words)],
  };
}

/** What is left of it goes with this process, and a verdict must not be lost for that. */
export async function closeVolume(volume: OpenVolume): Promise<void> {
  try {
    await volume.close();
  } catch (error) {
    if (!isStationError(error, 'volume-not-released')) throw error;
  }
}
