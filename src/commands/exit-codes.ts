/** What every command ends with, so that scripts can tell why. */
export const EXIT = {
  done: 0,
  /** Refused, not reachable, or failed on the way. */
  failed: 1,
  /** Wrong usage, or a file that was given is invalid. */
  usage: 2,
} as const;

export const EXIT_HELP =
  '\nExit codes: 0 done, 1 failed or refused, 2 wrong usage or invalid file.';
