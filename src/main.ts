import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import { demoCommand } from './commands/demo.ts';
import { drivesCommand } from './commands/drives.ts';
import { EXIT, EXIT_HELP } from './commands/exit-codes.ts';
import { jobCommand } from './commands/job.ts';
import { loopbackCommand } from './commands/loopback.ts';
import { serveCommand } from './commands/serve.ts';
import { watchCommand } from './commands/watch.ts';
import { isStationError, messageOf } from './errors.ts';
import { scrub } from './scrub.ts';

/** The command line: parse, call, exit code. Each command has a file of its own. */
process.on('uncaughtException', (error) => {
  // Node's own words would show all that an error carries, credentials included.
  process.stderr.write(`${scrub(inspect(error))}\n`);
  process.exit(EXIT.failed);
});
const program = new Command('drive-station')
  .description('Ingest station: disks go in, their bytes arrive in blob storage.')
  .addHelpText('after', EXIT_HELP)
  .exitOverride();
for (const command of [
  serveCommand(),
  demoCommand(),
  jobCommand(),
  drivesCommand(),
  watchCommand(),
  loopbackCommand(),
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
  const invalid = isStationError(error, 'config-invalid', 'config-unreadable', 'job-file-invalid');
  return invalid ? EXIT.usage : EXIT.failed;
}
