import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type LoopDisk, type PlugOptions, plug } from '../../native-fixtures/loop-disk.ts';
import type { StorageAccount } from '../blobs/contract.ts';
import type { Azurite } from '../demo/azurite.ts';
import { StationError } from '../errors.ts';
import type { DriveView } from '../serve/wire.ts';
import { BlobProxy } from './blob-proxy.ts';
import { Daemon, type DaemonOptions } from './daemon.ts';
import {
  ACCOUNT,
  blobDigest,
  blobNameOf,
  fileDigest,
  jobOf,
  makeImage,
  type TestDisk,
} from './disks.ts';
import { readLedger } from './ledger-file.ts';

/** A daemon before a real store, with a proxy between them that counts and slows. */
export class Rig implements AsyncDisposable {
  readonly daemon: Daemon;
  readonly proxy: BlobProxy;
  /** Names the job and its blobs; a store can be shared by rigs. */
  readonly job: string;
  /** The store itself, without the proxy. */
  readonly account: StorageAccount;

  private constructor(parts: { daemon: Daemon; proxy: BlobProxy; job: string; azurite: Azurite }) {
    const { connectionString } = parts.azurite;
    this.daemon = parts.daemon;
    this.proxy = parts.proxy;
    this.job = parts.job;
    this.account = { kind: 'connection-string', connectionString };
  }

  static async start(
    azurite: Azurite,
    job: string,
    options: Omit<DaemonOptions, 'storageAccounts'> = {},
  ): Promise<Rig> {
    const proxy = await BlobProxy.start(azurite.blobEndpoint);
    const connectionString = proxy.connectionString(azurite.connectionString);
    const storageAccounts = { [ACCOUNT]: { kind: 'connection-string', connectionString } };
    try {
      const daemon = await Daemon.start({ ...options, storageAccounts });
      return new Rig({ daemon, proxy, job, azurite });
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      throw error;
    }
  }

  image(disk: TestDisk): Promise<string> {
    return makeImage(this.daemon.disksDirectory, disk);
  }

  plug(image: string, options: PlugOptions = {}): Promise<LoopDisk> {
    return plug(image, { directory: this.daemon.disksDirectory, ...options });
  }

  async createJob(...serials: readonly string[]): Promise<void> {
    await this.daemon.createJob(jobOf(this.job, serials));
  }

  /** Waits until some bytes of the drive are safe. */
  async underWay(serial: string): Promise<void> {
    const isUnderWay = ({ progress }: DriveView) => (progress?.stagedBytes ?? 0) > 0;
    await this.daemon.untilDrive(serial, isUnderWay, 'under way');
  }

  /** Waits for `Completed` and compares the blob with the image, byte for byte by their digests. */
  async arrived(serial: string, image: string): Promise<void> {
    const settled = ['Completed', 'CompletedMoreInfo', 'Faulted'];
    await this.daemon.untilDrive(serial, ({ state }) => settled.includes(state), 'settled');
    const drive = this.daemon.drive(serial);
    const found = { state: drive?.state, fault: drive?.fault };
    mustBe(found, { state: 'Completed', fault: null }, `the outcome of ${serial}`);
    mustBe(await this.blobDigest(serial), await fileDigest(image), `SHA-256 of ${serial}`);
  }

  blobDigest(serial: string): Promise<string> {
    return blobDigest(this.account, blobNameOf(this.job, serial));
  }

  /** Put Blocks so far for the drive. */
  stagedOf(serial: string): number {
    const name = blobNameOf(this.job, serial);
    return this.proxy.staged.filter(({ blob }) => blob === name).length;
  }

  /** Ends the daemon in order and reads its log of events, which must be whole and legal. */
  async ledger() {
    mustBe((await this.daemon.stop()).exitCode, 0, 'the exit code of the daemon');
    const found = await readLedger(this.daemon.stateDirectory);
    mustBe(found.firstBrokenEvent, undefined, 'the first broken event of the log');
    mustBe(found.illegalMoves, [], 'illegal moves of drives');
    const count = (type: string) => found.events.filter((event) => event.type === type).length;
    return { events: found.events, count };
  }

  path(...names: readonly string[]): string {
    return join(this.daemon.directory, ...names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }
}

/** Throws `rehearsal-failed` unless both are equal. */
export function mustBe(found: unknown, wanted: unknown, what: string): void {
  if (isDeepStrictEqual(found, wanted)) return;
  const [is, should] = [found, wanted].map((value) => JSON.stringify(value) ?? 'nothing');
  const problem = `${what}: ${is}, and should be ${should}`;
  throw new StationError('rehearsal-failed', problem, { problem });
}
