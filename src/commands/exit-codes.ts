import type { Command } from 'commander';

/** What every command ends with, so that scripts can tell why; this is the one place that says so. */
export const EXIT = {
  done: 0,
  /** Refused, not reachable, or failed on the way. */
  failed: 1,
  /** Wrong usage, or a file that was given is invalid. */
  usage: 2,
  /** The ledger is damaged, lost or of a newer version: starting again does not heal it. */
  ledger: 3,
} as const;

const EXIT_HELP =
  '\nExit codes: 0 done, 1 failed, refused or not reachable, 2 wrong usage or invalid file,\n3 the ledger is damaged, lost or of a newer version.';

/** Says what the command ends with; `src/main.ts` maps what is thrown to that. */
export function withExitCodes(command: Command): Command {
  return command.addHelpText('after', EXIT_HELP).exitOverride();
}
