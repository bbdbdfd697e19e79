import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf, StationError } from './errors.ts';
import {
  DOCK_INCIDENTS,
  DOCK_WINDOW_MS,
  EH_DEADLINE_MS,
  ERROR_RECOVERY_MS,
  EVENTS_KEPT,
  READ_HANG_MS,
  RESCUE_DRIVE_MS,
  SICK_TURN_MS,
  SPIN_UP_MS,
} from './limits.ts';
import { firstProblems, parseYaml } from './yaml.ts';

/**
 * The configuration: one schema gives types, ranges, defaults and the documentation
 * (`docs/CONFIGURATION.md` is generated from it). Units are part of each name.
 */

const bytes = (min: number, max: number) => z.int().min(min).max(max);
const milliseconds = (min: number, max: number) => z.int().min(min).max(max);
const MIB = 1024 * 1024;

const account = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('connection-string'),
      connectionString: z.string().min(1).optional(),
      connectionStringFile: z.string().min(1).optional(),
    })
    .refine(
      (value) =>
        (value.connectionString === undefined) !== (value.connectionStringFile === undefined),
      {
        message: 'give either connectionString or connectionStringFile',
      },
    )
    .describe('The whole connection string, or a file that holds it (mode 0600).'),
  z
    .strictObject({
      kind: z.literal('sas'),
      blobEndpoint: z.url(),
      sasToken: z.string().min(1).optional(),
      sasTokenFile: z.string().min(1).optional(),
    })
    .refine((value) => (value.sasToken === undefined) !== (value.sasTokenFile === undefined), {
      message: 'give either sasToken or sasTokenFile',
    })
    .describe('A shared access signature for the blob endpoint, or a file that holds it.'),
  z
    .strictObject({ kind: z.literal('default-credential'), blobEndpoint: z.url() })
    .describe('Azure’s default credential chain: environment, workload or managed identity, CLI.'),
  z
    .strictObject({ kind: z.literal('directory'), directory: z.string().min(1) })
    .describe('A local directory instead of a cloud, for rehearsal and for an air-gapped site.'),
]);

const addressLine = z.string().max(256);

const shippingAddress = z
  .strictObject({
    recipientName: addressLine,
    streetAddress1: addressLine,
    streetAddress2: addressLine.default(''),
    city: addressLine,
    stateOrProvince: addressLine.default(''),
    postalCode: addressLine,
    countryOrRegion: addressLine,
    phone: addressLine.default(''),
  })
  .describe('The address of one location, as the public API gives it to customers.');

