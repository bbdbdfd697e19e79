import { type Command, InvalidArgumentError, Option } from 'commander';
import { isStationError, messageOf } from '../errors.ts';
import { loginActor } from './http.ts';
import { DEFAULT_STATION_URL, StationClient } from './station-client.ts';

/** What every command that talks to a station takes, and how it ends. */

export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

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

/** Wrong usage is 2, so that a script can tell it from a station that is away. */
export function withExitCodes(command: Command): Command {
  return command
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', '\nExit codes: 0 ok, 1 station not reachable or refused, 2 wrong usage.')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage));
}

function stationUrl(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new InvalidArgumentError('Give an address such as http://127.0.0.1:8380.');
}

export function stationClient(options: StationOptions): StationClient {
  return new StationClient({ url: options.url, actor: loginActor() });
}

/** Runs a command's work; a signal from the terminal ends it, a refusal becomes exit code 1. */
export async function runWithSignal(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const end = () => stop.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  try {
    await work(stop.signal);
  } catch (error) {
    if (isStationError(error, 'cancelled')) return;
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = EXIT.failed;
  } finally {
    process.removeListener('SIGINT', end);
    process.removeListener('SIGTERM', end);
  }
}
