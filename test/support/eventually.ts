import { vi } from 'vitest';

/** As long as `expect.poll` waits by the configuration of the tests. */
const TIMEOUT_MS = 120_000;

/** Waits until the check holds: for what no single value tells, or what has to be seen at once. */
export function eventually(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: TIMEOUT_MS, interval: 3 });
}
