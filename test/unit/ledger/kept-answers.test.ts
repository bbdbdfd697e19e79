import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { ANSWER_KEPT_MS } from '../../../src/limits.ts';
import { openLedger, TEST_TIME, temporaryDirectory } from '../../support/ledger.ts';

it('keeps an answer for its time, and then forgets it', async () => {
  const directory = await temporaryDirectory();
  onTestFinished(() => directory[Symbol.asyncDispose]());
  const file = join(directory.path, 'ledger.sqlite');
  let ageMs = 0;
  const ledger = await openLedger(file, () => new Date(TEST_TIME.getTime() + ageMs));
  onTestFinished(() => ledger.close());
  const request = (key: string) => ({ key, actor: 'alex', fingerprint: 'f' });
  const ask = (key: string) => ledger.once(request(key), async () => ageMs);

  expect(await ask('old')).toEqual({ answer: 0, replayed: false });
  ageMs = ANSWER_KEPT_MS;
  expect(await ask('old')).toEqual({ answer: 0, replayed: true });
  ageMs = ANSWER_KEPT_MS + 1;
  await ask('new');
  const shell = new DatabaseSync(file, { readOnly: true });
  const kept = shell.prepare('SELECT key FROM kept_answers').all();
  shell.close();
  expect(kept.map(({ key }) => key)).toEqual(['new']);
  expect(await ask('old')).toEqual({ answer: ageMs, replayed: false });
});
