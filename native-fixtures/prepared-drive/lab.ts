import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from '../../src/loopback/run-tool.ts';

/** BitLocker volumes made by Windows, with their keys; see `native-fixtures/bitlocker/`. */

const ARCHIVE = join(import.meta.dirname, '../bitlocker/bitlocker-images.tar.xz');
const KEYS = 'images.conf';
const UNPACK_DEADLINE_MS = 120_000;

export interface LabImage {
  readonly file: string;
  /** Eight groups of six digits; absent for a volume that has none. */
  readonly recoveryKey?: string;
}

/** Unpacks one image into a directory, as a sparse file that may be written to. */
export async function unpackImage(name: string, directory: string): Promise<LabImage> {
  const args = ['--sparse', '-xJf', ARCHIVE, '-C', directory, `${name}.img`, KEYS];
  await runTool('tar', args, UNPACK_DEADLINE_MS);
  const recoveryKey = keyOf(name, await readFile(join(directory, KEYS), 'utf8'));
  const key = recoveryKey === undefined ? {} : { recoveryKey };
  return { file: join(directory, `${name}.img`), ...key };
}

/** `RP=` in the section of the image. */
function keyOf(name: string, text: string): string | undefined {
  const section = text.split(/^\[/mu).find((part) => part.startsWith(`${name}]`));
  return /^RP=(\d{6}(?:-\d{6}){7})$/mu.exec(section ?? '')?.[1];
}
