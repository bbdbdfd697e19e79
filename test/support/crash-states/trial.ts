import { randomInt } from 'node:crypto';
import type { Operation } from '../../../native-fixtures/record-disk/operations.ts';
import { messageOf } from '../../../src/errors.ts';
import { seededRandom } from '../random.ts';
import { type CrashState, crashStates, MODELS } from './states.ts';

/** Tries states of a recording one after the other and tells what was tried. */

const SEED = Number(process.env.DRIVE_STATION_CRASH_SEED ?? randomInt(2 ** 31));
/** States of each recording: a number, `all`, or those of one model, such as `killed`. */
const COUNT = process.env.DRIVE_STATION_CRASH_STATES;
/** All states of a recording and their restarts: about half an hour on a quiet machine. */
export const TRIAL_DEADLINE_MS = 4 * 60 * 60 * 1000;

export interface Trial {
  readonly name: string;
  readonly operations: readonly Operation[];
  /** States of fewer operations are not tried. */
  readonly from: number;
  /** How many, unless the environment says otherwise. */
  readonly count: number;
  /** Operations after which the forced state is always tried. */
  readonly always: ReadonlySet<number>;
  /** What is wrong after a restart from the state, in words. */
  restart(state: CrashState): Promise<readonly string[]>;
}

/** All that is wrong, with the state that shows it. */
export async function carryOut(trial: Trial): Promise<string[]> {
  const { name, operations, from } = trial;
  const random = seededRandom(SEED);
  const states = crashStates(operations, { from, random });
  const chosen = chosenOf(states, trial, random);
  const began = performance.now();
  const found: string[] = [];
  for (const state of chosen) {
    const problems = await trial.restart(state).catch((error) => [messageOf(error)]);
    const last = operations[state.length - 1];
    for (const problem of problems) found.push(`${titleOf(state, last)}: ${problem}`);
  }
  const told = {
    ...{ name, seed: SEED, operations: operations.length - from },
    ...{ states: countsOf(states), tried: countsOf(chosen), problems: found.length },
    seconds: Math.round((performance.now() - began) / 1000),
  };
  process.stdout.write(`${JSON.stringify(told)}\n`);
  return found;
}

function chosenOf(states: readonly CrashState[], trial: Trial, random: () => number) {
  if (COUNT === 'all') return states;
  const ofModel = states.filter(({ model }) => model === COUNT);
  return ofModel.length > 0 ? ofModel : sampled(states, trial, random);
}

/** Spread over the whole recording, from an offset that the seed draws. */
function sampled(
  states: readonly CrashState[],
  { count, always }: Trial,
  random: () => number,
): CrashState[] {
  const step = states.length / Number(COUNT ?? count);
  if (Number.isNaN(step)) throw new RangeError(`DRIVE_STATION_CRASH_STATES is "${COUNT}"`);
  const first = random() * step;
  const drawn = new Set<CrashState>();
  for (let at = first; at < states.length; at += step) {
    const state = states[Math.floor(at)];
    if (state !== undefined) drawn.add(state);
  }
  const isAlways = ({ model, length }: CrashState) => model === 'bare' && always.has(length - 1);
  return states.filter((state) => drawn.has(state) || isAlways(state));
}

function titleOf({ model, length }: CrashState, last: Operation | undefined): string {
  const path = last === undefined ? '' : 'to' in last ? last.to : 'path' in last ? last.path : '';
  return `${model} after ${length} operations, the last ${last?.kind ?? 'none'} ${path}`;
}

function countsOf(states: readonly CrashState[]): object {
  const count = (model: string) => states.filter((state) => state.model === model).length;
  return Object.fromEntries(MODELS.map((model) => [model, count(model)]));
}

/** Where in the recording these words were marked. */
export function markIn(operations: readonly Operation[], words: string): number {
  const at = operations.findIndex((found) => found.kind === 'mark' && found.words === words);
  if (at < 0) throw new RangeError(`the recording has no mark "${words}"`);
  return at;
}
