import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { LogSink } from '../log-sink.ts';
import { DEFAULT_CONFIG } from './default-config.ts';
import { EXIT, withExitCodes } from './exit-codes.ts';
import { StartNotices } from './notify.ts';

const STANDARD_OUTPUT = 1;
/** For the words of what went wrong. */
const LAST_WORDS_MS = 500;

/**
 * `drive-station serve`: the daemon. Ends with 0 after SIGTERM or SIGINT, at any moment of its life; a
 * second one ends it at once. SIGHUP, as from a terminal that is closed, does nothing.
 */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description('run the station')
    .option('-c, --config <file>', 'configuration file', DEFAULT_CONFIG)
    .action(async ({ config: file }: { config: string }) => {
      const config = await loadConfig(file);
      const sink = new LogSink(STANDARD_OUTPUT);
      process.on('exit', () => sink.flush());
      const logger = createLog(config.log.level, sink);
      const log = logger.child({ subsystem: 'station' });
      const toldToStop = untilToldToStop(log);
      const notices = new StartNotices({ env: process.env, logger: log });
      await notices.step('configuration');
      // Loaded only here: the other commands need none of the daemon.
      const { Station } = await import('../station.ts');
      await notices.step('program');
      const onOpened = (name: string) => void notices.step(name);
      const station = await Station.create(config, logger, { onOpened });
      await notices.ready(`Up at ${station.url}`);
      const failure = await Promise.race([toldToStop, station.failure]);
      if (failure === undefined) log.info('stopping; running copies go on after the next start');
      else log.fatal({ err: failure }, 'the ledger is damaged: stopping, nothing more is written');
      await station.close();
      log.info('stopped');
      // A disk that hangs in the kernel must not hold the daemon: everything durable is written.
      if (failure === undefined) process.exit(EXIT.done);
      setTimeout(() => process.exit(), LAST_WORDS_MS).unref();
      throw failure;
    });
  return withExitCodes(command);
}

function untilToldToStop(log: ReturnType<typeof createLog>): Promise<undefined> {
  process.on('SIGHUP', () => log.info('SIGHUP: nothing is read anew; restart for that'));
  return new Promise((resolve) => {
    let told = false;
    const onSignal = () => {
      if (told) process.exit(EXIT.failed);
      told = true;
      resolve(undefined);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
