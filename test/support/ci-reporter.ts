import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Ends a run with one plain line, `12 passed, 0 failed, 1 skipped`, for whoever reads the output
 * with a program. What failed outside of a test (a file that does not load, a hook, an error that
 * nobody caught) counts as failed, so that `0 failed` always means a clean run. A test that passed at
 * its second try only is named before it, with what went wrong at the first: that is a defect too.
 */
export class CiReporter implements Reporter {
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void = (line) => process.stdout.write(`${line}\n`)) {
    this.#print = print;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const counts: Counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) count(module, counts);
    for (const test of modules.flatMap(flakyOf)) this.#print(test);
    const { passed, failed, skipped } = counts;
    const rest = skipped === 0 ? '' : `, ${skipped} skipped`;
    this.#print(`${passed} passed, ${failed} failed${rest}`);
  }
}

function flakyOf(module: TestModule): string[] {
  const tests = [...module.children.allTests()].filter((test) => test.diagnostic()?.flaky === true);
  return tests.map(
    (test) => `FLAKY: ${module.relativeModuleId}: ${test.fullName}: ${wordsOf(test)}`,
  );
}

/** The errors of earlier tries stay with a test that passed. */
function wordsOf(test: TestCase): string {
  return (test.result().errors ?? []).map(({ message }) => message).join('; ');
}

function count(module: TestModule, counts: Counts): void {
  if (module.errors().length > 0) counts.failed += 1;
  for (const suite of module.children.allSuites()) {
    if (suite.errors().length > 0) counts.failed += 1;
  }
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    // A test that never came to its end, because its worker did, has not passed.
    counts[state === 'pending' ? 'failed' : state] += 1;
  }
}
