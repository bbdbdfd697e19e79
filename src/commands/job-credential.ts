import { Command } from 'commander';
import { z } from 'zod';
import { readStorageFile } from '../job-file.ts';
import { ask, type Choices, jobPath, print } from './asking.ts';

interface CredentialChoices extends Choices {
  readonly file: string;
}

/** The secret comes from a file or a pipe: what is on a command line, everybody on the machine sees. */
export function credentialSub(): Command {
  const answer = z.object({ ownStorage: z.object({ expiresAt: z.string().optional() }).loose() });
  return new Command('credential')
    .description('renew the key or the SAS of a job that brings its own storage')
    .argument('<name>', 'the job')
    .requiredOption('--file <file>', 'what the job file has under "storage"; - is standard input')
    .action(async (name: string, choices: CredentialChoices) => {
      const body = await readStorageFile(choices.file);
      const path = jobPath(name, 'credential');
      const renewed = await ask(choices, { method: 'PUT', path, body, answer });
      print(choices, renewed, () => renewedWords(name, renewed.ownStorage.expiresAt));
    });
}

function renewedWords(name: string, expiresAt: string | undefined): string {
  const until = expiresAt === undefined ? '' : `, good until ${expiresAt}`;
  return `${name} has the new credential${until}; press Retry for drives that are faulted`;
}
