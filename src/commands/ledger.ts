import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { messageOf, StationError } from '../errors.ts';
import { backupDirectoryOf, backupsIn, ledgerFileOf } from '../ledger/backups.ts';
import {
  type ArchiveReport,
  archiveDirectoryOf,
  isArchiveName,
  verifyArchive,
  verifyArchives,
} from '../ledger/event-archive.ts';
import { restoreLedger } from '../ledger/restore.ts';
import { lockStateDirectory } from '../ledger/state-lock.ts';
import { isSound, type LedgerReport, verifyLedger } from '../ledger/verify.ts';
import { DEFAULT_CONFIG } from './default-config.ts';
import { EXIT, withExitCodes } from './exit-codes.ts';

interface Place {
  readonly config: string;
}

/** `drive-station ledger`: looks after the station's own records, on the station itself. */
export function ledgerCommand(): Command {
  const command = withExitCodes(new Command('ledger').description('look after the ledger'));
  addVerify(command);
  addRestore(command);
  return command;
}

function addVerify(parent: Command): void {
  subcommand(parent, 'verify')
    .description(
      'check every page of the ledger, its chain of events and their archives; also of a station at work',
    )
    .argument('[file]', 'a backup or an archive of events to check instead')
    .action(async (named: string | undefined, { config }: Place) => {
      if (named !== undefined && isArchiveName(named))
        return tellArchives([await verifyArchive(named)]);
      const stateDirectory = await stateDirectoryOf(config);
      const file = named ?? ledgerFileOf(stateDirectory);
      const report = await verifyLedger(file);
      for (const line of reportLines(file, report)) say(line);
      const backups = await backupsIn(backupDirectoryOf(stateDirectory));
      for (const backup of named === undefined ? backups : []) say(`backup: ${backup}`);
      if (!isSound(report)) process.exitCode = EXIT.ledger;
      if (named !== undefined) return;
      tellArchives(await verifyArchives(archiveDirectoryOf(stateDirectory), report.anchor));
    });
}

function addRestore(parent: Command): void {
  subcommand(parent, 'restore')
    .description('put a backup in the place of the ledger, which is moved aside; not while it runs')
    .argument('[file]', 'the backup; else the newest one that is sound')
    .action(async (named: string | undefined, { config }: Place) => {
      const stateDirectory = await stateDirectoryOf(config);
      const unlock = await lockStateDirectory(stateDirectory);
      try {
        const file = ledgerFileOf(stateDirectory);
        const { backup, report } = await chosen(named, stateDirectory);
        const aside = await restoreLedger(file, backup, new Date());
        say(`the ledger is as ${backup} has it, of ${report.newestAt ?? 'its beginning'}`);
        say(`what was there before is in ${aside}; remove it when nobody needs it any more`);
        say('start the station; what came after the backup is found out from disks and blob store');
      } finally {
        unlock();
      }
    });
}

function subcommand(parent: Command, name: string): Command {
  const command = withExitCodes(new Command(name));
  parent.addCommand(command);
  return command.option('-c, --config <file>', 'configuration file', DEFAULT_CONFIG);
}

interface Chosen {
  readonly backup: string;
  readonly report: LedgerReport;
}

/** The named one whatever its chain says, if it can be read; else the newest that is sound. */
async function chosen(named: string | undefined, stateDirectory: string): Promise<Chosen> {
  if (named !== undefined) return { backup: named, report: await verifyLedger(named) };
  const directory = backupDirectoryOf(stateDirectory);
  for (const backup of await backupsIn(directory)) {
    try {
      const report = await verifyLedger(backup);
      if (isSound(report)) return { backup, report };
      say(`passed over: ${backup} is not sound`);
    } catch (error) {
      say(`passed over: ${messageOf(error)}`);
    }
  }
  const words = `there is no sound backup of the ledger in ${directory}`;
  throw new StationError('ledger-unreadable', words, { file: directory });
}

/** Each that is not whole, and how many there are. */
function tellArchives(reports: readonly ArchiveReport[]): void {
  for (const { file, problem } of reports) {
    if (problem === undefined) continue;
    say(`${file} is NOT sound: ${problem}`);
    process.exitCode = EXIT.ledger;
  }
  const [first, last] = [reports[0]?.after, reports.at(-1)?.last];
  if (first === undefined || last === undefined) return;
  const held = `entries ${first.sequence + 1} to ${last.sequence}`;
  say(`archives of events: ${reports.length}, ${held}`);
}

function reportLines(file: string, report: LedgerReport): string[] {
  const { problems, events, anchor, brokenEvent, newestAt } = report;
  const left = anchor.sequence === 0 ? '' : ` after the first ${anchor.sequence}, which left,`;
  const chain =
    brokenEvent === undefined
      ? `the chain of ${events - anchor.sequence} events${left} is whole, the newest of ${newestAt ?? 'none yet'}`
      : `the chain of events is broken at entry ${brokenEvent} of ${events}`;
  return [isSound(report) ? `${file} is sound` : `${file} is NOT sound`, ...problems, chain];
}

async function stateDirectoryOf(config: string): Promise<string> {
  return (await loadConfig(config)).station.stateDirectory;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
