import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessMissing } from '../../../src/blobs/durable-file.ts';
import type { Extent } from '../../../src/domain/plan.ts';
import { parseRescueMap } from '../../../src/formats/rescue-map.ts';
import { BLOCK_BYTES } from '../disks.ts';

/** Where the blocks begin that are not whole and of which something is kept beside the journals. */
export async function keptBlocks(journals: string): Promise<ReadonlySet<number>> {
  const names = (await unlessMissing(readdir(journals))) ?? [];
  const scratches = names.filter((name) => name.endsWith('.journal.scratch'));
  const kept = await Promise.all(scratches.map((name) => readdir(join(journals, name))));
  return new Set(kept.flat().map(Number));
}

/** What the maps beside the journals say was read of blocks that have a bad place. */
export async function rescuedPlaces(journals: string, sizeBytes: number): Promise<Extent[]> {
  const names = (await unlessMissing(readdir(journals))) ?? [];
  const found: Extent[] = [];
  for (const name of names.filter((file) => file.endsWith('.journal.map'))) {
    const { map } = parseRescueMap(await readFile(join(journals, name), 'latin1'));
    for (let offsetBytes = 0; offsetBytes < sizeBytes; offsetBytes += BLOCK_BYTES) {
      const areas = [...map.within({ offsetBytes, lengthBytes: BLOCK_BYTES })];
      const isSick = areas.some(({ status }) => status !== 'finished' && status !== 'non-tried');
      if (isSick) found.push(...areas.filter(({ status }) => status === 'finished'));
    }
  }
  return found;
}
