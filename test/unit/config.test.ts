import { expect, test } from 'vitest';
import { configSchema, loadConfig, parseConfig } from '../../src/config.ts';
import { isStationError } from '../../src/errors.ts';

function problemsIn(text: string): readonly string[] {
  try {
    parseConfig(text, 'station.yaml');
  } catch (error) {
    if (isStationError(error, 'config-invalid')) return error.payload.problems;
    throw error;
  }
  return [];
}

test('an empty file is the default configuration, which listens on this machine only', () => {
  const config = parseConfig('', 'station.yaml');
  expect(config).toEqual(configSchema.parse({}));
  expect(config.http.host).toBe('127.0.0.1');
  expect(config.detect.loopbackDirectory).toBeUndefined();
});

test.each([
  ['a value out of range', 'copy:\n  maxDrives: 0\n', '2:14: copy.maxDrives: '],
  ['a negative number', 'copy:\n  retryDelayMs: -1\n', '2:17: copy.retryDelayMs: '],
  ['a wrong type', 'http:\n  port: many\n', '2:9: http.port: '],
  ['an unknown key', 'copy:\n  maxDrives: 2\n  maxDrivez: 3\n', '3:3: copy.maxDrivez: unknown key'],
  ['an unknown section', 'storage: {}\n', '1:1: storage: unknown key'],
  ['a key twice', 'http:\n  port: 1\n  port: 2\n', '3:3: Map keys must be unique'],
  ['broken YAML', 'http: [1,\n', 'station.yaml:2:1: '],
  [
    'a secret and its file',
    'storageAccounts:\n  a:\n    kind: sas\n    blobEndpoint: https://a.example\n    sasToken: x\n    sasTokenFile: y\n',
    'give either sasToken or sasTokenFile',
  ],
])('%s is named with its place', (_what, text, place) => {
  const problems = problemsIn(text);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(place);
});

test('aliases that multiply are refused, and so is a file of endless lines', () => {
  const laughs = Array.from({ length: 12 }, (_, i) =>
    i === 0 ? 'a0: &a0 [x, x]' : `a${i}: &a${i} [*a${i - 1}, *a${i - 1}, *a${i - 1}]`,
  );
  expect(problemsIn(laughs.join('\n'))[0]).toContain('cannot be read as YAML');
  expect(problemsIn('x:\n'.repeat(6000))[0]).toContain('6001 lines are too many');
});

test('many problems are counted, not all printed', () => {
  const text = Array.from({ length: 30 }, (_, i) => `unknown${i}: 1`).join('\n');
  const problems = problemsIn(text);
  expect(problems).toHaveLength(21);
  expect(problems.at(-1)).toBe('and 10 more');
});

test('a missing file is named', async () => {
  await expect(loadConfig('/nowhere/station.yaml')).rejects.toMatchObject({
    code: 'config-unreadable',
    payload: { file: '/nowhere/station.yaml' },
  });
});

test('the configuration that ships is valid', async () => {
  await expect(loadConfig('config/station.yaml')).resolves.toMatchObject({ http: { port: 8380 } });
});
