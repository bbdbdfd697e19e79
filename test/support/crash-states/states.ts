import { Medium, type MediumState } from '../../../native-fixtures/record-disk/medium.ts';
import type { Operation } from '../../../native-fixtures/record-disk/operations.ts';
import { stateKey } from '../../../native-fixtures/record-disk/write-state.ts';

/** Every distinct state that a recording can have left behind, by how the station ended. */

export const MODELS = ['killed', 'bare', 'torn', 'mixed'] as const;
/**
 * `killed`: the processes died, and all that they did is there. The others are power cuts: `bare` has
 * nothing but what was forced to the medium, `torn` has half of the last write, `mixed` has what was
 * forced and some of the rest.
 */
export type Model = (typeof MODELS)[number];

export interface CrashState {
  readonly model: Model;
  /** Operations of the recording that were begun. */
  readonly length: number;
  readonly state: MediumState;
}

/** Memory that SQLite shares between processes; whoever opens the ledger first makes it anew. */
const isOfNoMatter = (name: string) => name.endsWith('-shm');

/** The states after `from` operations and later, each once, in the order of the recording. */
export function crashStates(
  operations: readonly Operation[],
  { from = 0, random }: { readonly from?: number; readonly random: () => number },
): CrashState[] {
  const medium = new Medium(operations);
  const seen = new Set<string>();
  const states: CrashState[] = [];
  for (let length = from; length <= operations.length; length++) {
    for (const model of MODELS) {
      const state = stateOf(medium, { model, length, random });
      const key = state && stateKey(state, isOfNoMatter);
      if (state === undefined || key === undefined || seen.has(key)) continue;
      seen.add(key);
      states.push({ model, length, state });
    }
  }
  return states;
}

function stateOf(
  medium: Medium,
  { model, length, random }: { model: Model; length: number; random: () => number },
): MediumState | undefined {
  switch (model) {
    case 'killed':
      return medium.after(length, () => true);
    case 'bare':
      return medium.after(length, () => false);
    case 'torn':
      return tornState(medium, length);
    case 'mixed':
      return mixedState(medium, length, random);
  }
}

/** `undefined` where the last operation was no write. */
function tornState(medium: Medium, length: number): MediumState | undefined {
  const last = medium.contentChange(length - 1);
  if (last?.bytes === undefined) return undefined;
  const state = medium.after(length, () => true);
  const half = last.bytes.subarray(0, Math.floor(last.bytes.length / 2));
  const changes = state.content.get(last.file) ?? [];
  const torn = changes.map((change) => (change === last ? { ...last, bytes: half } : change));
  return { ...state, content: new Map([...state.content, [last.file, torn]]) };
}

function mixedState(medium: Medium, length: number, random: () => number): MediumState {
  const lucky = medium.unsafe(length).filter(() => random() < 0.5);
  const there = new Set(lucky.flatMap(({ at }) => [at, ...medium.before(at)]));
  return medium.after(length, ({ at }) => there.has(at));
}
