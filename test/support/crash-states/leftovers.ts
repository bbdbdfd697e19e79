import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** What a station that is at rest has on its disk: files of a number that nobody has to clean away. */
const LASTING = [
  /^state$/u,
  /^state\/(?:ledger\.sqlite|station\.(?:lock|reserve)|secrets\.key|journals|holders|hosts|backups)$/u,
  /^state\/backups\/ledger-\w+\.sqlite$/u,
  /^store$/u,
  /^store\/[^/]+$/u,
  /^store\/[^/]+\/(?:staged|unfinished|blobs)$/u,
  // What was staged and never committed is forgotten after a week, by the store itself.
  /^store\/[^/]+\/staged\//u,
  /^store\/[^/]+\/blobs\/[^/]+$/u,
  /^store\/[^/]+\/blobs\/[^/]+\/(?:content|properties\.json|written)$/u,
];

/** Everything else: paths of what would pile up. */
export async function leftovers(directory: string): Promise<string[]> {
  const paths = await readdir(directory, { recursive: true });
  const isLasting = (path: string) => LASTING.some((pattern) => pattern.test(path));
  return paths.filter((path) => !isLasting(path) && !isInUse(path)).sort();
}

/** A process id of the recording may be somebody else's by now; the file goes when that has ended. */
function isInUse(path: string): boolean {
  const pid = /\/tmp-(\d+)-/u.exec(path)?.[1];
  return pid !== undefined && existsSync(join('/proc', pid));
}
