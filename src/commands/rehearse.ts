import { Command, Option } from 'commander';
import { table } from '../client/text.ts';
import { isCancelled, messageOf, StationError } from '../errors.ts';
import {
  GROUPS,
  type Group,
  type Narrator,
  type Rehearsal,
  SILENT,
} from '../rehearsal/contract.ts';
import type { RehearsalRun } from '../rehearsal/run.ts';
import { EXIT, withExitCodes } from './exit-codes.ts';

interface RehearseOptions {
  readonly list?: boolean;
  readonly all?: boolean;
  readonly group?: Group;
  readonly slow?: boolean;
  readonly console?: boolean;
  readonly handsOn?: boolean;
  readonly json?: boolean;
}

/** How one fault went, as `--json` prints it. */
interface Outcome {
  readonly name: string;
  readonly group: Group;
  readonly ok: boolean;
  readonly tookMs: number;
  /** What was not as the catalogue says. */
  readonly problem: string | null;
}

/** `drive-station rehearse`: faults on loopback disks with a station of its own; needs root. */
export function rehearseCommand(): Command {
  const command = new Command('rehearse')
    .description('play faults on image files with a private station: to train, or as a self-test')
    .argument('[names...]', 'faults of the list')
    .option('--list', 'show the faults and what must happen')
    .option('--all', 'play every fault that takes less than about twelve seconds')
    .addOption(new Option('--group <group>', 'play the faults of a group').choices(GROUPS))
    .option('--slow', 'with --all or --group: the slow ones too')
    .option('--console', 'show the address of the private console and wait for Enter at each rest')
    .option('--hands-on', 'plug in and answer yourself when it says "now you"')
    .addOption(new Option('--json', 'print only the outcomes').conflicts(['console', 'handsOn']))
    .action(async (names: string[], options: RehearseOptions) => {
      // Loaded only here: the other commands need none of it.
      const { CATALOGUE } = await import('../rehearsal/catalogue.ts');
      if (options.list === true) return print(listOf(CATALOGUE, options));
      const chosen = chosenOf(CATALOGUE, names, options);
      if (typeof chosen === 'string') return command.error(chosen, { exitCode: EXIT.usage });
      process.exit(await rehearse(chosen, options));
    });
  return withExitCodes(command);
}

function chosenOf(
  catalogue: readonly Rehearsal[],
  names: readonly string[],
  options: RehearseOptions,
): readonly Rehearsal[] | string {
  const unknown = names.filter((name) => catalogue.every((fault) => fault.name !== name));
  if (unknown.length > 0) return `no such fault: ${unknown.join(', ')}; --list shows them`;
  const { all = false, group, slow = false } = options;
  const chosen = catalogue.filter((fault) => {
    if (names.includes(fault.name)) return true;
    return (all || fault.group === group) && (slow || fault.slow !== true);
  });
  return chosen.length > 0 ? chosen : 'name a fault, a --group or --all; --list shows them';
}

async function rehearse(chosen: readonly Rehearsal[], options: RehearseOptions): Promise<number> {
  const { RehearsalRun } = await import('../rehearsal/run.ts');
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => stop.abort());
  }
  const outcomes: Outcome[] = [];
  try {
    using narrator = await narratorOf(options);
    await using run = await RehearsalRun.create();
    for (const fault of chosen) {
      if (options.json !== true) print(titleOf(fault));
      const outcome = await playOne(run, { fault, narrator }, stop.signal);
      outcomes.push(outcome);
      if (options.json !== true) print(lineOf(outcome));
    }
  } catch (error) {
    if (!isCancelled(error)) throw error;
    process.stderr.write('The rehearsal was interrupted; everything is cleaned up.\n');
    return EXIT.failed;
  }
  const good = outcomes.filter(({ ok }) => ok).length;
  if (options.json === true)
    print(JSON.stringify({ ok: good === chosen.length, outcomes }, null, 2));
  else print(`\n${good} of ${chosen.length} went as they must.`);
  return good === chosen.length ? EXIT.done : EXIT.failed;
}

type LeavingNarrator = Narrator & Disposable;

async function narratorOf(options: RehearseOptions): Promise<LeavingNarrator> {
  const { console: pauses = false, handsOn = false, json = false } = options;
  if (json) return { ...SILENT, [Symbol.dispose]: () => undefined };
  const { Storyteller } = await import('../rehearsal/narrate.ts');
  const dependencies = { print, now: () => new Date(), input: process.stdin };
  return new Storyteller({ pauses, handsOn }, dependencies);
}

/** Throws `cancelled` when the person has had enough; everything else is an outcome. */
async function playOne(
  run: RehearsalRun,
  { fault, narrator }: { readonly fault: Rehearsal; readonly narrator: Narrator },
  signal: AbortSignal,
): Promise<Outcome> {
  const { name, group } = fault;
  const since = performance.now();
  const outcome = (problem: string | null): Outcome => {
    const tookMs = Math.round(performance.now() - since);
    return { name, group, ok: problem === null, tookMs, problem };
  };
  try {
    await run.play(fault, narrator, signal);
    return outcome(null);
  } catch (error) {
    if (signal.aborted || isCancelled(error))
      throw new StationError('cancelled', 'cancelled', {}, error);
    return outcome(problemOf(error));
  }
}

/** What went wrong first, and then also in clearing up. */
function problemOf(error: unknown): string {
  if (!(error instanceof SuppressedError)) return messageOf(error);
  return `${problemOf(error.suppressed)}\nin clearing up: ${messageOf(error.error)}`;
}

function listOf(catalogue: readonly Rehearsal[], { group, json }: RehearseOptions): string {
  const shown = catalogue.filter((fault) => group === undefined || fault.group === group);
  if (json === true)
    return JSON.stringify(
      shown.map(({ play: _, ...words }) => words),
      null,
      2,
    );
  const rows = shown.map(({ name, slow, ...fault }) => [
    name,
    slow === true ? `${fault.group}, slow` : fault.group,
    fault.happens,
  ]);
  return table([['FAULT', 'GROUP', 'WHAT MUST HAPPEN'], ...rows]);
}

function titleOf({ name, made, happens, reads }: Rehearsal): string {
  return [`\n${name}: ${made}`, `  must happen: ${happens}`, `  on the screen: ${reads}`].join(
    '\n',
  );
}

function lineOf({ name, ok, tookMs, problem }: Outcome): string {
  const line = `${ok ? '  ok  ' : 'FAILED'}  ${name}, ${(tookMs / 1000).toFixed(1)} s`;
  return problem === null ? line : `${line}\n${problem}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
