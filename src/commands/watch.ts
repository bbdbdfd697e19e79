import { Command } from 'commander';
import logUpdate from 'log-update';
import { changeLines } from '../client/changes.ts';
import { renderScreen } from '../client/screen.ts';
import type { StationClient } from '../client/station-client.ts';
import { renderTable, type TableOptions } from '../client/table.ts';
import type { LinkUpdate } from '../console/link.ts';
import type { StationView } from '../serve/wire.ts';
import {
  addStationOptions,
  runWithSignal,
  type StationOptions,
  stationClient,
} from './station-options.ts';

interface WatchOptions extends StationOptions {
  readonly once?: boolean;
}

const DEFAULT_COLUMNS = 100;

/**
 * `drive-station watch`: a live table on a terminal, a line for each change elsewhere. When the
 * station cannot be reached at first it fails; later it waits for the station to come back.
 */
export function watchCommand(): Command {
  const command = new Command('watch')
    .description('show bays and drives as they are now, live')
    .option('--once', 'print the table once and end')
    .action((options: WatchOptions) =>
      runWithSignal(async (signal) => {
        const client = stationClient(options);
        const first = await client.view(signal);
        if (options.once === true) process.stdout.write(`${renderTable(first, tableOptions())}\n`);
        else if (process.stdout.isTTY) await watchOnTerminal(client, signal);
        else await watchAsLines(client, signal);
      }),
    );
  return addStationOptions(command);
}

async function watchOnTerminal(client: StationClient, signal: AbortSignal): Promise<void> {
  let last: LinkUpdate | undefined;
  const draw = () => {
    if (last !== undefined) logUpdate(renderScreen(last, tableOptions()));
  };
  process.stdout.on('resize', draw);
  // "For 3 min" moves on although nothing new arrives.
  const clock = setInterval(draw, 1000);
  try {
    await client.follow((update) => {
      last = update;
      draw();
    }, signal);
  } finally {
    clearInterval(clock);
    process.stdout.removeListener('resize', draw);
    logUpdate.done();
  }
}

function tableOptions(): TableOptions {
  const columns = process.stdout.columns ?? DEFAULT_COLUMNS;
  const colour = process.stdout.isTTY === true && process.stdout.hasColors();
  return { columns, now: new Date(), colour };
}

async function watchAsLines(client: StationClient, signal: AbortSignal): Promise<void> {
  let before: StationView | undefined;
  let connected = true;
  const say = (line: string) => process.stdout.write(`${new Date().toISOString()} ${line}\n`);
  await client.follow(({ status, view }) => {
    if (status.kind === 'lost' && connected) say(`no connection: ${status.reason}`);
    if (status.kind === 'live' && !connected) say('connected again');
    connected = status.kind === 'live';
    if (view === undefined) return;
    for (const line of changeLines(before, view)) say(line);
    before = view;
  }, signal);
}
