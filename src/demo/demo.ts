import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { StationClient } from '../client/station-client.ts';
import type { LinkUpdate } from '../console/link.ts';
import { isProcessed } from '../domain/drive-state.ts';
import { messageOf, StationError } from '../errors.ts';
import { createLog } from '../log.ts';
import type { LoopDisk } from '../loopback/contract.ts';
import { plug } from '../loopback/plug.ts';
import type { DriveView, StationView } from '../serve/wire.ts';
import { Station } from '../station.ts';
import { startAzurite } from './azurite.ts';
import { checkEverything, type Finding } from './check.ts';
import { DEMO_DISKS, type DemoDisk, listedDisks, Scene } from './scene.ts';

export interface DemoScreen {
  /** A step of the story, once. */
  say(line: string): void;
  /** The live view, again and again. */
  show(view: StationView): void;
}

export interface DemoAddresses {
  readonly console: string;
  readonly blobs: string;
  readonly log: string;
}

export interface DemoParts {
  readonly screen: DemoScreen;
  /** Called when all is checked, with everything still up; the demo ends when it resolves. */
  onChecked(findings: readonly Finding[], addresses: DemoAddresses): Promise<void>;
}

const PULL_AT = 0.4;
const WHOLE_DEADLINE_MS = 300_000;
const DISK_AWAY_MS = 1_500;

/**
 * The product at work on an embedded default: a real blob server, loopback disks, one job, one disk
 * pulled in mid-copy, one disk on no list. Everything it makes lies in one scratch directory and is
 * gone when it returns, also when it fails or is interrupted.
 */
export async function runDemo(
  { screen, onChecked }: DemoParts,
  signal: AbortSignal,
): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  screen.say('Building disk images, one of them a BitLocker drive, and starting Azurite …');
  const scene = await Scene.create();
  cleanup.defer(() => scene.remove());
  const azurite = cleanup.use(await startAzurite({ directory: scene.azuriteDirectory }));
  const log = createLog('info', pino.destination(scene.logFile));
  const station = await Station.create(scene.config(azurite.connectionString), log);
  cleanup.defer(() => station.close());
  screen.say(`The station is up: ${station.url}`);
  await createJob(station.url, scene);

  const watcher = new Watcher(station.url, screen);
  cleanup.defer(() => watcher.stop());
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(WHOLE_DEADLINE_MS)]);
  const disks = await plugAll(scene, cleanup, screen);
  const stranger = disks.get('stranger');
  const readsBefore = stranger === undefined ? 0 : await kernelReads(stranger);
  await pullAndReplug(disks, { scene, watcher, screen, cleanup }, deadline);
  const done = (view: StationView) => view.drives.every(isDone) && isPacking(view);
  const view = await watcher.until(done, deadline);

  const account = {
    kind: 'connection-string',
    connectionString: azurite.connectionString,
  } as const;
  const strangerReads = stranger === undefined ? 0 : (await kernelReads(stranger)) - readsBefore;
  const findings = await checkEverything(view, { scene, account, strangerReads }, deadline);
  const addresses = { console: station.url, blobs: azurite.blobEndpoint, log: scene.logFile };
  await onChecked(findings, addresses);
}

function isDone(drive: DriveView): boolean {
  return isProcessed(drive.state) || drive.state === 'Faulted';
}

/** With a faulted drive the job never gets there, and waiting for it would hide that. */
function isPacking(view: StationView): boolean {
  const faulted = view.drives.some((drive) => drive.state === 'Faulted');
  return faulted || view.jobs.every((job) => job.state === 'Packaging');
}

async function createJob(url: string, scene: Scene): Promise<void> {
  const response = await fetch(new URL('/api/v1/jobs', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-drive-station-actor': 'demo' },
    body: JSON.stringify(scene.job),
  });
  if (response.ok) return;
  const detail = await response.text();
  throw new StationError('internal-error', `the demo's job was refused: ${detail}`, { detail });
}

