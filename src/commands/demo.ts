import { Command } from 'commander';
import logUpdate from 'log-update';
import { renderTable } from '../client/table.ts';
import type { Finding } from '../demo/check.ts';
import type { DemoAddresses, DemoScreen } from '../demo/demo.ts';
import { isCancelled } from '../errors.ts';
import type { StationView } from '../serve/wire.ts';
import { EXIT, withExitCodes } from './exit-codes.ts';

const DEFAULT_COLUMNS = 120;
/** Where there is no terminal, the table is printed this often. */
const PLAIN_TABLE_MS = 2_000;

/** `drive-station demo`: the whole product on loopback disks; needs root for `losetup`. */
export function demoCommand(): Command {
  const command = new Command('demo')
    .description('see the station at work: loopback disks, a local blob server, one pulled disk')
    .option('--once', 'end when all is checked; exit 0 only if everything is as it should be')
    .action(async ({ once = false }: { once?: boolean }) => {
      process.exit(await demo(once));
    });
  return withExitCodes(command);
}

async function demo(once: boolean): Promise<number> {
  // Loaded only here: the other commands need none of it.
  const { runDemo } = await import('../demo/demo.ts');
  const stop = new AbortController();
  process.on('SIGINT', () => stop.abort());
  process.on('SIGTERM', () => stop.abort());
  let allGood = false;
  const screen = process.stdout.isTTY ? terminalScreen() : plainScreen();
  const onChecked = async (findings: readonly Finding[], addresses: DemoAddresses) => {
    screen.end();
    allGood = findings.every(({ ok }) => ok);
    for (const { ok, words } of findings) print(`${ok ? '  ok ' : 'WRONG'}  ${words}`);
    print(allGood ? 'Everything is as it should be.' : 'Something is not as it should be.');
    if (once) return;
    print(`\nThe station stays up. Console: ${addresses.console}   Blobs: ${addresses.blobs}`);
    print(`Log: ${addresses.log}\nPress Ctrl-C to end and clean up.`);
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
  };
  try {
    await runDemo({ screen, onChecked }, stop.signal);
  } catch (error) {
    screen.end();
    if (!isCancelled(error)) throw error;
    print('The demo was interrupted or took too long; everything is cleaned up.');
    return EXIT.failed;
  }
  return allGood ? EXIT.done : EXIT.failed;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

interface EndingScreen extends DemoScreen {
  /** Shows the last view for good; later ones would push the findings away. */
  end(): void;
}

function terminalScreen(): EndingScreen {
  const colour = process.stdout.hasColors();
  const columns = () => process.stdout.columns;
  let ended = false;
  return {
    say: (line) => {
      logUpdate.clear();
      print(line);
    },
    show: (view) => {
      if (!ended) logUpdate(renderTable(view, { columns: columns(), now: new Date(), colour }));
    },
    end: () => {
      ended = true;
      logUpdate.done();
    },
  };
}

/** Plain lines for logs and pipes: the story, and the table now and then. */
function plainScreen(): EndingScreen {
  let shownAt = 0;
  let last: StationView | undefined;
  let ended = false;
  const table = (view: StationView) =>
    print(renderTable(view, { columns: DEFAULT_COLUMNS, now: new Date() }));
  return {
    say: print,
    show: (view) => {
      if (ended) return;
      last = view;
      if (Date.now() - shownAt < PLAIN_TABLE_MS) return;
      shownAt = Date.now();
      table(view);
    },
    end: () => {
      if (!ended && last !== undefined) table(last);
      ended = true;
    },
  };
}
