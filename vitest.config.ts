import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { CiReporter } from './test/support/ci-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The suites start real processes, and the machines they run on are small; much of it is waiting.
    maxWorkers: 3,
    // Only what never ends is to run into these: a busy machine may take its time.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 120_000, interval: 20 } },
    // One in thousands may meet a moment of a busy machine; the last lines of the output name it.
    retry: 1,
    pool: 'forks',
    // Hundreds of daemons and copy processes load the same modules.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/drive-station') },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // The last line of the output is for programs: it must stay the last reporter.
    reporters: ['default', new CiReporter()],
  },
});
