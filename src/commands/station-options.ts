import { type Command, InvalidArgumentError, Option } from 'commander';
import { loginActor } from '../client/http.ts';
import { DEFAULT_STATION_URL, StationClient } from '../client/station-client.ts';
import { isCancelled } from '../errors.ts';
import { withExitCodes } from './exit-codes.ts';

/** What every command that talks to a station takes, and how a live one ends. */

export interface StationOptions {
  readonly url: string;
}

export function addStationOptions(command: Command): Command {
  const url = new Option('--url <url>', 'where the station listens')
    .env('DRIVE_STATION_URL')
    .default(DEFAULT_STATION_URL)
    .argParser(stationUrl);
  return withExitCodes(command.addOption(url)).configureHelp({ showGlobalOptions: true });
}

/** A command below one that has the options of a station. */
export function withStationOptions(command: Command): Command {
  return withExitCodes(command).configureHelp({ showGlobalOptions: true });
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
