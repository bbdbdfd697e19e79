/** `nobody` on every distribution we know; a number works where the name is missing. */
const NOBODY = 65_534;

/**
 * Gives up root for good, so that nothing this process runs can open a disk. Does nothing for a
 * process that has no such right to give up.
 */
export function dropPrivileges(): void {
  if (process.getuid?.() !== 0) return;
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
