import { open, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { stringify } from 'yaml';
import { loadConfig } from '../config.ts';
import {
  type DiskIdentityFile,
  identityFileOf,
  parseIdentityFile,
  readIdentityFile,
} from '../detect/identity-file.ts';
import { errnoOf } from '../errors.ts';
import { loopbackDirectory, pluggedPathOf, refused, requirePlainFile } from '../loopback/bay.ts';
import type { PullKind } from '../loopback/contract.ts';
import { writeImage } from '../loopback/image.ts';
import { plug } from '../loopback/plug.ts';
import { clearLeftOver, listPlugged, pluggedDisk } from '../loopback/plugged.ts';
import { EXIT, withExitCodes } from './exit-codes.ts';

const DEFAULT_SIZE = '64MiB';
const IMAGE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/u;

interface Place {
  readonly directory?: string;
  readonly config?: string;
}

interface MakeOptions {
  readonly size: number;
  readonly serial?: string;
  readonly model?: string;
  readonly vendor?: string;
  readonly wwn?: string;
}

interface PlugChoices {
  readonly bay?: string;
  readonly sector: '512' | '4096';
}

/**
 * `drive-station loopback`: rehearsal by hand with image files instead of disks. It works on images
 * and bays of one directory only, so it cannot touch a real disk.
 */
export function loopbackCommand(): Command {
  const command = withExitCodes(
    new Command('loopback')
      .description('rehearse with image files that are plugged in as read-only disks')
      .option('-d, --directory <directory>', 'the loopback directory; else the configured one')
      .option('-c, --config <file>', 'configuration file that names detect.loopbackDirectory'),
  );
  addMake(command);
  addPlug(command);
  addUnplug(command);
  addPull(command);
  addList(command);
  return command;
}

function addMake(parent: Command): void {
  parent
    .command('make <name>')
    .description('make an image with made-up content, and its identity file')
    .option('-s, --size <size>', 'for example 64MiB, 1GiB', sizeOf, sizeOf(DEFAULT_SIZE))
    .option('--serial <serial>', 'what the disk says its serial number is')
    .option('--model <model>')
    .option('--vendor <vendor>')
    .option('--wwn <wwn>', 'world-wide name, for example naa.5000c500a1b2c3d4')
    .action((name: string, options: MakeOptions, command: Command) =>
      run(command, async (directory) => {
        const { size, ...identity } = options;
        return `made ${await make(imagePathOf(directory, name), size, identity)}`;
      }),
    );
}

async function make(path: string, sizeBytes: number, given: DiskIdentityFile): Promise<string> {
  const identity = parseIdentityFile(stringify(given), identityFileOf(path));
  const seed = identity.serial ?? basename(path);
  try {
    await writeImage(path, { seed, sizeBytes });
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') throw refused(`${path} exists`, cause);
    throw cause;
  }
  try {
    await using file = await open(identityFileOf(path), 'wx');
    await file.writeFile(stringify(identity));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return path;
}

function addPlug(parent: Command): void {
  parent
    .command('plug <name>')
    .description('plug an image of the directory in')
    .option('-b, --bay <bay>', 'unless given, the first empty one')
    .addOption(
      new Option('--sector <bytes>', 'logical sector size').choices(['512', '4096']).default('512'),
    )
    .action((name: string, choices: PlugChoices, command: Command) =>
      run(command, async (directory) => {
        const image = imagePathOf(directory, name);
        await requirePlainFile(image);
        const { bay, sector } = choices;
        const disk = await plug(image, {
          directory,
          sectorBytes: sector === '512' ? 512 : 4096,
          ...(bay === undefined ? {} : { bay }),
        });
        return `plugged ${name} into ${disk.bay} as ${disk.device}`;
      }),
    );
}

function addUnplug(parent: Command): void {
  parent
    .command('unplug <bay>')
    .description('take the disk out of a bay in order')
    .action((bay: string, _: object, command: Command) =>
      run(command, async (directory) => {
        if (await clearLeftOver(directory, bay)) return `cleared ${bay} of a disk that was gone`;
        const disk = await pluggedDisk(directory, bay);
        await disk.unplug();
        return `unplugged ${disk.device} from ${bay}`;
      }),
    );
}

function addPull(parent: Command): void {
  const kinds: PullKind[] = ['clean-eof', 'io-error'];
  parent
    .command('pull <bay>')
    .description('pull the disk out of a bay while it may be in use')
    .addOption(
      new Option('-k, --kind <kind>', 'what a reader sees').choices(kinds).default('io-error'),
    )
    .action((bay: string, options: { kind: PullKind }, command: Command) =>
      run(command, async (directory) => {
        const disk = await pluggedDisk(directory, bay);
        const outcome = await disk.pull(options.kind);
        const note = outcome === 'released' ? '' : ' (a program still has it open)';
        return `pulled ${disk.device} out of ${bay}${note}`;
      }),
    );
}

function addList(parent: Command): void {
  parent
    .command('list')
    .description('list the disks that are plugged in')
    .action((_: object, command: Command) => run(command, list));
}

async function list(directory: string): Promise<string> {
  const disks = await listPlugged(directory);
  if (disks.length === 0) return `no disk is plugged into ${directory}`;
  const lines = await Promise.all(
    disks.map(async (disk) => {
      const { serial } = await readIdentityFile(pluggedPathOf(directory, disk.bay));
      return `${disk.bay}  /dev/${disk.name}  ${disk.sizeBytes} bytes  ${serial ?? 'no serial'}`;
    }),
  );
  return lines.sort().join('\n');
}

/** Prints one line of outcome. */
async function run(
  command: Command,
  action: (directory: string) => Promise<string>,
): Promise<void> {
  const place = command.optsWithGlobals<Place>();
  const directory = place.directory ?? (await configuredDirectory(place.config));
  if (directory === undefined) {
    const words = 'error: no loopback directory: give --directory, or --config with one in it';
    command.error(words, { exitCode: EXIT.usage });
  }
  process.stdout.write(`${await action(await loopbackDirectory(directory))}\n`);
}

async function configuredDirectory(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : (await loadConfig(file)).detect.loopbackDirectory;
}

/** The image of a name in the directory; a path or a device is refused. */
function imagePathOf(directory: string, name: string): string {
  const stem = name.endsWith('.img') ? name.slice(0, -'.img'.length) : name;
  if (!IMAGE_NAME.test(stem)) {
    throw refused(`"${name}" is not the name of an image in ${directory}`);
  }
  return join(directory, `${stem}.img`);
}

const UNITS = new Map([
  ['B', 1],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
]);

/** A size in whole 4096-byte sectors, at most 64 GiB, so that a slip does not fill the station. */
function sizeOf(text: string): number {
  const [, digits, unit] = /^(\d{1,15})(B|KiB|MiB|GiB)$/u.exec(text) ?? [];
  const size = Number(digits) * (UNITS.get(unit ?? '') ?? Number.NaN);
  if (size >= 4096 && size <= 64 * 2 ** 30 && size % 4096 === 0) return size;
  throw new InvalidArgumentError('Give 4KiB to 64GiB, a multiple of 4096 bytes.');
}
