import { readFile } from 'node:fs/promises';
import { writeAll, writeDurably } from '../blobs/durable-file.ts';
import { asStateDiskError, errnoOf, isStationError } from '../errors.ts';
import { parseRescueMap, type RescueFile, rescueMapText } from '../formats/rescue-map.ts';

/** Characters of a map file that is read: the map of the most areas has a few million. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

/**
 * The map beside a copy journal; `undefined` when there is none that can be used: one that is damaged, of
 * another disk or of another copy would call bytes bad, or read, of which nothing is known.
 */
export async function readRescueFile(
  file: string,
  { sizeBytes, nonce }: { readonly sizeBytes: number; readonly nonce: string },
): Promise<RescueFile | undefined> {
  try {
    const text = await readFile(file, 'latin1');
    if (text.length > MAX_CHARACTERS) return undefined;
    const found = parseRescueMap(text);
    const isOurs = found.map.sizeBytes === sizeBytes && found.nonce === nonce;
    return isOurs ? found : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || isStationError(error, 'rescue-map-invalid'))
      return undefined;
    throw error;
  }
}

/** The content of the file for what is known now. */
export function rescueFileBytes(content: RescueFile): Buffer {
  return Buffer.from([...rescueMapText(content)].join(''), 'latin1');
}

/** Takes the place of the one before when it is whole and on the medium. Throws `state-disk-failed`. */
export async function writeRescueFile(file: string, bytes: Buffer): Promise<void> {
  try {
    await writeDurably(file, (handle) => writeAll(handle, bytes));
  } catch (error) {
    throw asStateDiskError(file, error);
  }
}
