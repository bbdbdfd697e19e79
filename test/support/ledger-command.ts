import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../../bin/drive-station');

export interface Ended {
  readonly exitCode: number;
  readonly text: string;
}

/** Runs `drive-station ledger` on a state directory, to its end. */
export async function runLedgerCommand(
  stateDirectory: string,
  ...args: readonly string[]
): Promise<Ended> {
  const config = join(stateDirectory, 'station.yaml');
  await writeFile(config, `station:\n  stateDirectory: ${stateDirectory}\n`);
  return await new Promise((resolve) => {
    const child = execFile(PROGRAM, ['ledger', ...args, '--config', config], (_, out, err) =>
      resolve({ exitCode: child.exitCode ?? -1, text: out + err }),
    );
  });
}
