/**
 * The plan of the house: each room of `src`, what is in it and what it may import. The layer test
 * checks every import against it, and `docs/ARCHITECTURE.md` draws it; there is no third copy.
 */

export interface Room {
  /** A folder or a file directly in `src`, without `.ts`. */
  readonly name: string;
  readonly what: string;
  /** The rooms it may import beside itself; `everything` for those that put the parts together. */
  readonly rooms: readonly string[] | 'everything';
  /** Whether it may use Node's own modules. */
  readonly node: boolean;
  readonly packages: readonly string[];
}

/** What every room but the innermost may import; the drawing leaves these out. */
export const SHARED = ['errors', 'limits'] as const;

/** The only files of `serve` that the console sees, and of them only the types. */
export const CONSOLE_SEES: readonly string[] = ['serve/wire.ts', 'serve/wire-parcels.ts'];

export const HOUSE: readonly Room[] = [
  {
    name: 'main',
    what: 'the command line: parse, call, exit code',
    rooms: 'everything',
    node: true,
    packages: ['commander'],
  },
  {
    name: 'commands',
    what: 'one file for each command',
    rooms: 'everything',
    node: true,
    packages: ['commander', 'log-update', 'yaml', 'zod'],
  },
  {
    name: 'demo',
    what: 'the product at work: Azurite, four loopback disks, a pull, and the check at the end',
    rooms: 'everything',
    node: true,
    packages: ['pino', 'yaml'],
  },
  {
    name: 'rehearsal',
    what: 'faults to train and to test with: sick disks, a sick store, a sick station, all harmless',
    rooms: 'everything',
    node: true,
    packages: ['@azure/storage-blob', 'yaml', 'zod'],
  },
  {
    name: 'station',
    what: 'the composition root: builds every part in the order of dependence, closes in reverse',
    rooms: 'everything',
    node: true,
    packages: ['pino'],
  },
  {
    name: 'work',
    what: 'carries the decisions out: the reconcile loop, the runner of copies, the view for screens',
    rooms: [
      ...['domain', 'detect', 'copy', 'blobs', 'ledger', 'serve', 'error-help'],
      ...['kernel-records', ...SHARED],
    ],
    node: true,
    packages: ['zod'],
  },
  {
    name: 'domain',
    what: 'pure rules: states, identity, matching, decisions, plans, verdicts; no I/O, no clock',
    rooms: [],
    node: false,
    packages: [],
  },
  {
    name: 'detect',
    what: 'which disks are attached, as facts: sysfs, udev, the enumerating packages, health',
    rooms: ['domain', 'yaml', ...SHARED],
    node: true,
    packages: ['zod', 'drivelist', 'systeminformation', 'node-disk-info'],
  },
  {
    name: 'loopback',
    what: 'plugs image files in as read-only disks, and pulls them: rehearsal, demo, tests',
    rooms: ['detect', ...SHARED],
    node: true,
    packages: ['yaml'],
  },
  {
    name: 'formats',
    what: 'the files of Azure Import/Export: manifests, side files, copy logs, as streams',
    rooms: ['domain', ...SHARED],
    node: false,
    packages: ['xmlbuilder2', 'saxes'],
  },
  {
    name: 'volumes',
    what: 'opens what is on a drive, read-only and contained: partitions, BitLocker, filesystems',
    rooms: ['domain', 'kernel-records', ...SHARED],
    node: true,
    packages: [],
  },
  {
    name: 'copy',
    what: 'the copy of one drive, in a process of its own: read, hash, stage, journal, settle',
    rooms: [
      ...['domain', 'volumes', 'formats', 'blobs', 'scrub', 'sync-path', 'kernel-records'],
      ...SHARED,
    ],
    node: true,
    packages: ['zod', 'mime'],
  },
  {
    name: 'blobs',
    what: 'the contract of blob storage, its two implementations, patience and bounds around them',
    rooms: ['domain', 'scrub', 'sync-path', ...SHARED],
    node: true,
    packages: ['zod', '@azure/storage-blob', '@azure/identity'],
  },
  {
    name: 'ledger',
    what: 'durable state in SQLite: jobs, drives, copies, the event log, the queue and its store',
    rooms: ['domain', 'scrub', 'sync-path', ...SHARED],
    node: true,
    packages: ['zod', 'kysely', 'better-queue'],
  },
  {
    name: 'serve',
    what: 'HTTP and WebSocket: the station API, the Azure resource provider, the live feed, the page',
    rooms: ['domain', 'ledger', 'job-file', 'job-schema', 'job-storage', 'error-help', ...SHARED],
    node: true,
    packages: ['zod', 'fastify', 'ws'],
  },
  {
    name: 'console',
    what: 'the technician’s page, and what any live client needs: the link, words, formats',
    rooms: ['serve'],
    node: false,
    packages: ['lit-html'],
  },
  {
    name: 'client',
    what: 'a station seen from another process: what the commands ask and show',
    rooms: ['serve', 'console', ...SHARED],
    node: true,
    packages: ['zod', 'ws'],
  },
  {
    name: 'job-file',
    what: 'reads a job from a file or a request, with each problem at its place',
    rooms: ['domain', 'yaml', 'job-schema', 'job-storage', 'ledger', ...SHARED],
    node: true,
    packages: ['zod'],
  },
  {
    name: 'job-schema',
    what: 'what a job may say, key by key',
    rooms: ['domain', 'job-storage', ...SHARED],
    node: false,
    packages: ['zod'],
  },
  {
    name: 'job-storage',
    what: 'the storage that a job may bring: what its file may say, and the credential in it',
    rooms: ['domain', ...SHARED],
    node: false,
    packages: ['zod'],
  },
  {
    name: 'config',
    what: 'the one schema of the configuration: types, ranges, defaults, documentation',
    rooms: ['yaml', ...SHARED],
    node: true,
    packages: ['zod'],
  },
  {
    name: 'yaml',
    what: 'reads YAML through a schema and says where it is wrong',
    rooms: SHARED,
    node: true,
    packages: ['yaml', 'zod'],
  },
  {
    name: 'log-sink',
    what: 'writes the log out without ever stopping the station',
    rooms: [...SHARED],
    node: true,
    packages: ['pino'],
  },
  {
    name: 'log',
    what: 'the log: JSON lines, secrets redacted',
    rooms: ['scrub', ...SHARED],
    node: true,
    packages: ['pino'],
  },
  {
    name: 'error-help',
    what: 'what each error means and what a person does about it',
    rooms: SHARED,
    node: false,
    packages: [],
  },
  {
    name: 'errors',
    what: 'the error catalogue: codes with their payloads, and the guards',
    rooms: ['scrub', 'domain'],
    node: false,
    packages: [],
  },
  {
    name: 'scrub',
    what: 'takes secrets out of any text by their shape',
    rooms: [],
    node: false,
    packages: [],
  },
  {
    name: 'kernel-records',
    what: 'reads the kernel’s log record by record, without waiting',
    rooms: SHARED,
    node: true,
    packages: [],
  },
  {
    name: 'sync-path',
    what: 'forces a file, or the entries of a directory, to the medium',
    rooms: [],
    node: true,
    packages: [],
  },
  {
    name: 'limits',
    what: 'every bound with its unit and its reason',
    rooms: ['domain'],
    node: false,
    packages: [],
  },
];
