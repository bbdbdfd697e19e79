import { StationError } from '../errors.ts';
import type { LoopDisk, PlugOptions } from './contract.ts';

/** Plugs an image in as a read-only disk. */
export async function plug(imagePath: string, options: PlugOptions = {}): Promise<LoopDisk> {
  throw new StationError('internal-error', 'not there yet', { detail: `${imagePath}${options}` });
}
