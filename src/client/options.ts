import { type Command, InvalidArgumentError, Option } from 'commander';
import { isCancelled } from '../errors.ts';
import { loginActor } from './http.ts';
import { DEFAULT_STATION_URL, StationClient } from './station-client.ts';

/** What every command that talks to a station takes, and how it ends. */

export interface StationOptions {
  readonly url: string;
}

export function addStationOptions(command: Command): Command {
  const url = new Option('--url <url>', 'where the station listens')
    .env('DRIVE_STATION_URL')
    .default(DEFAULT_STATION_URL)
    .argParser(stationUrl);
  return withExitCodes(command.addOption(url));
}

/** Says what the command ends with; `src/main.ts` maps what is thrown to that. */
export function withExitCodes(command: Command): Command {
  return command
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', '\nExit codes: 0 ok, 1 station not reachable or refused, 2 wrong usage.')
    .exitOverride();
}

function stationUrl(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new InvalidArgumentError('Give an address such as http://127.0.0.1:8380.');
}

export function stationClient(options: StationOptions): StationClient {
  return new StationClient({ url: options.url, actor: loginActor() });
}

/** Runs a command's work until a signal from the terminal ends it; that is no failure. */
export async function runWithSignal(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const end = () => stop.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  try {
    await work(stop.signal);
  } catch (error) {
    if (!isCancelled(error)) throw error;
  } finally {
    process.removeListener('SIGINT', end);
    process.removeListener('SIGTERM', end);
  }
}
