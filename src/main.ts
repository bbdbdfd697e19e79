import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import { alertsCommand } from './commands/alerts.ts';
import { demoCommand } from './commands/demo.ts';
import { drivesCommand } from './commands/drives.ts';
import { EXIT, withExitCodes } from './commands/exit-codes.ts';
import { extrasCommand } from './commands/extras.ts';
import { jobCommand } from './commands/job.ts';
import { ledgerCommand } from './commands/ledger.ts';
import { loopbackCommand } from './commands/loopback.ts';
import { rehearseCommand } from './commands/rehearse.ts';
import { serveCommand } from './commands/serve.ts';
import { watchCommand } from './commands/watch.ts';
import { nextStepFor } from './error-help/catalogue.ts';
import { errnoOf, isStationError, messageOf } from './errors.ts';
import { scrub } from './scrub.ts';

/** What is wrong with a file that the user gave, and no fault of the station. */
const BAD_FILE = [
  'config-invalid',
  'config-unreadable',
  'job-file-invalid',
  'job-file-too-large',
  'job-file-unreadable',
] as const;

/** What starting again does not heal. */
const BAD_LEDGER = ['ledger-newer', 'ledger-unreadable'] as const;
/** What is to be done about it nobody reads anywhere else. */
const ADVISED = [
  ...BAD_FILE,
  ...BAD_LEDGER,
  'address-unavailable',
  'secret-key-unreadable',
  'state-directory-in-use',
  'state-directory-unusable',
  'state-disk-failed',
] as const;

/** The command line: parse, call, exit code. Each command has a file of its own. */
process.on('uncaughtException', (error) => {
  // Node's own words would show all that an error carries, credentials included.
  process.stderr.write(`${scrub(inspect(error))}\n`);
  process.exit(EXIT.failed);
});
// Who reads what a command tells may have had enough of it, as `head` does. (The log goes its own way.)
process.stdout.on('error', (error) => {
  if (errnoOf(error) !== 'EPIPE') throw error;
  // What runs for longer ends in order, as at any wish to stop.
  if (process.listenerCount('SIGTERM') > 0) process.kill(process.pid, 'SIGTERM');
  else process.exit(EXIT.done);
});
const program = withExitCodes(
  new Command('drive-station').description(
    'Ingest station: disks go in, their bytes arrive in blob storage.',
  ),
);
for (const command of [
  serveCommand(),
  demoCommand(),
  jobCommand(),
  drivesCommand(),
  extrasCommand(),
  alertsCommand(),
  watchCommand(),
  loopbackCommand(),
  ledgerCommand(),
  rehearseCommand(),
]) {
  program.addCommand(command);
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  process.stderr.write(`drive-station: ${messageOf(error)}\n`);
  if (isStationError(error, ...ADVISED)) {
    process.stderr.write(`drive-station: ${nextStepFor(error.code)}\n`);
  }
  if (isStationError(error, ...BAD_LEDGER)) return EXIT.ledger;
  return isStationError(error, ...BAD_FILE) ? EXIT.usage : EXIT.failed;
}
