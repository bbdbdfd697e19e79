import { Command } from 'commander';
import { z } from 'zod';
import { table } from '../client/text.ts';
import { readJobContent } from '../job-file.ts';
import type { JobView } from '../serve/wire.ts';
import { anyJob, ask, type Choices, JOBS, print } from './asking.ts';
import { withExitCodes } from './exit-codes.ts';
import { checkInSub } from './job-check-in.ts';
import { credentialSub } from './job-credential.ts';
import { leadingSubs } from './job-leading.ts';
import { packingSubs } from './job-packing.ts';
import { showSub } from './job-show.ts';
import { driveCount, percentOf } from './job-words.ts';
import { addStationOptions } from './station-options.ts';

/** `drive-station job`: makes, shows and leads jobs of the station that runs at `--url`. */
export function jobCommand(): Command {
  const command = new Command('job').description('make, show and lead import jobs');
  const subs = [
    ...[createSub(), listSub(), showSub(), credentialSub(), checkInSub()],
    ...packingSubs(),
    ...leadingSubs(),
  ];
  for (const sub of subs) {
    sub.option('--json', 'print what the station answers');
    command.addCommand(addStationOptions(sub));
  }
  return withExitCodes(command);
}

function createSub(): Command {
  return new Command('create')
    .description('make the job that a file describes (config/examples has some to start from)')
    .argument('<file>', 'YAML or JSON')
    .action(async (file: string, choices: Choices) => {
      const body = await readJobContent(file);
      const job = await ask(choices, { method: 'POST', path: JOBS, body, answer: anyJob });
      print(choices, job, () => `created job ${job.name} (${job.state}, ${driveCount(job)})`);
    });
}

function listSub(): Command {
  const answer = z.object({ jobs: z.array(anyJob) });
  return new Command('list').description('list the jobs').action(async (choices: Choices) => {
    const { jobs } = await ask(choices, { method: 'GET', path: JOBS, answer });
    print(choices, jobs, () => (jobs.length === 0 ? 'there is no job' : listed(jobs)));
  });
}

function listed(jobs: readonly JobView[]): string {
  const head = ['NAME', 'STATE', 'DRIVES', 'DONE', 'ACCOUNT', 'CREATED'];
  const rows = jobs.map((job) => [
    job.name,
    job.state,
    String(job.driveCount),
    percentOf(job),
    job.storageAccount,
    job.createdAt,
  ]);
  return table([head, ...rows]);
}
