import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { driveKey } from '../../../src/domain/job.ts';
import type { SqliteLedger } from '../../../src/ledger/sqlite.ts';
import { openLedger, temporaryDirectory } from '../../support/ledger.ts';

const WRITER = fileURLToPath(new URL('../../support/ledger-writer.ts', import.meta.url));
const KILLS = 10;

it(`is whole after ${KILLS} kills at random instants`, async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'ledger.sqlite');
  for (let kill = 0; kill < KILLS; kill++) {
    const said = await writeUntilKilled(file, `job-${kill}`);
    await using ledger = await opened(file);
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
    await expectStatesOfLastEvents(ledger);
    await expectQueueAsSaid(ledger, said);
  }
});

async function opened(file: string): Promise<SqliteLedger & AsyncDisposable> {
  const ledger = await openLedger(file);
  return Object.assign(ledger, { [Symbol.asyncDispose]: () => ledger.close() });
}

/** Kills the writer some time after its first word; answers the lines that it said. */
async function writeUntilKilled(file: string, name: string): Promise<string[]> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', WRITER, file, name],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    const closed = once(child, 'close');
    const output = text(child.stdout);
    await Promise.race([once(child.stdout, 'data'), closed]);
    await sleep(Math.random() * 150);
    expect(child.exitCode).toBeNull();
    child.kill('SIGKILL');
    await closed;
    return (await output).split('\n').slice(0, -1);
  } finally {
    child.kill('SIGKILL');
  }
}

/** A row and the last event that moved it were written together, or neither was. */
async function expectStatesOfLastEvents(ledger: SqliteLedger): Promise<void> {
  const last = new Map<string, unknown>();
  const attempts = new Map<string, number>();
  for await (const { entity, type, data } of ledger.events(0, 100_000)) {
    if (type === 'copy-attempt-begun') attempts.set(entity, (attempts.get(entity) ?? 0) + 1);
    if (type === 'resolved-for-retry') attempts.set(entity, 0);
    if (typeof data === 'object' && data !== null && 'to' in data) last.set(entity, data.to);
  }
  const jobs = await ledger.jobs();
  expect(jobs.length).toBeGreaterThan(0);
  for (const job of jobs) {
    for (const drive of await ledger.drivesOf(job.id)) {
      const entity = `drive/${driveKey(drive.ref)}`;
      expect(drive.state).toEqual(last.get(entity) ?? { name: 'Specified' });
      expect((await ledger.copyOf(drive.ref))?.attempts ?? 0).toBe(attempts.get(entity) ?? 0);
    }
  }
}

/** What was said to be put is in the queue once, unless it was said to be done or about to be. */
async function expectQueueAsSaid(ledger: SqliteLedger, said: readonly string[]): Promise<void> {
  const store = ledger.queueStore();
  await store.requeueRunning();
  const waiting = (await store.tasks('waiting')).map((row) => row.task.id);
  const done = new Set(idsSaid(said, 'done'));
  const settling = new Set(idsSaid(said, 'settling'));
  for (const id of idsSaid(said, 'put')) {
    const times = waiting.filter((found) => found === id).length;
    if (done.has(id)) expect(times).toBe(0);
    else if (settling.has(id)) expect(times).toBeLessThanOrEqual(1);
    else expect(times).toBe(1);
  }
  for (const id of waiting) await store.remove(id);
}

function idsSaid(said: readonly string[], word: string): string[] {
  return said
    .filter((line) => line.startsWith(`${word} `))
    .map((line) => line.slice(word.length + 1));
}
