import { defineConfig } from 'vitest/config';
import { CiReporter } from './test/support/ci-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The suites start real processes, and the machines they run on are small; much of it is waiting.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // The last line of the output is for programs: it must stay the last reporter.
    reporters: ['default', new CiReporter()],
  },
});
