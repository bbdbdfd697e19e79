import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { createLog } from '../log.ts';
import { EXIT, withExitCodes } from './exit-codes.ts';
import { notifyReady } from './notify.ts';

const DEFAULT_CONFIG = fileURLToPath(new URL('../../config/station.yaml', import.meta.url));

/** `drive-station serve`: the daemon. Ends with 0 after SIGTERM or SIGINT; a second one ends it at once. */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description('run the station')
    .option('-c, --config <file>', 'configuration file', DEFAULT_CONFIG)
    .action(async ({ config: file }: { config: string }) => {
      // Loaded only here: the other commands need none of the daemon.
      const { Station } = await import('../station.ts');
      const config = await loadConfig(file);
      const logger = createLog(config.log.level);
      const station = await Station.create(config, logger);
      const toldToStop = untilToldToStop();
      const managed = { env: process.env, logger: logger.child({ subsystem: 'station' }) };
      await notifyReady(`Up at ${station.url}`, managed);
      await toldToStop;
      logger.info({ subsystem: 'station' }, 'stopping; running copies go on after the next start');
      await station.close();
      logger.info({ subsystem: 'station' }, 'stopped');
      // A disk that hangs in the kernel must not hold the daemon: everything durable is written.
      process.exit(EXIT.done);
    });
  return withExitCodes(command);
}

function untilToldToStop(): Promise<void> {
  return new Promise((resolve) => {
    let told = false;
    const onSignal = () => {
      if (told) process.exit(EXIT.failed);
      told = true;
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
