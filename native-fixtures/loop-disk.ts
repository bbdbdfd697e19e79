import { readIdentityFile } from '../src/detect/identity-file.ts';
import type { LoopDisk, PlugOptions } from '../src/loopback/contract.ts';
import { plug as plugPlain } from '../src/loopback/plug.ts';
import { attachWithFaults } from './fault-disk.ts';

export type { LoopDisk, PlugOptions, PullKind, PullOutcome } from '../src/loopback/contract.ts';
export { listPlugged, type PluggedDisk, releaseAll } from '../src/loopback/plugged.ts';

/**
 * Plugs an image in as a read-only disk; with the fault disk when its identity lists faults. For
 * faults that a test sets while it runs, use `faultDisk`.
 */
export async function plug(imagePath: string, options: PlugOptions = {}): Promise<LoopDisk> {
  const identity = options.identity ?? (await readIdentityFile(imagePath));
  const faulty = (identity.faults ?? []).length > 0;
  return plugPlain(imagePath, {
    ...(faulty ? { attach: attachWithFaults } : {}),
    ...options,
    identity,
  });
}
