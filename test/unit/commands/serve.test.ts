import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { start } from '../../support/command-line.ts';
import { temporaryDirectory } from '../../support/ledger.ts';

const portOf = z.object({ port: z.int() });

/** A station that cannot start says why, and what to do about it. */

async function serve(directory: string, config: object) {
  const file = join(directory, 'station.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config));
  return await start(['serve', '--config', file]).ended;
}

it('a configuration that is not there', async () => {
  const { code, stderr } = await start(['serve', '--config', '/nowhere/station.yaml']).ended;
  expect(code).toBe(2);
  expect(stderr).toContain('cannot read /nowhere/station.yaml: ENOENT');
  expect(stderr).toContain('Check the path after `--config`');
});

it('a key that is none', async () => {
  await using directory = await temporaryDirectory();
  const { code, stderr } = await serve(directory.path, { copyy: 1 });
  expect(code).toBe(2);
  expect(stderr).toContain('copyy: unknown key');
  expect(stderr).toContain('Correct the places that are named');
});

it('a state directory that is a file', async () => {
  await using directory = await temporaryDirectory();
  const stateDirectory = join(directory.path, 'station.yaml');
  const { code, stderr } = await serve(directory.path, { station: { stateDirectory } });
  expect(code).toBe(1);
  expect(stderr).toContain(`${stateDirectory} cannot be the state directory`);
  expect(stderr).toContain('Correct `station.stateDirectory`');
});

it.each([
  { host: '127.0.0.1', words: 'another program listens there' },
  { host: '192.0.2.1', words: 'this machine has no such address' },
])('an address that it cannot have: $words', async ({ host, words }) => {
  await using directory = await temporaryDirectory();
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = portOf.parse(other.address());
  try {
    const station = { stateDirectory: join(directory.path, 'state') };
    const { code, stderr } = await serve(directory.path, { station, http: { host, port } });
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot listen on ${host}, port ${port}: ${words}`);
    expect(stderr).toContain('correct `http.host` and `http.port`');
  } finally {
    other.close();
  }
});
