import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DriveId, Job, JobDetails, JobName } from '../../src/domain/job.ts';
import { ownStorageOf, type StorageCredential } from '../../src/domain/job-storage.ts';
import { StationError } from '../../src/errors.ts';
import type { NewJob } from '../../src/ledger/contract.ts';
import type { DriveName } from '../../src/ledger/named.ts';
import { SECRET_KEY_BYTES, secretBox } from '../../src/ledger/secret-box.ts';
import { SqliteLedger } from '../../src/ledger/sqlite.ts';
import { createLog } from '../../src/log.ts';
import { freePort } from '../../src/rehearsal/free-port.ts';
import type { ConfirmDisk, StationActions } from '../../src/serve/actions.ts';
import { Feed } from '../../src/serve/feed.ts';
import { LocationBook } from '../../src/serve/locations.ts';
import { Server, type ServerOptions } from '../../src/serve/server.ts';
import type { StationView } from '../../src/serve/wire.ts';
import { operatorActions } from '../../src/work/operator-actions.ts';
import { NOTHING_PLUGGED_IN } from './operators.ts';
import { emptyView } from './views.ts';

/** A real server on a real ledger in a temporary directory; only the station behind it is made up. */
export interface Serving {
  readonly server: Server;
  readonly feed: Feed;
  readonly ledger: SqliteLedger;
  /** What was asked of the station, in order. */
  readonly asked: readonly Asked[];
  publish(view: StationView): void;
  /** Stops the server and starts another on the same port, as a restart of the daemon does. */
  restart(): Promise<void>;
  stopServer(): Promise<void>;
  close(): Promise<void>;
}

export type Asked =
  | { readonly what: 'create'; readonly job: NewJob; readonly actor: string }
  | {
      readonly what: 'credential';
      readonly jobName: string;
      readonly credential: StorageCredential;
      readonly actor: string;
    }
  | { readonly what: 'confirm'; readonly confirmation: ConfirmDisk; readonly actor: string }
  | { readonly what: 'retry'; readonly drive: DriveName; readonly actor: string };

export interface ServingOptions extends Partial<ServerOptions> {
  readonly storageAccounts?: readonly string[];
  /** Stands in for the actions that only write down what they are asked. */
  readonly actionsOn?: (ledger: SqliteLedger) => StationActions;
}

export const CONSOLE_DIRECTORY = fileURLToPath(new URL('../../src/console/', import.meta.url));

export async function startServing(
  initial: StationView = emptyView(),
  over: ServingOptions = {},
): Promise<Serving> {
  const { storageAccounts = ['contosoarchive'], actionsOn, ...serverOptions } = over;
  const directory = await mkdtemp(join(tmpdir(), 'drive-station-serve-'));
  const ledger = await SqliteLedger.open({
    file: join(directory, 'ledger.db'),
    station: 'station-7',
    now: () => new Date(),
    uuid: () => randomUUID(),
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
    secrets: secretBox(randomBytes(SECRET_KEY_BYTES)),
  });
  const asked: Asked[] = [];
  let view = initial;
  const port = await freePort();
  const start = async () => {
    const feed = new Feed({ epoch: randomUUID() }, view);
    const options = {
      host: '127.0.0.1',
      port,
      stationName: 'station-7',
      version: '0.1.0',
      consoleDirectory: CONSOLE_DIRECTORY,
      checkAnswers: true,
      ...serverOptions,
    };
    const actions = actionsOn?.(ledger) ?? recordingActions(asked);
    const logger = createLog('error');
    const server = await Server.create(options, {
      ledger,
      feed,
      actions,
      operators: operatorActions(NOTHING_PLUGGED_IN),
      logger,
      arm: {
        locations: new LocationBook({}),
        storageAccounts: [...storageAccounts],
        changed: async () => {},
      },
      view: () => view,
    });
    return { server, feed };
  };
  let current = await start();
  return {
    get server() {
      return current.server;
    },
    get feed() {
      return current.feed;
    },
    ledger,
    asked,
    publish(next) {
      view = next;
      current.feed.publish(next);
    },
    async restart() {
      await current.server.close();
      current = await start();
    },
    stopServer: () => current.server.close(),
    async close() {
      await current.server.close();
      await ledger.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Writes down what it is asked; only jobs are really made. */
export function recordingActions(asked: Asked[]): StationActions {
  return {
    createJob(job, { ledger, actor }) {
      asked.push({ what: 'create', job, actor });
      return ledger.createJob(job, actor);
    },
    async replaceCredential(jobName, credential, { actor }) {
      asked.push({ what: 'credential', jobName, credential, actor });
      return ownStorageOf(credential);
    },
    async confirmDisk(confirmation, { actor }) {
      asked.push({ what: 'confirm', confirmation, actor });
    },
    async retryDrive(drive, { actor }) {
      asked.push({ what: 'retry', drive, actor });
      if (drive.driveId !== 'UNKNOWN') return;
      throw new StationError('drive-not-found', 'no such drive', drive);
    },
    async takeEffect() {},
  };
}

export const SUBSCRIPTION = '00000000-0000-4000-8000-000000000007';

/** A job with two drives, `9CA995BB` and `9CA995BC`, in the real ledger. */
export function createJob(ledger: SqliteLedger, name: string): Promise<Job> {
  const details: JobDetails = {
    jobType: 'Import',
    storageAccount: 'contosoarchive',
    subscriptionId: SUBSCRIPTION,
    resourceGroup: 'myResourceGroup',
    location: 'westus',
    diagnosticsPath: 'waimportexport',
    logLevel: 'Error',
    backupDriveManifest: false,
    returnAddress: { recipientName: 'Test', city: 'Redmond' },
    plan: { kind: 'image', container: 'images', blobPrefix: '' },
  };
  const drives = ['9CA995BB', '9CA995BC'].map((id) => id as DriveId);
  return ledger.createJob({ name: name as JobName, details, drives, shipped: true }, 'test');
}

/** The smallest body that makes a job. */
export function jobFile(name: string) {
  return {
    name,
    jobType: 'Import',
    storageAccount: 'contosoarchive',
    plan: { kind: 'image', container: 'images' },
    driveList: [{ driveId: 'WD-1' }],
  };
}
