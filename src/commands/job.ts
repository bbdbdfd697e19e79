import { Command } from 'commander';
import { z } from 'zod';
import { askStation, loginActor, type StationAddress } from '../client/http.ts';
import { addStationOptions, type StationOptions } from '../client/options.ts';
import { isStationError, messageOf } from '../errors.ts';
import { readJobContent, readStorageFile } from '../job-file.ts';
import { type DriveView, driveView, type JobView, jobView } from '../serve/wire.ts';
import { EXIT } from './exit-codes.ts';
import { table } from './table.ts';

const JOBS = '/api/v1/jobs';
const CHECK_IN = '/api/v1/check-in';

interface Choices extends StationOptions {
  readonly json?: boolean;
}

/** `drive-station job`: makes and shows jobs of the station that runs at `--url`. */
export function jobCommand(): Command {
  const command = new Command('job').description('make and show import jobs').exitOverride();
  for (const sub of [createSub(), listSub(), showSub(), credentialSub(), checkInSub()]) {
    sub.option('--json', 'print what the station answers');
    command.addCommand(addStationOptions(sub));
  }
  return command;
}

function createSub(): Command {
  return new Command('create')
    .description('make the job that a file describes (config/examples has some to start from)')
    .argument('<file>', 'YAML or JSON')
    .action((file: string, choices: Choices) =>
      run(async () => {
        const body = await readJobContent(file);
        const request = { method: 'POST', path: JOBS, body, answer: jobView.loose() } as const;
        const job = await askStation(addressOf(choices), request);
        print(choices, job, () => `created job ${job.name} (${job.state}, ${drives(job)})`);
      }),
    );
}

function listSub(): Command {
  const answer = z.object({ jobs: z.array(jobView.loose()) });
  return new Command('list').description('list the jobs').action((choices: Choices) =>
    run(async () => {
      const request = { method: 'GET', path: JOBS, answer } as const;
      const { jobs } = await askStation(addressOf(choices), request);
      print(choices, jobs, () => (jobs.length === 0 ? 'there is no job' : listed(jobs)));
    }),
  );
}

function showSub(): Command {
  const driveAnswer = z.object({ drives: z.array(driveView.loose()) });
  return new Command('show')
    .description('show a job and its drives')
    .argument('<name>')
    .action((name: string, choices: Choices) =>
      run(async () => {
        const address = addressOf(choices);
        const path = `${JOBS}/${encodeURIComponent(name)}`;
        const job = await askStation(address, { method: 'GET', path, answer: jobView.loose() });
        const request = { method: 'GET', path: `${path}/drives`, answer: driveAnswer } as const;
        const shown = { ...job, drives: (await askStation(address, request)).drives };
        print(choices, shown, () => `${summary(job)}\n\n${driveTable(shown.drives)}`);
      }),
    );
}

/** The secret comes from a file or a pipe: what is on a command line, everybody on the machine sees. */
function credentialSub(): Command {
  const answer = z.object({ ownStorage: z.object({ expiresAt: z.string().optional() }).loose() });
  return new Command('credential')
    .description('renew the key or the SAS of a job that brings its own storage')
    .argument('<name>', 'the job')
    .requiredOption('--file <file>', 'what the job file has under "storage"; - is standard input')
    .action((name: string, choices: CredentialChoices) =>
      run(async () => {
        const body = await readStorageFile(choices.file);
        const path = `${JOBS}/${encodeURIComponent(name)}/credential`;
        const renewed = await askStation(addressOf(choices), { method: 'PUT', path, body, answer });
        print(choices, renewed, () => renewedWords(name, renewed.ownStorage.expiresAt));
      }),
    );
}

interface CredentialChoices extends Choices {
  readonly file: string;
}

function renewedWords(name: string, expiresAt: string | undefined): string {
  const until = expiresAt === undefined ? '' : `, good until ${expiresAt}`;
  return `${name} has the new credential${until}; press Retry for drives that are faulted`;
}

interface CheckInChoices extends Choices {
  readonly end?: boolean;
}

function checkInSub(): Command {
  return new Command('check-in')
    .description('say whose parcel is being unpacked: extra drives are then tied to that job')
    .argument('[name]', 'the job')
    .option('--end', 'the parcel is unpacked')
    .action((name: string | undefined, choices: CheckInChoices, command: Command) => {
      if ((name === undefined) === (choices.end !== true)) {
        command.error('error: give either the name of a job or --end', { exitCode: EXIT.usage });
      }
      return run(async () => {
        const { checkIn } = await askStation(addressOf(choices), checkInRequest(name));
        print(choices, { checkIn }, () => checkInWords(checkIn));
      });
    });
}

function checkInRequest(jobName: string | undefined) {
  const answer = z.object({ checkIn: z.string().nullable() });
  return jobName === undefined
    ? ({ method: 'DELETE', path: CHECK_IN, answer } as const)
    : ({ method: 'PUT', path: CHECK_IN, body: { jobName }, answer } as const);
}

function checkInWords(checkIn: string | null): string {
  return checkIn === null
    ? 'no parcel is being checked in'
    : `checking in the parcel of ${checkIn}`;
}

/** Says what went wrong and ends with the exit code for it. */
async function run(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    const badFile = isStationError(
      error,
      'job-file-invalid',
      'job-file-too-large',
      'job-file-unreadable',
    );
    process.exitCode = badFile ? EXIT.usage : EXIT.failed;
  }
}

function addressOf({ url }: Choices): StationAddress {
  return { url, actor: loginActor() };
}

function print(choices: Choices, answer: unknown, words: () => string): void {
  const text = choices.json === true ? JSON.stringify(answer, null, 2) : words();
  process.stdout.write(`${text}\n`);
}

function listed(jobs: readonly JobView[]): string {
  const head = ['NAME', 'STATE', 'DRIVES', 'DONE', 'ACCOUNT', 'CREATED'];
  const rows = jobs.map((job) => [
    job.name,
    job.state,
    String(job.driveCount),
    percent(job),
    job.storageAccount,
    job.createdAt,
  ]);
  return table([head, ...rows]);
}

function summary(job: JobView): string {
  const done = job.percentComplete === null ? '' : `, ${percent(job)} done`;
  return `${job.name}: ${job.state}${done}, ${drives(job)}, to storage account ${job.storageAccount}`;
}

function driveTable(shown: readonly DriveView[]): string {
  const head = ['DRIVE', 'STATE', 'NOW', 'BAY', 'SAFE TO REMOVE'];
  const rows = shown.map((drive) => [
    drive.driveId,
    drive.state,
    drive.activity.kind,
    drive.bay ?? '-',
    drive.verdict?.safeToRemove === true ? 'yes' : 'no',
  ]);
  return table([head, ...rows]);
}

function drives(job: JobView): string {
  return job.driveCount === 1 ? '1 drive' : `${job.driveCount} drives`;
}

function percent(job: JobView): string {
  return job.percentComplete === null ? '-' : `${job.percentComplete} %`;
}
