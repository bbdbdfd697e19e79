import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { DRIVE_TRANSITIONS } from '../domain/drive-state.ts';
import { applyEvent } from '../domain/transition.ts';
import type { LedgerEvent } from '../ledger/contract.ts';
import { SqliteLedger } from '../ledger/sqlite.ts';

/** What a stopped daemon left in its ledger, read by another process. */
export interface LedgerFindings {
  readonly firstBrokenEvent: number | undefined;
  readonly events: readonly LedgerEvent[];
  /** Moves of drives that are not in the transition table, or do not begin where the last ended. */
  readonly illegalMoves: readonly string[];
}

export async function readLedger(stateDirectory: string): Promise<LedgerFindings> {
  const ledger = await SqliteLedger.open({
    file: join(stateDirectory, 'ledger.sqlite'),
    station: 'rehearsal',
    now: () => new Date(),
    uuid: randomUUID,
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
  });
  try {
    const events: LedgerEvent[] = [];
    for await (const event of ledger.events(0, Number.MAX_SAFE_INTEGER)) events.push(event);
    const firstBrokenEvent = await ledger.firstBrokenEvent();
    return { firstBrokenEvent, events, illegalMoves: illegalMoves(events) };
  } finally {
    await ledger.close();
  }
}

const state = z.object({ name: z.enum(namesOf(DRIVE_TRANSITIONS)) });
const move = z.object({ from: state, to: state });
const event = z.enum([
  'arrived',
  'missing',
  'copy-started',
  'copy-verified',
  'copy-ended-with-notes',
  'faulted',
  'resolved-for-retry',
  'resolved-without-copy',
  'shipped-back',
]);

function illegalMoves(events: readonly LedgerEvent[]): string[] {
  const found: string[] = [];
  const last = new Map<string, string>();
  for (const entry of events.filter(({ entity }) => entity.startsWith('drive/'))) {
    const moved = move.safeParse(entry.data);
    if (!moved.success) continue;
    const { from, to } = moved.data;
    const answer = applyEvent(DRIVE_TRANSITIONS, from.name, event.parse(entry.type));
    const legal = answer.allowed && answer.to === to.name;
    if (!legal || from.name !== (last.get(entry.entity) ?? 'Specified')) {
      found.push(`${entry.sequence}: ${entry.entity} ${entry.type} ${from.name} -> ${to.name}`);
    }
    last.set(entry.entity, to.name);
  }
  return found;
}

function namesOf<T extends object>(table: T): (keyof T & string)[] {
  return Object.keys(table).filter((name): name is keyof T & string => name in table);
}
