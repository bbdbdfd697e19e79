import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Daemon } from '../support/daemon.ts';
import { ACCOUNT, jobOf } from '../support/disks.ts';
import { readLedger } from '../support/ledger-file.ts';

/** The daemon is killed while it does what it was asked for; the client asks again with its key. */

let daemon: Daemon;

beforeAll(async () => {
  const account = { kind: 'directory', directory: '/nonexistent' };
  daemon = await Daemon.start({ storageAccounts: { [ACCOUNT]: account } });
});
afterAll(() => daemon[Symbol.asyncDispose]());

function ask(jobName: string): Promise<Response> {
  return fetch(`${daemon.url}/api/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': `key of ${jobName}` },
    body: JSON.stringify(jobOf(jobName, [`SERIAL-${jobName}`])),
  });
}

/** Resolves as soon as the job is durable, which is before the daemon has answered or not at all. */
async function durable(jobName: string, signal: AbortSignal): Promise<void> {
  const shell = new DatabaseSync(join(daemon.stateDirectory, 'ledger.sqlite'), {
    readOnly: true,
    timeout: 10_000,
  });
  const find = shell.prepare('SELECT 1 FROM jobs WHERE name = ?');
  while (!signal.aborted && find.get(jobName) === undefined) await turn();
  shell.close();
}

interface Instant {
  readonly jobName: string;
  readonly reached: (jobName: string, signal: AbortSignal) => Promise<void>;
  /** Whether the job must have been made before the kill. */
  readonly made?: true;
}

const INSTANTS: readonly Instant[] = [
  { jobName: 'at-once', reached: async () => {} },
  { jobName: 'in-between', reached: () => sleep(5) },
  { jobName: 'when-durable', reached: durable, made: true },
];

it.each(INSTANTS)('a job is made once when the daemon is killed $jobName', async (instant) => {
  const { jobName, reached, made } = instant;
  const cut = ask(jobName).catch(() => undefined);
  await reached(jobName, AbortSignal.timeout(120_000));
  await daemon.kill();
  await cut;
  daemon.launch();
  await daemon.ready();
  const [first, second] = [await ask(jobName), await ask(jobName)];
  expect([first.status, second.status]).toEqual([201, 201]);
  if (made) expect(first.headers.get('idempotency-replayed')).toBe('true');
  expect(second.headers.get('idempotency-replayed')).toBe('true');
  expect(await second.text()).toBe(await first.text());
});

it('and the ledger tells of each job once', async () => {
  await daemon.stop();
  const { events, firstBrokenEvent } = await readLedger(daemon.stateDirectory);
  const made = events.filter(({ type }) => type === 'created').map(({ data }) => Object(data).name);
  expect(made).toEqual(INSTANTS.map(({ jobName }) => jobName));
  expect(firstBrokenEvent).toBeUndefined();
});