async function plugAll(
  scene: Scene,
  cleanup: AsyncDisposableStack,
  screen: DemoScreen,
): Promise<Map<DemoDisk['name'], LoopDisk>> {
  const disks = new Map<DemoDisk['name'], LoopDisk>();
  for (const disk of DEMO_DISKS) {
    const plugged = await plugIn(scene, disk, cleanup);
    disks.set(disk.name, plugged);
    const listed = listedDisks().includes(disk) ? '' : ', which is on no list';
    screen.say(`Plugged ${disk.serial} into ${plugged.bay}${listed}.`);
  }
  await plugPrepared(scene, cleanup, screen);
  return disks;
}

/** The drive that a customer prepared, where this machine can make one. */
async function plugPrepared(
  { prepared }: Scene,
  cleanup: AsyncDisposableStack,
  screen: DemoScreen,
): Promise<void> {
  if ('missing' in prepared) {
    screen.say(`No prepared drive takes part: ${prepared.missing}.`);
    return;
  }
  const { bay } = cleanup.use(await plug(prepared.imageFile));
  screen.say(`Plugged ${prepared.job.driveId} into ${bay}: BitLocker, NTFS and a manifest.`);
}

async function plugIn(
  scene: Scene,
  disk: DemoDisk,
  cleanup: AsyncDisposableStack,
  bay?: string,
): Promise<LoopDisk> {
  return cleanup.use(await plug(scene.imageOf(disk), bay === undefined ? {} : { bay }));
}

interface PullParts {
  readonly scene: Scene;
  readonly watcher: Watcher;
  readonly screen: DemoScreen;
  readonly cleanup: AsyncDisposableStack;
}

async function pullAndReplug(
  disks: ReadonlyMap<DemoDisk['name'], LoopDisk>,
  { scene, watcher, screen, cleanup }: PullParts,
  signal: AbortSignal,
): Promise<void> {
  const bravo = DEMO_DISKS[1];
  const find = (view: StationView) => view.drives.find(({ driveId }) => driveId === bravo.serial);
  const share = ({ progress }: DriveView) =>
    progress === null ? 0 : progress.stagedBytes / progress.totalBytes;
  const reached = await watcher.until((view) => {
    const drive = find(view);
    return drive !== undefined && (share(drive) >= PULL_AT || isDone(drive));
  }, signal);
  await disks.get('bravo')?.pull('clean-eof');
  const drive = find(reached);
  const percent = drive === undefined ? 0 : Math.round(share(drive) * 100);
  screen.say(`Pulled ${bravo.serial} out at ${percent} %.`);
  await watcher.until((view) => find(view)?.activity.kind === 'detached', signal);
  await sleep(DISK_AWAY_MS, undefined, { signal });
  const again = await plugIn(scene, bravo, cleanup, 'bay-9');
  screen.say(`Plugged ${bravo.serial} in again, into ${again.bay}.`);
}

/** Follows the station as any client does, and waits for what a view shows. */
class Watcher {
  readonly #stop = new AbortController();
  readonly #waiting = new Set<(view: StationView) => void>();
  #view: StationView | undefined;

  constructor(url: string, screen: DemoScreen) {
    const client = new StationClient({ url, actor: 'demo' });
    const onUpdate = ({ view }: LinkUpdate) => {
      if (view === undefined) return;
      this.#view = view;
      screen.show(view);
      for (const look of this.#waiting) look(view);
    };
    client.follow(onUpdate, this.#stop.signal).catch((error) => screen.say(messageOf(error)));
  }

  stop(): void {
    this.#stop.abort();
  }

  until(wanted: (view: StationView) => boolean, signal: AbortSignal): Promise<StationView> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        this.#waiting.delete(look);
        signal.removeEventListener('abort', onAbort);
        settle();
      };
      const onAbort = () => end(() => reject(new StationError('cancelled', 'the demo ends', {})));
      const look = (view: StationView) => {
        if (wanted(view)) end(() => resolve(view));
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(look);
      if (this.#view !== undefined) look(this.#view);
    });
  }
}

async function kernelReads({ name }: LoopDisk): Promise<number> {
  const fields = (await readFile(`/sys/block/${name}/stat`, 'utf8')).trim().split(/\s+/u);
  return Number(fields[0]);
}
