import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openLedger, temporaryDirectory } from '../../support/ledger.ts';

const EVENTS = 12;

/** What someone with access to the file does to the log; answers the first entry that no longer fits. */
const TAMPERINGS: Record<string, { readonly sql: string; readonly broken: number }> = {
  'changes who did it': { sql: "UPDATE events SET actor = 'eve' WHERE sequence = 5", broken: 5 },
  'changes when it was': {
    sql: "UPDATE events SET at = '2020-01-01T00:00:00.000Z' WHERE sequence = 5",
    broken: 5,
  },
  'changes what it was about': {
    sql: "UPDATE events SET entity = 'y' WHERE sequence = 1",
    broken: 1,
  },
  'changes the kind': { sql: "UPDATE events SET type = 'y' WHERE sequence = 12", broken: 12 },
  'changes the data': {
    sql: `UPDATE events SET data = '{"index":99}' WHERE sequence = 7`,
    broken: 7,
  },
  'respells the data': {
    sql: `UPDATE events SET data = '{ "index": 7 }' WHERE sequence = 7`,
    broken: 7,
  },
  'breaks the data': { sql: "UPDATE events SET data = '{' WHERE sequence = 7", broken: 7 },
  'changes a hash': { sql: "UPDATE events SET hash = 'x' WHERE sequence = 3", broken: 3 },
  'removes one': { sql: 'DELETE FROM events WHERE sequence = 4', broken: 4 },
  'removes the first': { sql: 'DELETE FROM events WHERE sequence = 1', broken: 1 },
  'cuts the tail': { sql: 'DELETE FROM events WHERE sequence > 9', broken: 10 },
  'cuts the last one': { sql: 'DELETE FROM events WHERE sequence = 12', broken: 12 },
  'removes all': { sql: 'DELETE FROM events', broken: 1 },
  'swaps two': {
    sql: `UPDATE events SET sequence = 100 WHERE sequence = 6;
      UPDATE events SET sequence = 6 WHERE sequence = 8;
      UPDATE events SET sequence = 8 WHERE sequence = 100`,
    broken: 6,
  },
  'puts one before the first': {
    sql: 'INSERT INTO events SELECT 0, station, at, actor, entity, type, data, hash FROM events WHERE sequence = 1',
    broken: 1,
  },
  'adds one at the end': {
    sql: 'INSERT INTO events SELECT 13, station, at, actor, entity, type, data, hash FROM events WHERE sequence = 12',
    broken: 13,
  },
  'removes the head': { sql: "DELETE FROM settings WHERE key = 'event-head'", broken: 1 },
};

it.each(Object.entries(TAMPERINGS))('notices who %s', async (_, { sql, broken }) => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'ledger.sqlite');
  const ledger = await openLedger(file);
  try {
    for (let index = 1; index <= EVENTS; index++)
      await ledger.note('x', 'noted', { index }, 'alex');
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
    const shell = new DatabaseSync(file);
    shell.exec(sql);
    shell.close();
    expect(await ledger.firstBrokenEvent()).toBe(broken);
  } finally {
    await ledger.close();
  }
});

it('holds for whatever is noted, and for logs longer than a page', async () => {
  await using directory = await temporaryDirectory();
  const ledger = await openLedger(join(directory.path, 'ledger.sqlite'));
  const words = fc.string({ unit: 'binary' });
  const note = fc.tuple(words, words, fc.jsonValue({ stringUnit: 'binary' }), words);
  try {
    const notes = fc.sample(note, { seed: 7, numRuns: 300 });
    for (const parts of notes) await ledger.note(...parts);
    expect(await ledger.firstBrokenEvent()).toBeUndefined();
    let at = 0;
    for await (const event of ledger.events(0, 300)) {
      const [entity, type, data, actor] = notes[at] ?? expect.unreachable();
      expect(event).toMatchObject({
        sequence: at + 1,
        entity: entity.toWellFormed(),
        type: type.toWellFormed(),
        actor: actor.toWellFormed(),
        data: JSON.parse(JSON.stringify(data)),
      });
      at++;
    }
    expect(at).toBe(300);
  } finally {
    await ledger.close();
  }
});
