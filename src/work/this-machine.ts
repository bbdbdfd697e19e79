import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/** Names this boot of the machine: process ids and attachments are numbered within it. */
export async function bootIdOfMachine(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** The version of the station that runs here. */
export async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
