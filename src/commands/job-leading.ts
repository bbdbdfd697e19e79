import { Command, Option } from 'commander';
import { JOB_STATES } from '../domain/job-state.ts';
import type { JobView } from '../serve/wire.ts';
import { anyJob, ask, type Choices, jobPath, print } from './asking.ts';
import { stateOf } from './job-words.ts';

/** The ways in which an operator leads a job where it does not go by itself. */
export function leadingSubs(): Command[] {
  return [
    plainSub('cancel', 'cancel a job for its customer; this cannot be taken back'),
    plainSub('wait-longer', 'the customer wants to wait for what is missing: two more weeks'),
    plainSub('stop-waiting', 'nothing more will come: what is missing was never received'),
    putAsideSub(),
    resumeSub(),
  ];
}

function plainSub(way: 'cancel' | 'wait-longer' | 'stop-waiting', description: string): Command {
  return new Command(way)
    .description(description)
    .argument('<name>', 'the job')
    .action((name: string, choices: Choices) => lead(choices, jobPath(name, way), {}));
}

interface PutAsideChoices extends Choices {
  readonly reason: string;
}

function putAsideSub(): Command {
  return new Command('put-aside')
    .description('let nothing more of a job be begun until somebody lets it go on')
    .argument('<name>', 'the job')
    .requiredOption('--reason <reason>', 'why, for whoever asks later')
    .action((name: string, choices: PutAsideChoices) =>
      lead(choices, jobPath(name, 'put-aside'), { reason: choices.reason }),
    );
}

interface ResumeChoices extends Choices {
  readonly to?: string;
}

function resumeSub(): Command {
  const to = new Option('--to <state>', 'unless given, the state that it had').choices(JOB_STATES);
  return new Command('resume')
    .description('let a job go on that was put aside, or whose drives came too early')
    .argument('<name>', 'the job')
    .addOption(to)
    .action((name: string, choices: ResumeChoices) =>
      lead(choices, jobPath(name, 'resolve'), choices.to === undefined ? {} : { to: choices.to }),
    );
}

async function lead(choices: Choices, path: string, body: object): Promise<void> {
  const job: JobView = await ask(choices, { method: 'POST', path, body, answer: anyJob });
  print(choices, job, () => `${job.name} is ${stateOf(job)}`);
}
