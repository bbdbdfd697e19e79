import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { canonicalJson } from '../../src/ledger/canonical-json.ts';

export interface Filling {
  readonly count: number;
  /** What entry number `sequence` is about. */
  entityOf?(sequence: number): string;
}

/** Writes entries into the event log of an empty ledger, a hundred thousand within a second. */
export function fillEventLog(file: string, { count, entityOf = () => 'x' }: Filling): void {
  const database = new DatabaseSync(file);
  const insert = database.prepare(
    'INSERT INTO events (sequence, station, at, actor, entity, type, data, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  let hash = '0'.repeat(64);
  database.exec('BEGIN');
  for (let sequence = 1; sequence <= count; sequence++) {
    const at = '2026-01-02T03:04:05.678Z';
    const entity = entityOf(sequence);
    const entry = { sequence, at, actor: 'alex', entity, type: 'noted', data: { sequence } };
    hash = createHash('sha256').update(hash).update(canonicalJson(entry)).digest('hex');
    const data = canonicalJson(entry.data);
    insert.run(sequence, 'station-1', at, 'alex', entity, 'noted', data, hash);
  }
  const head = canonicalJson({ sequence: count, hash });
  database
    .prepare("INSERT INTO settings (key, station, value) VALUES ('event-head', 'station-1', ?)")
    .run(head);
  database.exec('COMMIT');
  database.close();
}
