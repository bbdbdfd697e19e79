import { Command, Option } from 'commander';
import { messageOf } from '../../src/errors.ts';
import { buildPreparedDrive } from './build.ts';
import { directoryDrive } from './from-directory.ts';
import type { DriveSpec } from './spec.ts';
import { CONTAINER, standardDrive } from './standard.ts';
import { VARIANTS, variant } from './variants.ts';

/**
 * The command of the prepared drives. Prints, as JSON, what a job has to say of the drive and what its
 * blobs are to be; the image and its identity file lie beside each other, ready to be plugged in with
 * `drive-station loopback`.
 */

interface Options {
  readonly from?: string;
  readonly container: string;
  readonly prefix: string;
  readonly pages: string;
  readonly seed: string;
  readonly serial?: string;
  readonly variant: string;
  readonly table: DriveSpec['disk']['table'];
  readonly sector: '512' | '4096';
  readonly bitlocker: string;
}

const EXAMPLES = `
Without --from the drive is the standard one, whose content is made of the seed. The image of BitLocker
has about 90 MB of room. Needs root, ntfs-3g, dislocker, fuse3 and attr.

Examples:
  main.ts drive.img                          the standard drive
  main.ts drive.img --variant missing-file   the same, broken in one place
  main.ts drive.img --from ./photos --container photos --table mbr
  main.ts --list                             every variant and what is broken in it`;

const program = new Command('prepared-drive')
  .description('Builds a prepared Azure Import/Export drive as the image of a disk.')
  .argument('[image]', 'where the image goes; its identity is written beside it as *.disk.yaml')
  .option('--from <directory>', 'the files of this directory instead of made ones')
  .option('--container <name>', 'with --from: where the blobs go', CONTAINER)
  .option('--prefix <text>', 'with --from: put before each blob’s name', '')
  .option('--pages <ending>', 'with --from: files that become page blobs', '.vhd')
  .option('--seed <text>', 'of the content of the standard drive', 'standard')
  .option('--serial <text>', 'in the manifest, and what the disk says of itself')
  .addOption(
    new Option('--variant <name>', 'breaks the standard drive in one place')
      .default('whole')
      .conflicts('from'),
  )
  .option(
    '--lab <archive>',
    'BitLocker volumes; else BITLOCKER_LAB, else native-fixtures/bitlocker',
  )
  .addOption(new Option('--table <kind>').choices(['gpt', 'mbr', 'none']).default('gpt'))
  .addOption(new Option('--sector <bytes>').choices(['512', '4096']).default('512'))
  .option('--bitlocker <image>', 'one of the lab, or none', 'bitlk-aes-xts-128')
  .option('--list', 'prints the variants')
  .addHelpText('after', EXAMPLES)
  .action(run);

async function run(image: string | undefined, options: Options & { list?: true }): Promise<void> {
  if (options.list) return list();
  if (image === undefined) return program.error('where is the image to go? (see --help)');
  const { breakage } = variant(options.variant);
  const drive = await buildPreparedDrive(await specOf(options), { imageFile: image, breakage });
  process.stdout.write(`${JSON.stringify(drive, undefined, 2)}\n`);
}

function list(): void {
  const lines = VARIANTS.map(
    ({ name, broken, expected }) => `${name.padEnd(28)} ${expected.drive.padEnd(26)} ${broken}\n`,
  );
  process.stdout.write(lines.join(''));
}

async function specOf(options: Options): Promise<DriveSpec> {
  const { from: directory, container, prefix, pages: pageSuffix } = options;
  const spec =
    directory === undefined
      ? standardDrive(options.seed)
      : await directoryDrive({ directory, container, prefix, pageSuffix });
  return {
    ...spec,
    driveId: options.serial ?? spec.driveId,
    disk: { table: options.table, sectorBytes: options.sector === '512' ? 512 : 4096 },
    volume: { bitlocker: options.bitlocker, filesystem: 'ntfs' },
  };
}

await program.parseAsync().catch((error: unknown) => program.error(messageOf(error)));