export const configSchema = z.strictObject({
  station: z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/u)
        .default('station-1')
        .describe('Shown on the console and kept with every row that this station writes.'),
      stateDirectory: z
        .string()
        .min(1)
        .default('/var/lib/drive-station')
        .describe('Holds the ledger and the copy journals; must survive a restart.'),
      reserveBytes: bytes(0, Number.MAX_SAFE_INTEGER)
        .default(512 * MIB)
        .describe('Free space below which no new drive is started; running ones go on.'),
      eventsKept: z
        .int()
        .min(10_000)
        .max(10_000_000)
        .default(EVENTS_KEPT)
        .describe(
          'Entries that the event log keeps, the newest ones; older ones leave for an archive in the state directory, 5,000 at a time. Those of jobs that are still there stay, up to twice as many entries.',
        ),
    })
    .prefault({}),
  http: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
      port: z.int().min(0).max(65_535).default(8380).describe('TCP port; 0 takes a free one.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info')
        .describe('The least important lines that the log still has.'),
    })
    .prefault({}),
  detect: z
    .strictObject({
      settleMs: milliseconds(0, 60_000)
        .default(3000)
        .describe('A disk must look the same for this long before anything is decided about it.'),
      scanIntervalMs: milliseconds(100, 60_000)
        .default(500)
        .describe('Time between scans where udev is not running.'),
      safetyScanIntervalMs: milliseconds(1000, 3_600_000)
        .default(30_000)
        .describe('Time between scans where udev events are the trigger, in case one was lost.'),
      loopbackDirectory: z
        .string()
        .min(1)
        .optional()
        .describe('Loop devices whose image lies here count as disks; without it none does.'),
      loopbackOnly: z
        .boolean()
        .default(false)
        .describe(
          'Nothing but those loop devices is looked at, as a rehearsal does: the station does not see a real disk at all.',
        ),
      bays: z
        .record(z.string().min(1), z.string().min(1).max(40))
        .default({})
        .describe('What the technician calls a port: physical path (ID_PATH) to bay name.'),
    })
    .prefault({}),
  copy: z
    .strictObject({
      maxDrives: z.int().min(1).max(64).default(4).describe('Copies that run at once.'),
      sickConcurrent: z
        .int()
        .min(1)
        .max(64)
        .default(2)
        .describe(
          'Copies of sick drives (bad places, slow, tried again) that run at once beside the others, so that they hold up nobody.',
        ),
      sickTurnMs: milliseconds(1000, 24 * 60 * 60 * 1000)
        .default(SICK_TURN_MS)
        .describe(
          'How long a sick drive keeps its place while another sick one waits for it; it is then put back and goes on later.',
        ),
      maxAttempts: z
        .int()
        .min(1)
        .max(100)
        .default(5)
        .describe(
          'Failed attempts of one drive before a person is asked; a pulled disk or an absent store is none.',
        ),
      retryDelayMs: milliseconds(0, 300_000)
        .default(5000)
        .describe(
          'Pause before the second attempt; doubled for each further one, up to five minutes.',
        ),
      readHangMs: milliseconds(1000, 3_600_000)
        .default(READ_HANG_MS)
        .describe('A disk that has not answered an open or a read for this long is given up.'),
      spinUpMs: milliseconds(0, 5 * 60_000)
        .default(SPIN_UP_MS)
        .describe(
          'How long a disk that sleeps may take until it reads. Errors of that time count for nothing; past it, whatever the disk answers counts.',
        ),
      errorRecoveryMs: z
        .union([z.literal(0), milliseconds(6500, 60_000)])
        .default(ERROR_RECOVERY_MS)
        .describe(
          'How long a drive may try to read one bad place, where it can be told (SCT error recovery control); the kernel then waits longer than that. 0 leaves the drive and the time-out of the kernel as they are.',
        ),
      ehDeadlineMs: milliseconds(0, 60 * 60_000)
        .default(EH_DEADLINE_MS)
        .describe(
          'How long the kernel may handle the errors of one SCSI host, all disks of which wait meanwhile, before it resets the host (eh_deadline); whole seconds. 0 leaves it as it is.',
        ),
      keepAwake: z
        .boolean()
        .default(true)
        .describe(
          'Whether the standby timer of an ATA drive is switched off before its copy; it is back when the drive gets power again.',
        ),
      resetUsb: z
        .boolean()
        .default(false)
        .describe(
          'Whether a USB disk that hangs is disconnected and connected again in software before it is given up, if nothing else hangs on its USB device. The service needs the right to write to sysfs for it.',
        ),
      rescueMs: milliseconds(1000, 30 * 24 * 60 * 60 * 1000)
        .default(RESCUE_DRIVE_MS)
        .describe(
          'Time for all bad areas of one disk, after its good ones; what is not read by then stays unread.',
        ),
    })
    .prefault({}),
  docks: z
    .strictObject({
      incidents: z
        .int()
        .min(1)
        .max(32)
        .default(DOCK_INCIDENTS)
        .describe(
          'Incidents within the window (resets, aborted commands, disconnects …) after which a dock is unreliable; from one disk alone it takes twice as many, unless only the link can have caused them. A sound dock has none in weeks, and somebody who knocks at a cable makes one.',
        ),
      windowMs: milliseconds(60_000, 30 * 24 * 60 * 60 * 1000)
        .default(DOCK_WINDOW_MS)
        .describe('How long an incident counts: the default is longer than the copy of any disk.'),
      rebindUsb: z
        .boolean()
        .default(false)
        .describe(
          'Whether a dock that is unreliable with UAS is bound to `usb-storage` instead, between two attempts at a copy and if nothing else hangs on its USB device. The service needs the right to write to sysfs for it.',
        ),
    })
    .prefault({}),
  secrets: z
    .strictObject({
      keyFile: z
        .string()
        .min(1)
        .optional()
        .describe(
          'File with the key that seals the secrets of jobs in the ledger: 32 bytes as hex or Base64. Without it the station makes `secrets.key` in its state directory (mode 0600). When it is lost, sealed secrets are lost with it.',
        ),
    })
    .prefault({}),
  locations: z
    .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 -]{0,62}$/u), shippingAddress)
    .default({})
    .describe(
      'Where customers send their parcels to, by location; one that is not here has the address of the public service’s list.',
    ),
  storageAccounts: z
    .record(z.string().regex(/^[a-z0-9-]{1,63}$/u), account)
    .default({})
    .describe('Destinations by the name that jobs use; a job can also bring its own.'),
});

export type Config = z.output<typeof configSchema>;

/** Reads a configuration file. Throws `config-unreadable`, or `config-invalid` with every place. */
export async function loadConfig(file: string): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const words = `cannot read ${file}: ${messageOf(cause)}`;
    throw new StationError('config-unreadable', words, { file }, cause);
  }
  return parseConfig(text, file);
}

export function parseConfig(text: string, file: string): Config {
  const parsed = parseYaml(text, file, configSchema);
  if (parsed.ok) return parsed.value;
  const problems = firstProblems(parsed.problems);
  throw new StationError('config-invalid', problems.join('\n'), { file, problems });
}
